package drift

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
)

// compiler turns a parsed specification into what the walk needs. What it
// cannot hold a response against is an error: a check that silently leaves
// something out would pass what is wrong.
type compiler struct {
	shapes   map[*openapi3.Schema]*shape
	problems []error
}

func compile(source string) (map[string]*operation, error) {
	loader := openapi3.NewLoader()
	loader.IncludeOrigin = true
	doc, err := loader.LoadFromData([]byte(source))
	if err != nil {
		return nil, fmt.Errorf("drift: the specification cannot be read: %w", err)
	}
	if doc.Paths == nil || doc.Paths.Len() == 0 {
		return nil, errors.New("drift: the specification has no paths")
	}
	c := &compiler{shapes: map[*openapi3.Schema]*shape{}}
	operations := map[string]*operation{}
	for path, item := range doc.Paths.Map() {
		for method, op := range item.Operations() {
			if op.OperationID == "" {
				c.addf("%s %s has no operationId", method, path)
				continue
			}
			operations[op.OperationID] = c.operation(method, path, op)
		}
	}
	if err := errors.Join(c.problems...); err != nil {
		return nil, fmt.Errorf("drift: the specification has parts that responses cannot be held against: %w", err)
	}
	return operations, nil
}

func (c *compiler) addf(format string, args ...any) {
	c.problems = append(c.problems, fmt.Errorf(format, args...))
}

func (c *compiler) operation(method, path string, op *openapi3.Operation) *operation {
	o := &operation{id: op.OperationID, method: method, path: segments(path), responses: map[string]*response{}}
	o.part = placed(o.id, op.Origin, op.Extensions, part{})
	for status, ref := range op.Responses.Map() {
		if ref.Value == nil {
			continue
		}
		if code, err := strconv.Atoi(status); err == nil && code/100 == 2 {
			o.success = code
		}
		if ref.Ref != "" { // a shared response has evidence of its own
			o.responses[status] = c.response(refName(ref.Ref), ref.Value, part{})
			continue
		}
		o.responses[status] = c.response(o.id+" "+status, ref.Value, o.part)
	}
	return o
}

func segments(path string) []string {
	all := strings.Split(strings.TrimPrefix(path, "/"), "/")
	for i, s := range all {
		if strings.HasPrefix(s, "{") {
			all[i] = "{}"
		}
	}
	return all
}

func (c *compiler) response(name string, r *openapi3.Response, around part) *response {
	out := &response{part: placed(name, r.Origin, r.Extensions, around), headers: map[string]*use{}}
	for header, ref := range r.Headers {
		at := placed(name+" header "+header, ref.Value.Origin, ref.Value.Extensions, out.part)
		out.headers[header] = c.use(at, ref.Value.Schema)
	}
	for mediaType, media := range r.Content {
		if !isJSON(mediaType) {
			c.addf("%s: content of type %s", name, mediaType)
		} else if media.Schema != nil {
			at := out.part
			at.name += " body"
			out.body = c.use(at, media.Schema)
			out.body.whole = true
		}
	}
	return out
}

// use compiles a schema where it stands. at is the part that uses it.
func (c *compiler) use(at part, ref *openapi3.SchemaRef) *use {
	u := &use{part: at}
	if ref == nil || ref.Value == nil {
		u.shape = &shape{part: at, kinds: anything}
		return u
	}
	schema, name := ref.Value, refName(ref.Ref)
	if len(schema.AnyOf) > 0 && ref.Ref == "" {
		return c.nullable(u, schema)
	}
	if name == "" {
		name = at.name
	}
	u.shape = c.shape(name, schema, ref.Ref, at)
	return u
}

// nullable compiles the one union there is: a schema, or null.
func (c *compiler) nullable(u *use, schema *openapi3.Schema) *use {
	var inner *openapi3.SchemaRef
	for _, one := range schema.AnyOf {
		switch {
		case one.Value.Type.Is("null"):
			u.null = true
		case inner == nil:
			inner = one
		default:
			c.addf("%s (line %d): anyOf of more than one schema and null", u.part.name, u.part.line)
		}
	}
	rest := c.use(u.part, inner)
	u.shape = rest.shape
	return u
}

