package main

import (
	"bytes"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/oasdiff/yaml"
)

// object is what is read of one kind of object of the specification. A member
// that does not stand here is refused: nothing would execute what it says.
type object struct {
	title string
	// members are the ones that may be there, with the kind of their value:
	// "" for anything, "x" for an x, "x*" for a map to x, "x[]" for a list of x.
	members map[string]string
	// must are the members that have to be there, with what to do without one.
	must map[string]string
	// instead says what to write in place of a member that is not read.
	instead map[string]string
}

const (
	sayWords    = "write a summary and a description"
	sayBehavior = "say x-retry, x-pagination and security"
	noUnion     = "write the members out in one schema; what may be null is an anyOf of a schema and {type: 'null'}"
	openWords   = "write x-extensible-enum: an unknown word must never fail a response"
	ownEnum     = "move the words to a schema of their own in components, as x-extensible-enum, so that their Go type has a name"
)

var objects = map[string]object{
	"document": {
		title: "a specification",
		members: map[string]string{
			"openapi": "", "info": "", "servers": "server[]", "tags": "tag[]", "security": "", "paths": "path*", "components": "components",
			"x-evidence": "",
		},
	},
	"server": {
		title:   "a server",
		members: map[string]string{"url": "", "description": ""},
	},
	"tag": {
		title:   "a tag",
		members: map[string]string{"name": "", "description": "", "externalDocs": "", "x-service": "", "x-evidence": ""},
		must:    map[string]string{"description": "give a description"},
	},
	"path": {
		title: "a path",
		members: map[string]string{
			"servers": "server[]", "get": "operation", "head": "operation", "put": "operation", "post": "operation", "patch": "operation", "delete": "operation",
		},
		instead: map[string]string{"parameters": "write each of them in every operation of the path"},
	},
	"operation": {
		title: "an operation",
		members: map[string]string{
			"operationId": "", "tags": "", "summary": "", "description": "", "security": "", "parameters": "parameter[]", "requestBody": "body",
			"responses": "response*", "x-retry": "", "x-pagination": "", "x-evidence": "", "x-security-evidence": "",
		},
		must: map[string]string{
			"operationId": "give the operation an operationId in camelCase, such as listUsers", "summary": sayWords, "description": sayWords,
			"x-retry": sayBehavior, "x-pagination": sayBehavior, "security": sayBehavior,
		},
	},
	"parameter": {
		title: "a parameter",
		members: map[string]string{
			"name": "", "in": "", "required": "", "description": "", "schema": "parameterSchema", "example": "", "x-go-type-skip-optional-pointer": "", "x-evidence": "",
		},
		must: map[string]string{"description": "give a description", "required": "say required true or false", "example": "give an example"},
	},
	"body": {
		title:   "a request body",
		members: map[string]string{"required": "", "description": "", "content": "content", "x-evidence": ""},
	},
	"response": {
		title:   "a response",
		members: map[string]string{"$ref": "", "description": "", "headers": "header*", "content": "content", "x-evidence": ""},
	},
	"header": {
		title:   "a header",
		members: map[string]string{"description": "", "schema": "parameterSchema", "example": "", "x-evidence": ""},
		must:    map[string]string{"description": "give a description"},
	},
	"content": {
		title:   "a body's content",
		members: map[string]string{"application/json": "media"},
	},
	"media": {
		title:   "a media type",
		members: map[string]string{"schema": "schema", "examples": "example*"},
		must:    map[string]string{"schema": "give a schema", "examples": "give examples"},
		instead: map[string]string{"example": "give examples, each with a summary"},
	},
	"example": {
		title:   "an example",
		members: map[string]string{"$ref": "", "summary": "", "value": ""},
	},
	"components": {
		title:   "the components",
		members: map[string]string{"securitySchemes": "scheme*", "responses": "response*", "schemas": "namedSchema*", "examples": "example*"},
	},
	"scheme": {
		title: "a security scheme",
		members: map[string]string{
			"type": "", "description": "", "flows": "flows", "x-client-authentication": "", "x-identity-scopes": "", "x-scope-aliases": "", "x-logout": "", "x-evidence": "",
		},
		must: map[string]string{"description": "give a description"},
	},
	"flows": {
		title:   "the flows of a security scheme",
		members: map[string]string{"authorizationCode": "flow", "clientCredentials": "flow"},
	},
	"flow": {
		title:   "a flow",
		members: map[string]string{"authorizationUrl": "", "tokenUrl": "", "refreshUrl": "", "scopes": ""},
	},

	// A schema is a reference, something that may be null, or written out.
	"reference": {
		title:   "a reference to a schema",
		members: map[string]string{"$ref": "", "description": "", "x-evidence": ""},
	},
	"nullable": {
		title:   "an anyOf",
		members: map[string]string{"anyOf": "schema[]", "description": "", "x-evidence": ""},
	},
	"namedSchema": {
		title: "a named schema",
		members: map[string]string{
			"type": "", "format": "", "description": "", "properties": "property*", "required": "", "items": "schema", "additionalProperties": "", "minimum": "",
			"x-extensible-enum": "", "x-evidence": "",
		},
		must:    map[string]string{"description": "give a description"},
		instead: map[string]string{"allOf": noUnion, "oneOf": noUnion, "anyOf": noUnion, "enum": openWords, "example": "write it in components, under examples"},
	},
	"schema": {
		title: "a schema",
		members: map[string]string{
			"type": "", "format": "", "description": "", "properties": "property*", "required": "", "items": "schema", "additionalProperties": "", "minimum": "", "x-evidence": "",
		},
		instead: map[string]string{"allOf": noUnion, "oneOf": noUnion, "enum": ownEnum},
	},
	"property": {
		title: "a property",
		members: map[string]string{
			"type": "", "format": "", "description": "", "properties": "property*", "required": "", "items": "schema", "additionalProperties": "", "minimum": "",
			"x-go-name": "", "x-go-type": "", "x-evidence": "",
		},
		must:    map[string]string{"description": "give a description"},
		instead: map[string]string{"allOf": noUnion, "oneOf": noUnion, "enum": ownEnum},
	},
	"parameterSchema": {
		title: "the schema of a parameter",
		members: map[string]string{
			"type": "", "format": "", "minimum": "", "maximum": "", "minLength": "", "maxLength": "", "default": "",
		},
		instead: map[string]string{"allOf": noUnion, "oneOf": noUnion, "anyOf": noUnion, "enum": ownEnum},
	},
}

