// Package ogen has the client that ogen writes of openapi.yaml, as a peer to
// measure beside: in the directory client, generated when the benchmark runs.
// go.mod pins the version of ogen.
package ogen

//go:generate go tool ogen --config ogen.yml --target client --package client --clean ../../../openapi.yaml