func (c *compiler) shape(name string, schema *openapi3.Schema, ref string, around part) *shape {
	if s := c.shapes[schema]; s != nil {
		return s
	}
	s := &shape{}
	c.shapes[schema] = s // before its inside: a schema may reach itself
	if ref != "" {
		around = part{} // a named schema has evidence of its own
	}
	s.part = placed(name, schema.Origin, schema.Extensions, around)
	c.understood(s.part, schema)
	s.kinds = c.kinds(s.part, schema)
	s.format, s.formed = schema.Format, formed(schema.Format)
	s.least = schema.Min
	s.open = schema.Extensions["x-open-enum"] == true
	for _, word := range schema.Enum {
		w, ok := word.(string)
		if !ok {
			c.addf("%s (line %d): an enum of other than strings", s.part.name, s.part.line)
		}
		s.words = append(s.words, w)
	}
	c.members(s, schema)
	if schema.Items != nil {
		s.items = c.use(placed(name+"[]", itemsOrigin(schema.Items), nil, s.part), schema.Items)
	}
	return s
}

func itemsOrigin(items *openapi3.SchemaRef) *openapi3.Origin {
	if items.Ref != "" {
		return items.Origin
	}
	return items.Value.Origin
}

func (c *compiler) members(s *shape, schema *openapi3.Schema) {
	s.byName = make(map[string]int, len(schema.Properties))
	for _, name := range slices.Sorted(maps.Keys(schema.Properties)) {
		ref := schema.Properties[name]
		origin, extensions := ref.Value.Origin, ref.Value.Extensions
		if ref.Ref != "" { // the property inherits from the schema around it
			origin, extensions = ref.Origin, ref.Extensions
		}
		at := placed(s.part.name+"."+name, origin, extensions, s.part)
		s.byName[name] = len(s.fields)
		s.fields = append(s.fields, field{name, slices.Contains(schema.Required, name), c.use(at, ref)})
	}
	for _, name := range schema.Required {
		if _, ok := s.byName[name]; !ok {
			c.addf("%s (line %d): requires %s, which it does not declare", s.part.name, s.part.line, name)
		}
	}
	switch extra := schema.AdditionalProperties; {
	case extra.Schema != nil:
		s.extras = extrasDeclared
		s.extraUse = c.use(placed(s.part.name+".*", extra.Schema.Origin, nil, s.part), extra.Schema)
	case extra.Has != nil && *extra.Has:
		s.extras = extrasDeclared
	case extra.Has != nil:
		s.extras = extrasClosed
	case schema.Type == nil && len(s.fields) == 0: // anything at all
		s.extras = extrasDeclared
	}
}

func (c *compiler) kinds(at part, schema *openapi3.Schema) (k kind) {
	if schema.Type == nil {
		return anything
	}
	for _, name := range schema.Type.Slice() {
		found := false
		for _, n := range kindNames() {
			if n.name == name {
				k |= n.kind
				found = true
			}
		}
		if !found {
			c.addf("%s (line %d): the type %q", at.name, at.line, name)
		}
	}
	if k&number != 0 {
		k |= integer
	}
	return k
}

// understood refuses what the walk would not check.
func (c *compiler) understood(at part, s *openapi3.Schema) {
	for keyword, there := range map[string]bool{
		"oneOf": len(s.OneOf) > 0, "allOf": len(s.AllOf) > 0, "not": s.Not != nil, "anyOf": len(s.AnyOf) > 0,
		"const": s.Const != nil, "pattern": s.Pattern != "", "prefixItems": len(s.PrefixItems) > 0,
		"patternProperties": len(s.PatternProperties) > 0, "if": s.If != nil, "minItems": s.MinItems > 0,
		"maxItems": s.MaxItems != nil, "minLength": s.MinLength > 0, "maxLength": s.MaxLength != nil,
		"maximum": s.Max != nil, "multipleOf": s.MultipleOf != nil, "uniqueItems": s.UniqueItems,
		"contains": s.Contains != nil, "minProperties": s.MinProps > 0, "maxProperties": s.MaxProps != nil,
	} {
		if there {
			c.addf("%s (line %d): the keyword %s", at.name, at.line, keyword)
		}
	}
	if s.Format != "" && formed(s.Format) == nil {
		c.addf("%s (line %d): the format %s", at.name, at.line, s.Format)
	}
}

// placed reads where a part stands and how sure it is; without x-evidence of
// its own it is as sure as the part around it.
func placed(name string, origin *openapi3.Origin, extensions map[string]any, around part) part {
	p := part{name: name, line: around.line, grade: around.grade, source: around.source}
	if origin != nil && origin.Key != nil {
		p.line = origin.Key.Line
	}
	if evidence, ok := extensions["x-evidence"].(map[string]any); ok {
		p.grade, _ = evidence["grade"].(string)
		p.source, _ = evidence["source"].(string)
	}
	return p
}

func refName(ref string) string { return ref[strings.LastIndexByte(ref, '/')+1:] }
