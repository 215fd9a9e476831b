package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
)

// gradeNames are the grades, surest first.
var gradeNames = []string{"observed", "documented", "inferred", "assumed"}

// evidence is how sure we are of a part, and where that is from.
type evidence struct{ Grade, Source string }

// fact is one part of the specification with its evidence.
type fact struct {
	Part string
	evidence
	// Inherited says that the evidence is that of the part around it.
	Inherited bool
}

// chapter is an operation, or a schema, with its facts.
type chapter struct {
	Title string
	// Schemas are the names of the schemas an operation reaches.
	Schemas []string
	Facts   []fact
}

// book is the evidence of the whole specification.
type book struct{ Operations, Schemas, Signin []chapter }

// evidenceOf reads x-evidence; nil if there is none.
func evidenceOf(extensions map[string]any) (*evidence, error) {
	return evidenceAt(extensions, "x-evidence")
}

func evidenceAt(extensions map[string]any, name string) (*evidence, error) {
	value, ok := extensions[name]
	if !ok {
		return nil, nil
	}
	fields, ok := value.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("%s must be {grade, source}", name)
	}
	grade, _ := fields["grade"].(string)
	source, _ := fields["source"].(string)
	if !slices.Contains(gradeNames, grade) {
		return nil, fmt.Errorf("%s: the grade %q is not one of %s", name, grade, strings.Join(gradeNames, ", "))
	}
	if !strings.HasPrefix(source, "https://") && !strings.HasPrefix(source, "recording:") {
		return nil, fmt.Errorf("%s: the source %q is neither an https address nor a recording:", name, source)
	}
	if len(fields) != 2 {
		return nil, fmt.Errorf("%s: want grade and source alone", name)
	}
	return &evidence{grade, source}, nil
}

// grades walks the whole specification. Here is the one rule of evidence:
// operations, parameters, security schemes and what has a name in components
// have evidence of their own; any other part may inherit that of the part
// around it.
func grades(doc *openapi3.T) (*book, error) {
	var p problems
	w := &walk{problems: &p}
	b := &book{}
	for _, path := range slices.Sorted(maps.Keys(doc.Paths.Map())) {
		operations := doc.Paths.Value(path).Operations()
		for _, method := range slices.Sorted(maps.Keys(operations)) {
			b.Operations = append(b.Operations, w.operation(method+" "+path, operations[method]))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(doc.Components.Schemas)) {
		c := chapter{Title: name}
		w.schema(&c, name, "", doc.Components.Schemas[name].Value, nil)
		b.Schemas = append(b.Schemas, c)
	}
	for _, name := range slices.Sorted(maps.Keys(doc.Components.SecuritySchemes)) {
		c := chapter{Title: name}
		extensions := doc.Components.SecuritySchemes[name].Value.Extensions
		w.add(&c, name, "sign-in", extensions, nil)
		if logout, ok := extensions["x-logout"].(map[string]any); ok {
			w.add(&c, name+", x-logout", "logout", logout, nil)
		}
		b.Signin = append(b.Signin, c)
	}
	return b, p.err()
}

type walk struct{ problems *problems }

// add notes a part's evidence, its own or that of the part around it.
func (w *walk) add(c *chapter, where, part string, extensions map[string]any, around *evidence) *evidence {
	own, err := evidenceOf(extensions)
	switch {
	case err != nil:
		w.problems.addf("%s: %w", where, err)
		return around
	case own != nil:
		c.Facts = append(c.Facts, fact{part, *own, false})
		return own
	case around != nil:
		c.Facts = append(c.Facts, fact{part, *around, true})
		return around
	default:
		w.problems.addf("%s: no x-evidence of its own, and none around it to inherit: give x-evidence {grade, source}", where)
		return nil
	}
}

func (w *walk) operation(title string, op *openapi3.Operation) chapter {
	c := chapter{Title: title}
	own := w.add(&c, title, "operation", op.Extensions, nil)
	if scopes, err := evidenceAt(op.Extensions, "x-security-evidence"); err != nil {
		w.problems.addf("%s: %w", title, err)
	} else if scopes != nil {
		c.Facts = append(c.Facts, fact{"scopes", *scopes, false})
	}
	for _, ref := range op.Parameters {
		part := ref.Value.In + " parameter `" + ref.Value.Name + "`"
		// What a list takes is seldom on the same page as what it returns.
		w.add(&c, title+", "+part, part, ref.Value.Extensions, nil)
	}
	if op.RequestBody != nil {
		w.add(&c, title+", request body", "request body", op.RequestBody.Value.Extensions, own)
		w.content(&c, op.RequestBody.Value.Content)
	}
	responses := op.Responses.Map()
	for _, status := range slices.Sorted(maps.Keys(responses)) {
		part := "response " + status
		response, around := responses[status].Value, own
		if responses[status].Ref != "" {
			around = nil
		}
		around = w.add(&c, title+", "+part, part, response.Extensions, around)
		for _, name := range slices.Sorted(maps.Keys(response.Headers)) {
			header := part + ", header `" + name + "`"
			w.add(&c, title+", "+header, header, response.Headers[name].Value.Extensions, around)
		}
		w.content(&c, response.Content)
	}
	slices.Sort(c.Schemas)
	c.Schemas = slices.Compact(c.Schemas)
	return c
}

func (w *walk) content(c *chapter, content openapi3.Content) {
	for _, media := range content {
		reach(&c.Schemas, media.Schema)
	}
}

// reach notes the named schemas below ref.
func reach(names *[]string, ref *openapi3.SchemaRef) {
	if ref == nil || ref.Value == nil {
		return
	}
	if name, ok := strings.CutPrefix(ref.Ref, "#/components/schemas/"); ok {
		if slices.Contains(*names, name) {
			return
		}
		*names = append(*names, name)
	}
	for _, property := range ref.Value.Properties {
		reach(names, property)
	}
	for _, one := range ref.Value.AnyOf {
		reach(names, one)
	}
	reach(names, ref.Value.Items)
}

func (w *walk) schema(c *chapter, name, path string, schema *openapi3.Schema, around *evidence) {
	where := "schema " + name
	part := "schema"
	if path != "" {
		where += ", property " + path
		part = "`" + path + "`"
	}
	own := w.add(c, where, part, schema.Extensions, around)
	w.below(c, name, path, schema, own)
}

func (w *walk) below(c *chapter, name, path string, schema *openapi3.Schema, own *evidence) {
	for _, property := range slices.Sorted(maps.Keys(schema.Properties)) {
		ref := schema.Properties[property]
		inner := strings.TrimPrefix(path+"."+property, ".")
		if ref.Ref != "" { // the property inherits; what it refers to has a chapter of its own
			w.add(c, "schema "+name+", property "+inner, "`"+inner+"`", ref.Extensions, own)
			continue
		}
		w.schema(c, name, inner, ref.Value, own)
	}
	if items := schema.Items; items != nil && items.Ref == "" {
		w.below(c, name, path+"[]", items.Value, own)
	}
	for _, one := range schema.AnyOf {
		if one.Ref == "" {
			w.below(c, name, path, one.Value, own)
		}
	}
}
