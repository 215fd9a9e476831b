// Package cosmic is generated from openapi.yaml for COSMIC: its models, its
// client, and the table of its operations ([Service]).
//
// Programs call COSMIC through
// [github.com/credkit/credkit-go/facade.NewCosmic] and meet the models here.
// A model reads and writes itself: Extra has the members that openapi.yaml does
// not declare, at every depth, and a value is written with what came as null or
// empty. Open words have Valid, which tells whether this version knows them.
//
// The [Client] sends requests and no more: it checks no scope, sends nothing
// again, follows no list and tells no error from a success.
package cosmic
