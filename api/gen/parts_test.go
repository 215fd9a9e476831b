package main

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	credkit "github.com/credkit/credkit-go"
)

// parts counts the services and their rate limits, the operations, their scopes, parameters, bodies, responses
// and headers, the named schemas with every property below them, and the
// sign-ins.
func parts(t *testing.T) (n int) {
	t.Helper()
	doc, err := openapi3.NewLoader().LoadFromData([]byte(credkit.Spec))
	if err != nil {
		t.Fatal(err)
	}
	for _, tag := range doc.Tags {
		limits, _ := tag.Extensions["x-service"].(map[string]any)["x-rate-limit"].([]any)
		n += 1 + len(limits)
	}
	for _, item := range doc.Paths.Map() {
		for _, op := range item.Operations() {
			n += 1 + len(op.Parameters) + op.Responses.Len()
			if op.RequestBody != nil {
				n++
			}
			if op.Extensions["x-security-evidence"] != nil {
				n++
			}
			for _, response := range op.Responses.Map() {
				n += len(response.Value.Headers)
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(doc.Components.Schemas)) {
		n += 1 + properties(doc.Components.Schemas[name].Value)
	}
	for _, scheme := range doc.Components.SecuritySchemes {
		n++
		if scheme.Value.Extensions["x-logout"] != nil {
			n++
		}
	}
	return n
}

func properties(schema *openapi3.Schema) (n int) {
	for _, property := range schema.Properties {
		n++
		if !strings.HasPrefix(property.Ref, "#") {
			n += properties(property.Value)
		}
	}
	if schema.Items != nil && schema.Items.Ref == "" {
		n += properties(schema.Items.Value)
	}
	return n
}
