// Package server has the interface of a server of both services, and its lists
// with the elements of their examples, generated from openapi.yaml. It serves package sandbox alone, and the promise of
// stable names does not cover it.
package server