// reader goes through the specification as it is written, before anything is
// left out of it.
type reader struct {
	problems problems
	refs     map[string]bool
}

// members refuses what nobody reads, and what our rules want and is not there.
// Each problem begins with the JSON pointer (RFC 6901) of its place.
func members(source []byte) error {
	var document any
	if _, err := yaml.Unmarshal(source, &document, yaml.DecodeOpts{DisableTimestamps: true}); err != nil {
		return err
	}
	r := &reader{refs: map[string]bool{}}
	for _, at := range yamlAnchor.FindAllIndex(source, -1) {
		r.problems.addf("line %d: an anchor or alias of YAML, which not every tool reads: refer to a component by $ref", 1+bytes.Count(source[:at[1]], []byte("\n")))
	}
	r.object("document", "", document)
	top, _ := document.(map[string]any)
	components, _ := top["components"].(map[string]any)
	for _, section := range []string{"examples", "responses", "schemas"} {
		named, _ := components[section].(map[string]any)
		for _, name := range slices.Sorted(maps.Keys(named)) {
			if at := "/components/" + section + "/" + escape(name); !r.refs["#"+at] {
				r.problems.addf("%s: nothing refers to it: remove it", at)
			}
		}
	}
	return r.problems.err()
}

var yamlAnchor = regexp.MustCompile(`(?m)(^|[:\[{,-])[ \t]+[&*][A-Za-z_]`)

// value reads a value of a kind, in the notation of object.
func (r *reader) value(kind, at string, v any) {
	switch {
	case kind == "":
	case strings.HasSuffix(kind, "*"):
		entries, ok := v.(map[string]any)
		if !ok {
			r.problems.addf("%s: want an object", at)
		}
		for _, name := range slices.Sorted(maps.Keys(entries)) {
			r.object(strings.TrimSuffix(kind, "*"), at+"/"+escape(name), entries[name])
		}
	case strings.HasSuffix(kind, "[]"):
		list, ok := v.([]any)
		if !ok {
			r.problems.addf("%s: want a list", at)
		}
		for i, one := range list {
			r.object(strings.TrimSuffix(kind, "[]"), fmt.Sprintf("%s/%d", at, i), one)
		}
	default:
		r.object(kind, at, v)
	}
}

