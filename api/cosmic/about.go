// Package cosmic has what is generated from openapi.yaml for COSMIC: its
// models, whose open words have Valid, its requests, and the table of its
// operations ([Service]).
//
// Programs call COSMIC through
// [github.com/credkit/credkit-go/facade.NewCosmic] and meet the models here.
// The [Client] here sends requests and no more: it checks no scope, sends
// nothing again, follows no list and tells no error from an answer.
package cosmic
