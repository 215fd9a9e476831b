// The program rendering writes the part of openapi.yaml that the measurements
// need as OpenAPI 3.0, which ogen reads: it knows neither type lists nor YAML
// anchors.
//
// A type that may be null becomes nullable, an open enum a plain string (ogen
// would refuse an unknown word), and examples and extensions are left out.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"os"
	"strings"

	"gopkg.in/yaml.v3"
)

func main() {
	log.SetFlags(0)
	from := flag.String("from", "", "the OpenAPI 3.1 `file` to read")
	to := flag.String("to", "", "the OpenAPI 3.0 `file` to write, as JSON")
	flag.Parse()
	if err := run(*from, *to, flag.Args()); err != nil {
		log.Fatal("rendering: ", err)
	}
}

func run(from, to string, paths []string) error {
	text, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	var spec map[string]any
	if err := yaml.Unmarshal(text, &spec); err != nil {
		return err
	}
	r := &renderer{components: spec["components"].(map[string]any), used: map[string]bool{}}
	kept := map[string]any{}
	all := spec["paths"].(map[string]any)
	for _, path := range paths {
		item, ok := all[path].(map[string]any)
		if !ok {
			return fmt.Errorf("%s has no path %q", from, path)
		}
		kept[path] = map[string]any{"get": r.render(item["get"])}
	}
	schemas := map[string]any{}
	for more := true; more; {
		more = false
		for name := range r.used {
			if schemas[name] == nil {
				schemas[name] = r.render(r.schema(name))
				more = true
			}
		}
	}
	info := spec["info"].(map[string]any)
	out, err := json.MarshalIndent(map[string]any{
		"openapi":    "3.0.3",
		"info":       map[string]any{"title": info["title"], "version": info["version"]},
		"paths":      kept,
		"components": map[string]any{"schemas": schemas},
	}, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(to, append(out, '\n'), 0o644)
}

type renderer struct {
	components map[string]any
	used       map[string]bool // the schemas that are referred to
}

func (r *renderer) schema(name string) map[string]any {
	return r.components["schemas"].(map[string]any)[name].(map[string]any)
}

func (r *renderer) render(v any) any {
	switch v := v.(type) {
	case map[string]any:
		return r.object(v)
	case []any:
		list := make([]any, len(v))
		for i := range v {
			list[i] = r.render(v[i])
		}
		return list
	default:
		return v
	}
}

func (r *renderer) object(from map[string]any) any {
	if ref, ok := from["$ref"].(string); ok {
		return r.refer(ref)
	}
	if one, ok := orNull(from); ok {
		return r.nullable(one)
	}
	to := map[string]any{}
	for name, value := range from {
		switch {
		case strings.HasPrefix(name, "x-"), name == "example", name == "examples", name == "enum", name == "security":
		case name == "type":
			r.kind(to, value)
		default:
			to[name] = r.render(value)
		}
	}
	return to
}

// refer keeps a reference to a schema, and puts anything else in its place.
func (r *renderer) refer(ref string) any {
	part := strings.Split(strings.TrimPrefix(ref, "#/components/"), "/")
	kind, name := part[0], part[1]
	if kind != "schemas" {
		return r.render(r.components[kind].(map[string]any)[name])
	}
	if r.schema(name)["enum"] != nil {
		return map[string]any{"type": "string"}
	}
	r.used[name] = true
	return map[string]any{"$ref": ref}
}

// orNull tells of "anyOf: [X, null]", as 3.1 writes a reference that may be
// null.
func orNull(from map[string]any) (one map[string]any, ok bool) {
	list, _ := from["anyOf"].([]any)
	if len(list) != 2 || list[1].(map[string]any)["type"] != "null" {
		return nil, false
	}
	return list[0].(map[string]any), true
}

// nullable puts a copy of the schema in the place of its reference: a
// reference of 3.0 has no siblings.
func (r *renderer) nullable(one map[string]any) any {
	if ref, ok := one["$ref"].(string); ok {
		one = r.schema(ref[strings.LastIndexByte(ref, '/')+1:])
	}
	to := r.object(one).(map[string]any)
	to["nullable"] = true
	return to
}

// kind sets the type, of which 3.0 knows one.
func (r *renderer) kind(to map[string]any, value any) {
	list, ok := value.([]any)
	if !ok {
		to["type"] = value
		return
	}
	for _, name := range list {
		if name == "null" {
			to["nullable"] = true
		} else {
			to["type"] = name
		}
	}
}
