package main

import (
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
)

func text(p *problems, where string, value any) string {
	s, ok := value.(string)
	if !ok || s == "" {
		p.addf("%s: want a text", where)
	}
	return s
}

func textList(p *problems, where string, value any) (list []string) {
	values, ok := value.([]any)
	if !ok {
		p.addf("%s: want a list of texts", where)
	}
	for _, v := range values {
		list = append(list, text(p, where, v))
	}
	return list
}

func textMap(p *problems, where string, value any) map[string]string {
	fields, ok := value.(map[string]any)
	if !ok {
		p.addf("%s: missing, or not an object of texts", where)
		return nil
	}
	m := make(map[string]string, len(fields))
	for name, v := range fields {
		m[name] = text(p, where+", "+name, v)
	}
	return m
}

// successSchema returns the JSON schema of the 2xx answer, or nil.
func successSchema(op *openapi3.Operation) *openapi3.Schema {
	if media := successMedia(op); media != nil && media.Schema != nil {
		return media.Schema.Value
	}
	return nil
}

// successMedia returns the JSON of the 2xx answer, or nil.
func successMedia(op *openapi3.Operation) *openapi3.MediaType {
	for status, response := range op.Responses.Map() {
		if !strings.HasPrefix(status, "2") || response.Value == nil {
			continue
		}
		if media := response.Value.Content.Get("application/json"); media != nil {
			return media
		}
	}
	return nil
}

// hasProperty reports whether a path of properties is declared.
func hasProperty(schema *openapi3.Schema, path []string) bool {
	return len(path) == 0 && schema != nil || declaring(schema, path) != nil
}

// requiresProperty reports whether the last property of a path is required of
// the object that declares it.
func requiresProperty(schema *openapi3.Schema, path []string) bool {
	object := declaring(schema, path)
	return object != nil && slices.Contains(object.Required, path[len(path)-1])
}

// declaring returns the object schema that declares the last property of a
// path, through nullable unions; nil if none does.
func declaring(schema *openapi3.Schema, path []string) *openapi3.Schema {
	if schema == nil || len(path) == 0 {
		return nil
	}
	if ref := schema.Properties[path[0]]; ref != nil {
		if len(path) == 1 {
			return schema
		}
		return declaring(ref.Value, path[1:])
	}
	for _, ref := range schema.AnyOf {
		if object := declaring(ref.Value, path); object != nil {
			return object
		}
	}
	return nil
}
