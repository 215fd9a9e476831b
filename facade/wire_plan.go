package facade

import (
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/credkit/credkit-go/api/date"
)

// plan is a struct type as the shortcut of wire_shortcut.go decodes it. It is
// made from the generated model, so that a property that is added to the
// specification needs no line here.
type plan struct {
	members []member // in the order in which the last element had them
}

// member is one field that has a JSON name.
type member struct {
	quoted []byte // its name with the quotes
	field  int
	kind   storage
	plan   *plan // of a nested struct
}

// storage is how a field is stored.
type storage int

const (
	asOther  storage = iota // decoded by the JSON package
	asText                  // any string type
	asValue                 // a uuid.UUID, time.Time or date.Date
	asStruct                // decoded by a plan of its own
)

// find returns the place of the member with that name, or -1.
func (p *plan) find(name []byte) int {
	return slices.IndexFunc(p.members, func(m member) bool { return string(m.quoted[1:len(m.quoted)-1]) == string(name) })
}

// clone returns a plan for another list.
func (p *plan) clone() *plan {
	if p == nil {
		return nil
	}
	c := &plan{members: slices.Clone(p.members)}
	for i := range c.members {
		c.members[i].plan = c.members[i].plan.clone()
	}
	return c
}

// newPlan returns the plan of a struct type, or nil for one that it cannot
// have: one with embedded fields, or without members.
func newPlan(t reflect.Type) *plan {
	p := &plan{}
	for i := range t.NumField() {
		f := t.Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		for option := range strings.SplitSeq(options, ",") {
			if option != "" && option != "omitempty" && option != "omitzero" {
				return nil // it may change how the field is read
			}
		}
		if f.Anonymous || !f.IsExported() || name == "" || name == "-" {
			return nil
		}
		m := member{quoted: []byte(`"` + name + `"`), field: i, kind: storageOf(f.Type)}
		if m.kind == asStruct {
			if m.plan = newPlan(f.Type); m.plan == nil {
				m.kind = asOther
			}
		}
		p.members = append(p.members, m)
	}
	if len(p.members) == 0 {
		return nil
	}
	return p
}

func storageOf(t reflect.Type) storage {
	switch {
	case t == reflect.TypeFor[uuid.UUID](), t == reflect.TypeFor[time.Time](), t == reflect.TypeFor[date.Date]():
		return asValue
	case decodesItself(t):
		return asOther
	case t.Kind() == reflect.String:
		return asText
	case t.Kind() == reflect.Struct:
		return asStruct
	default:
		return asOther
	}
}

// decodesItself tells of a type with a method that decoders call.
func decodesItself(t reflect.Type) bool {
	for _, name := range []string{"UnmarshalJSON", "UnmarshalText", "UnmarshalJSONFrom"} {
		if _, ok := reflect.PointerTo(t).MethodByName(name); ok {
			return true
		}
	}
	return false
}