func (r *reader) object(kind, at string, v any) {
	fields, ok := v.(map[string]any)
	if !ok {
		r.problems.addf("%s: want an object", at)
		return
	}
	ref, isRef := fields["$ref"].(string)
	if isRef {
		r.refs[ref] = true
	}
	must := objects[kind].must
	if strings.HasSuffix(kind, "chema") || kind == "property" {
		switch {
		case isRef:
			kind, must = "reference", nil
		case fields["anyOf"] != nil && objects[kind].instead["anyOf"] == "":
			kind = "nullable"
		}
	}
	o := objects[kind]
	for _, name := range slices.Sorted(maps.Keys(must)) {
		if value, there := fields[name]; !there || value == "" || value == nil {
			r.problems.addf("%s: no %s: %s", at, name, must[name])
		}
	}
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		inner, read := o.members[name]
		if read {
			r.value(inner, at+"/"+escape(name), fields[name])
			continue
		}
		todo := o.instead[name]
		if todo == "" {
			todo = "remove it, or have api/gen read it; read are " + strings.Join(slices.Sorted(maps.Keys(o.members)), ", ")
		}
		r.problems.addf("%s/%s: %s is not read in %s: %s", at, escape(name), name, o.title, todo)
	}
	switch kind {
	case "operation":
		if id, ok := fields["operationId"].(string); ok && !camelCase.MatchString(id) {
			r.problems.addf("%s/operationId: %s is not in camelCase, such as listUsers", at, id)
		}
	case "parameter":
		r.parameter(at, fields)
	case "nullable":
		r.nullable(at, fields)
	case "schema", "namedSchema", "property", "parameterSchema":
		r.schema(at, fields)
	}
}

var camelCase = regexp.MustCompile(`^[a-z]+([A-Z][a-z]+)+$`)

func (r *reader) parameter(at string, fields map[string]any) {
	if in, _ := fields["in"].(string); in != "query" && in != "header" && in != "path" {
		r.problems.addf("%s/in: %q is not read: want query, header or path", at, in)
	}
	if skip, ok := fields["x-go-type-skip-optional-pointer"].(bool); fields["required"] == false && (!ok || skip) {
		r.problems.addf("%s: an optional parameter needs x-go-type-skip-optional-pointer: false, or its zero value would be sent", at)
	}
}

// nullable takes the one union that has a Go type: a schema, or null.
func (r *reader) nullable(at string, fields map[string]any) {
	all, _ := fields["anyOf"].([]any)
	nulls := 0
	for _, one := range all {
		if schema, ok := one.(map[string]any); ok && schema["type"] == "null" && len(schema) == 1 {
			nulls++
		}
	}
	if len(all) != 2 || nulls != 1 {
		r.problems.addf("%s/anyOf: this union has no Go type: %s", at, noUnion)
	}
}

var (
	kinds   = []string{"string", "integer", "number", "boolean", "array", "object"}
	formats = []string{"uuid", "uri", "date", "date-time", "int32", "int64", "double"} // drift checks these, too
)

func (r *reader) schema(at string, fields map[string]any) {
	is, hasType := fields["type"]
	if list, ok := is.([]any); ok && len(list) == 2 && list[1] == "null" {
		is = list[0]
	}
	if name, ok := is.(string); hasType && is != "null" && (!ok || !slices.Contains(kinds, name)) {
		r.problems.addf("%s/type: %v is not read: want one of %s, alone or with null after it", at, fields["type"], strings.Join(kinds, ", "))
	}
	if format, ok := fields["format"]; ok {
		if name, _ := format.(string); !slices.Contains(formats, name) {
			r.problems.addf("%s/format: %v is not read: want one of %s", at, format, strings.Join(formats, ", "))
		}
	}
	for _, rule := range []struct{ member, needs string }{
		{"properties", "object"}, {"required", "object"}, {"additionalProperties", "object"}, {"items", "array"}, {"x-extensible-enum", "string"},
	} {
		if _, there := fields[rule.member]; there && is != rule.needs {
			r.problems.addf("%s/%s: goes with type %s alone", at, rule.member, rule.needs)
		}
	}
	if more, there := fields["additionalProperties"]; there && more != true {
		r.problems.addf("%s/additionalProperties: want true, or nothing: every unknown member reaches the caller", at)
	}
	if list, there := fields["x-extensible-enum"]; there {
		words, _ := list.([]any)
		if len(words) == 0 || slices.ContainsFunc(words, func(w any) bool { word, ok := w.(string); return !ok || word == "" }) {
			r.problems.addf("%s/x-extensible-enum: want a list of words", at)
		}
	}
}

// escape writes a member name as RFC 6901 wants it in a JSON pointer.
func escape(name string) string {
	return strings.NewReplacer("~", "~0", "/", "~1").Replace(name)
}
