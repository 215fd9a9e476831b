package drift

import (
	"fmt"
	"strings"
)

// kind is a set of JSON types.
type kind uint8

const (
	null kind = 1 << iota
	boolean
	integer
	number
	text
	list
	object

	anything = null | boolean | integer | number | text | list | object
)

type namedKind struct {
	kind kind
	name string
}

// kindNames are the types as JSON Schema names them.
func kindNames() []namedKind {
	return []namedKind{{text, "string"}, {integer, "integer"}, {number, "number"}, {boolean, "boolean"}, {list, "array"}, {object, "object"}, {null, "null"}}
}

// String lists the types of the set.
func (k kind) String() string {
	if k == anything {
		return "anything"
	}
	var names []string
	for _, n := range kindNames() {
		if k&n.kind != 0 {
			names = append(names, n.name)
		}
	}
	return strings.Join(names, " or ")
}

// part is a place in openapi.yaml with its evidence.
type part struct {
	name          string
	line          int
	grade, source string
}

// guessed says that the part was never read or seen anywhere.
func (p part) guessed() bool { return p.grade == "inferred" || p.grade == "assumed" }

// use is a schema where it is used: as a property, an item, a body. Its part
// speaks of its presence, the shape's part of its inside.
type use struct {
	part  part
	null  bool // beside what the shape allows
	whole bool // a body, which its response speaks for
	shape *shape
}

func (u *use) kinds() kind {
	if u.null {
		return u.shape.kinds | null
	}
	return u.shape.kinds
}

// want says what the specification wants here.
func (u *use) want() string {
	want := u.kinds().String()
	if u.shape.format != "" {
		want = fmt.Sprintf("%s (%s)", want, u.shape.format)
	}
	return want
}

// extras says what a schema holds of members that it does not declare.
type extras int

const (
	extrasUnknown  extras = iota // nothing is said
	extrasDeclared               // additionalProperties: true, or a schema
	extrasClosed                 // additionalProperties: false
)

// shape is the inside of a schema.
type shape struct {
	part   part
	kinds  kind
	format string
	formed func(string) bool // what the format promises; nil without one
	least  *float64          // minimum
	words  []string
	open   bool // x-open-enum

	fields   []field
	byName   map[string]int
	extras   extras
	extraUse *use // of additionalProperties, if it is a schema
	items    *use // nil for anything
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
// or the default. exact is false for the default.
func (o *operation) response(status int) (r *response, exact bool) {
	if r = o.responses[fmt.Sprint(status)]; r != nil {
		return r, true
	}
	if r = o.responses[fmt.Sprintf("%dXX", status/100)]; r != nil {
		return r, true
	}
	return o.responses["default"], false
}
