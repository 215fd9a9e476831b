package drift

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
)

// part is a place in openapi.yaml with its evidence.
type part struct {
	name          string
	line          int
	grade, source string
}

func (p part) String() string { return fmt.Sprintf("%s (line %d)", p.name, p.line) }

// guessed reports whether the part was never read or seen anywhere.
func (p part) guessed() bool { return p.grade == "inferred" || p.grade == "assumed" }

// types are the JSON types that a schema permits, as JSON Schema names them;
// none means all.
type types []string

func (t types) permit(name string) bool {
	return len(t) == 0 || slices.Contains(t, name) || name == "integer" && slices.Contains(t, "number")
}

func (t types) String() string {
	if len(t) == 0 {
		return "anything"
	}
	return strings.Join(t, " or ")
}

// use is a schema where it is used: as a property, an item, a body. Its part
// speaks of its presence, the schema's part of its inside.
type use struct {
	part   part
	types  types // those of the schema, and null where the use permits it
	body   bool  // a body, which its response speaks for
	schema *schema
}

// want says what the specification wants here.
func (u *use) want() string {
	if u.schema.format != "" {
		return fmt.Sprintf("%s (%s)", u.types, u.schema.format)
	}
	return u.types.String()
}

// schema is the inside of a schema.
type schema struct {
	part    part
	types   types
	format  string
	check   func(string) bool // of the format; nil without one
	minimum *float64
	words   []string // x-extensible-enum; others may come

	fields []field
	byName map[string]int
	closed bool // additionalProperties: false
	keyed  bool // additionalProperties: true, or a schema
	values *use // of additionalProperties, if it is a schema
	items  *use // nil for anything
}

type field struct {
	name     string
	required bool
	use      *use
}

// response is one declared response of an operation.
type response struct {
	part    part
	body    *use // nil if no JSON body is declared
	headers map[string]*use
}

// operation is what drift knows of an operation.
type operation struct {
	id, method string
	path       []string // segments; "{}" for a parameter
	success    int
	part       part
	responses  map[string]*response
}

// response finds the response for a status: by its number, by its class (4XX),
// or the default. exact is true for a number.
func (o *operation) response(status int) (r *response, exact bool) {
	if r = o.responses[strconv.Itoa(status)]; r != nil {
		return r, true
	}
	if r = o.responses[fmt.Sprintf("%dXX", status/100)]; r != nil {
		return r, false
	}
	return o.responses["default"], false
}

// compiler turns a parsed specification into operations. What no response can
// be held against is an error: a check that silently leaves something out
// would pass what is wrong.
type compiler struct {
	schemas  map[*openapi3.Schema]*schema
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
	c := &compiler{schemas: map[*openapi3.Schema]*schema{}}
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
	o := &operation{id: op.OperationID, method: method, path: strings.Split(strings.TrimPrefix(path, "/"), "/"), responses: map[string]*response{}}
	for i, segment := range o.path {
		if strings.HasPrefix(segment, "{") {
			o.path[i] = "{}"
		}
	}
	o.part = newPart(o.id, op.Origin, op.Extensions, part{})
	for status, ref := range op.Responses.Map() {
		if code, err := strconv.Atoi(status); err == nil && code/100 == 2 {
			o.success = code
		}
		name, around := o.id+" "+status, o.part
		if ref.Ref != "" { // a shared response has evidence of its own
			name, around = refName(ref.Ref), part{}
		}
		o.responses[status] = c.response(name, ref.Value, around)
	}
	return o
}

func (c *compiler) response(name string, r *openapi3.Response, around part) *response {
	out := &response{part: newPart(name, r.Origin, r.Extensions, around), headers: map[string]*use{}}
	for header, ref := range r.Headers {
		at := newPart(name+" header "+header, ref.Value.Origin, ref.Value.Extensions, out.part)
		out.headers[header] = c.use(at, ref.Value.Schema)
	}
	for mediaType, media := range r.Content {
		if !isJSON(mediaType) {
			c.addf("%s: content of type %s", name, mediaType)
		} else if media.Schema != nil {
			at := out.part
			at.name += " body"
			out.body = c.use(at, media.Schema)
			out.body.body = true
		}
	}
	return out
}

