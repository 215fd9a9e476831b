// Package certn has what is generated from openapi.yaml for Certn's partner
// API, version 1: its models, its requests, and the table of its operations
// ([Service]).
//
// Programs call Certn through
// [github.com/credkit/credkit-go/facade.NewCertn] and meet the models here.
// The [Client] here sends requests and no more: it sends nothing again, keeps
// no rate limit, follows no list and tells no error from an answer.
package certn
