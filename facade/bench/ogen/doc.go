// Package ogen has the client of the same operations that ogen writes, as a
// peer to measure beside: in the directory client, from openapi30.json, which is
// what openapi.yaml says in the OpenAPI version that ogen reads. Both are
// generated when the benchmark runs; go.mod pins the version of ogen.
//
// Requests have no token: the measurements add it (the rendering leaves
// security out, as ogen's hook for it is the same work for every peer).
package ogen

//go:generate go run ./rendering -from ../../../openapi.yaml -to openapi30.json /v1/me /v1/certifications
//go:generate go tool ogen --config ogen.yml --target client --package client --clean openapi30.json
