// Package credkit is the root of a Go client library for two credential
// services: COSMIC and Certn. Programs import
// [github.com/credkit/credkit-go/facade]; this package has the specification
// that everything else is generated from.
package credkit

import _ "embed" // for Spec

//go:generate go tool -modfile=api/tools.mod oapi-codegen -config api/cosmic/oapi-codegen.yaml -o api/cosmic/cosmic.gen.go openapi.yaml
//go:generate go tool -modfile=api/tools.mod oapi-codegen -config api/certn/oapi-codegen.yaml -o api/certn/certn.gen.go openapi.yaml
//go:generate go tool -modfile=api/tools.mod oapi-codegen -config api/server/oapi-codegen.yaml -o api/server/server.gen.go openapi.yaml
//go:generate go run ./api/gen -spec openapi.yaml -out api -facade facade/models.gen.go -readme api/README.md

// Spec is openapi.yaml, the maintained description of both services.
//
//go:embed openapi.yaml
var Spec string
