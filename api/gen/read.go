package main

import (
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
	for status, response := range op.Responses.Map() {
		if !strings.HasPrefix(status, "2") || response.Value == nil {
			continue
		}
		if media := response.Value.Content.Get("application/json"); media != nil && media.Schema != nil {
			return media.Schema.Value
		}
	}
	return nil
}

// hasProperty follows a path of properties, through nullable unions.
func hasProperty(schema *openapi3.Schema, path []string) bool {
	if schema == nil {
		return false
	}
	if len(path) == 0 {
		return true
	}
	if ref := schema.Properties[path[0]]; ref != nil {
		return hasProperty(ref.Value, path[1:])
	}
	for _, ref := range schema.AnyOf {
		if hasProperty(ref.Value, path) {
			return true
		}
	}
	return false
}
