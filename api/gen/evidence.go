package main

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
)

// gradeNames are the grades, surest first.
var gradeNames = []string{"observed", "documented", "inferred", "assumed"}

// evidence is how sure we are of a part, where that is from, and on which day
// somebody last looked there.
type evidence struct{ Grade, Source, Checked string }

// dateOnly is what a part inherits that needs a grade and a source of its own.
func (e evidence) dateOnly() evidence { return evidence{Checked: e.Checked} }

// fact is one part of the specification with its evidence.
type fact struct {
	Part string
	evidence
	// Inherited says that grade and source are those of the part around it.
	Inherited bool
}

// chapter is a service, an operation, a sign-in or a schema, with its facts.
type chapter struct {
	Title string
	// Schemas are the names of the schemas an operation reaches.
	Schemas []string
	Facts   []fact
}

// section is a part of the book.
type section struct {
	Title    string
	Chapters []chapter
}

// book is the evidence of the whole specification.
type book struct{ Services, Operations, Signin, Schemas section }

func (b *book) sections() []section {
	return []section{b.Services, b.Operations, b.Signin, b.Schemas}
}

// collector goes through the specification and collects its evidence.
type collector struct {
	problems *problems
	document evidence // the date for parts that name none, nor one around them
	today    time.Time
}

// grades collects the evidence of the whole specification. Here is the one rule
// of evidence: services, rate limits, operations, parameters, security schemes
// and what has a name in components have grade and source of their own; any
// other part may inherit those of the part around it. A date is inherited by all
// of them, last from the document.
func grades(doc *openapi3.T, today time.Time) (*book, error) {
	var p problems
	w := &collector{problems: &p, today: today}
	w.document = w.documentDate(doc.Extensions)
	b := &book{Services: section{Title: "Services"}, Operations: section{Title: "Operations"}, Signin: section{Title: "Sign-in"}, Schemas: section{Title: "Schemas"}}
	for _, tag := range doc.Tags {
		b.Services.add(w.service(tag))
	}
	for _, path := range slices.Sorted(maps.Keys(doc.Paths.Map())) {
		operations := doc.Paths.Value(path).Operations()
		for _, method := range slices.Sorted(maps.Keys(operations)) {
			b.Operations.add(w.operation(method+" "+path, operations[method]))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(doc.Components.Schemas)) {
		c := chapter{Title: name}
		w.schema(&c, name, "", doc.Components.Schemas[name].Value, w.document)
		b.Schemas.add(c)
	}
	for _, name := range slices.Sorted(maps.Keys(doc.Components.SecuritySchemes)) {
		c := chapter{Title: name}
		extensions := doc.Components.SecuritySchemes[name].Value.Extensions
		own := w.add(&c, name, "sign-in", extensions, w.document)
		if logout, ok := extensions["x-logout"].(map[string]any); ok {
			w.add(&c, name+", x-logout", "logout", logout, own.dateOnly())
		}
		b.Signin.add(c)
	}
	return b, p.err()
}

func (s *section) add(c chapter) { s.Chapters = append(s.Chapters, c) }

// documentDate reads the x-evidence of the whole document, which is a date alone.
func (w *collector) documentDate(extensions map[string]any) evidence {
	fields, _ := extensions["x-evidence"].(map[string]any)
	if len(fields) != 1 || fields["checked"] == nil {
		w.problems.addf("document: want x-evidence {checked}, the day on which everything without a later one was last checked")
		return evidence{}
	}
	checked, err := w.date(fields)
	if err != nil {
		w.problems.addf("document, x-evidence: %w", err)
	}
	return evidence{Checked: checked}
}

// date reads the member checked; "" if there is none.
func (w *collector) date(fields map[string]any) (string, error) {
	value, there := fields["checked"]
	if !there {
		return "", nil
	}
	text, _ := value.(string)
	day, err := time.Parse(time.DateOnly, text)
	if err != nil {
		return "", fmt.Errorf("checked: %v is not a day like '2026-11-22'", value)
	}
	if day.After(w.today) {
		return "", fmt.Errorf("checked: %s has not come yet", text)
	}
	return text, nil
}

// read reads the evidence that a part has of its own; false if it has none.
func (w *collector) read(extensions map[string]any, name string) (own evidence, there bool, err error) {
	value, there := extensions[name]
	if !there {
		return own, false, nil
	}
	fields, ok := value.(map[string]any)
	if !ok {
		return own, true, fmt.Errorf("%s must be {grade, source, checked}", name)
	}
	own.Grade, _ = fields["grade"].(string)
	own.Source, _ = fields["source"].(string)
	if !slices.Contains(gradeNames, own.Grade) {
		return own, true, fmt.Errorf("%s: the grade %q is not one of %s", name, own.Grade, strings.Join(gradeNames, ", "))
	}
	if !strings.HasPrefix(own.Source, "https://") && !strings.HasPrefix(own.Source, "recording:") {
		return own, true, fmt.Errorf("%s: the source %q is neither an https address nor a recording:", name, own.Source)
	}
	if own.Checked, err = w.date(fields); err != nil {
		return own, true, fmt.Errorf("%s: %w", name, err)
	}
	for member := range fields {
		if member != "grade" && member != "source" && member != "checked" {
			return own, true, fmt.Errorf("%s: %s is not read: want grade, source and checked alone", name, member)
		}
	}
	return own, true, nil
}

// add notes a part's evidence, its own or that of the part around it.
func (w *collector) add(c *chapter, where, part string, extensions map[string]any, around evidence) evidence {
	own, there, err := w.read(extensions, "x-evidence")
	switch {
	case err != nil:
		w.problems.addf("%s: %w", where, err)
		return around
	case !there && around.Grade == "":
		w.problems.addf("%s: no x-evidence of its own, and none around it to inherit: give x-evidence {grade, source}", where)
		return around
	case !there:
		own = around
	case own.Checked == "":
		own.Checked = around.Checked
	}
	c.Facts = append(c.Facts, fact{part, own, !there})
	return own
}

func (w *collector) service(tag *openapi3.Tag) chapter {
	c := chapter{Title: tag.Name}
	own := w.add(&c, "tag "+tag.Name, "service", tag.Extensions, w.document)
	fields, _ := tag.Extensions["x-service"].(map[string]any)
	limits, _ := fields["x-rate-limit"].([]any)
	for i, limit := range limits {
		fields, _ := limit.(map[string]any)
		w.add(&c, fmt.Sprintf("tag %s, x-rate-limit[%d]", tag.Name, i), fmt.Sprintf("%v requests in %v", fields["requests"], fields["window"]), fields, own.dateOnly())
	}
	return c
}

func (w *collector) operation(title string, op *openapi3.Operation) chapter {
	c := chapter{Title: title}
	own := w.add(&c, title, "operation", op.Extensions, w.document)
	if scopes, there, err := w.read(op.Extensions, "x-security-evidence"); err != nil {
		w.problems.addf("%s: %w", title, err)
	} else if there {
		scopes.Checked = cmp.Or(scopes.Checked, own.Checked)
		c.Facts = append(c.Facts, fact{"scopes", scopes, false})
	}
	for _, ref := range op.Parameters {
		part := ref.Value.In + " parameter `" + ref.Value.Name + "`"
		// What a list takes is seldom on the same page as what it returns.
		w.add(&c, title+", "+part, part, ref.Value.Extensions, own.dateOnly())
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
			around = w.document
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

func (w *collector) content(c *chapter, content openapi3.Content) {
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

func (w *collector) schema(c *chapter, name, path string, schema *openapi3.Schema, around evidence) {
	where := "schema " + name
	part := "schema"
	if path != "" {
		where += ", property " + path
		part = "`" + path + "`"
	}
	own := w.add(c, where, part, schema.Extensions, around)
	w.below(c, name, path, schema, own)
}

func (w *collector) below(c *chapter, name, path string, schema *openapi3.Schema, own evidence) {
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
