// Package stock has the client that oapi-codegen writes of openapi.yaml without
// our templates and readers, as a peer to measure beside. It is generated when
// the benchmark runs.
package stock

//go:generate go tool -modfile=../../../api/tools.mod oapi-codegen -config oapi-codegen.yaml -o stock.gen.go ../../../openapi.yaml
