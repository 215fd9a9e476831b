// Package certn is generated from openapi.yaml for Certn's partner API, version
// 1: its models, its client, and the table of its operations ([Service]).
//
// Programs call Certn through
// [github.com/credkit/credkit-go/facade.NewCertn] and meet the models here,
// which read and write themselves: see package cosmic.
//
// The [Client] sends requests and no more: it sends nothing again, keeps no
// rate limit, follows no list and tells no error from a success.
package certn