// use compiles a schema where it stands. at is the part that uses it. The one
// union there is is that of a schema and null.
func (c *compiler) use(at part, ref *openapi3.SchemaRef) *use {
	if ref == nil || ref.Value == nil {
		return &use{part: at, schema: &schema{part: at}}
	}
	if ref.Ref != "" || len(ref.Value.AnyOf) == 0 {
		s := c.schema(at, ref)
		return &use{part: at, types: s.types, schema: s}
	}
	var null bool
	var inner []*openapi3.SchemaRef
	for _, one := range ref.Value.AnyOf {
		if one.Value.Type.Is("null") {
			null = true
		} else {
			inner = append(inner, one)
		}
	}
	if len(inner) != 1 {
		c.addf("%v: anyOf of other than one schema and null", at)
		return c.use(at, nil)
	}
	u := c.use(at, inner[0])
	if null && len(u.types) > 0 {
		u.types = append(slices.Clone(u.types), "null")
	}
	return u
}

func (c *compiler) schema(around part, ref *openapi3.SchemaRef) *schema {
	from := ref.Value
	if s := c.schemas[from]; s != nil {
		return s
	}
	s := &schema{}
	c.schemas[from] = s // before its inside: a schema may reach itself
	name := around.name
	if ref.Ref != "" { // a named schema has evidence of its own
		name, around = refName(ref.Ref), part{}
	}
	s.part = newPart(name, from.Origin, from.Extensions, around)
	c.checkKeywords(s.part, from)
	if from.Type != nil {
		s.types = from.Type.Slice()
	}
	s.format, s.check = from.Format, formatCheck(from.Format)
	s.minimum = from.Min
	words, _ := from.Extensions["x-extensible-enum"].([]any)
	for _, word := range words {
		w, ok := word.(string)
		if !ok {
			c.addf("%v: a word that is no string", s.part)
		}
		s.words = append(s.words, w)
	}
	c.members(s, from)
	if from.Items != nil {
		origin := from.Items.Value.Origin
		if from.Items.Ref != "" {
			origin = from.Items.Origin
		}
		s.items = c.use(newPart(name+"[]", origin, nil, s.part), from.Items)
	}
	return s
}

func (c *compiler) members(s *schema, from *openapi3.Schema) {
	s.byName = make(map[string]int, len(from.Properties))
	for _, name := range slices.Sorted(maps.Keys(from.Properties)) {
		ref := from.Properties[name]
		origin, extensions := ref.Value.Origin, ref.Value.Extensions
		if ref.Ref != "" { // the property inherits from the schema around it
			origin, extensions = ref.Origin, ref.Extensions
		}
		at := newPart(s.part.name+"."+name, origin, extensions, s.part)
		s.byName[name] = len(s.fields)
		s.fields = append(s.fields, field{name, slices.Contains(from.Required, name), c.use(at, ref)})
	}
	for _, name := range from.Required {
		if _, ok := s.byName[name]; !ok {
			c.addf("%v: requires %s, which it does not declare", s.part, name)
		}
	}
	extra := from.AdditionalProperties
	if extra.Schema != nil {
		s.values = c.use(newPart(s.part.name+".*", extra.Schema.Origin, nil, s.part), extra.Schema)
	}
	s.keyed = extra.Schema != nil || extra.Has != nil && *extra.Has || extra.Has == nil && from.Type == nil && len(s.fields) == 0
	s.closed = extra.Has != nil && !*extra.Has
}

// keywords are those of a schema that are checked, and those that say nothing
// of a value. anyOf is checked where a schema is used.
var keywords = []string{
	"type", "format", "minimum", "properties", "required", "additionalProperties", "items",
	"title", "description", "example", "examples", "default", "deprecated", "readOnly", "writeOnly", "__origin__",
}

// checkKeywords refuses what would not be checked.
func (c *compiler) checkKeywords(at part, s *openapi3.Schema) {
	text, err := s.MarshalJSON()
	var members map[string]json.RawMessage
	if err == nil {
		err = json.Unmarshal(text, &members)
	}
	if err != nil {
		c.addf("%v: %w", at, err)
	}
	for name := range members {
		if !slices.Contains(keywords, name) && !strings.HasPrefix(name, "x-") {
			c.addf("%v: the keyword %s", at, name)
		}
	}
	if s.Format != "" && formatCheck(s.Format) == nil {
		c.addf("%v: the format %s", at, s.Format)
	}
}

// newPart returns where a part stands and how sure it is; without x-evidence of
// its own it is as sure as the part around it.
func newPart(name string, origin *openapi3.Origin, extensions map[string]any, around part) part {
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
