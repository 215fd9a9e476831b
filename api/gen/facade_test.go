package main

import (
	"strings"
	"testing"
)

const facadeSource = `package cosmic

// Badge A badge that
// is worn.
type Badge struct {
	// ID The badge.
	ID openapi_types.UUID ` + "`json:\"id\"`" + `

	// Colour Its colour.
	Colour Colour ` + "`json:\"colour,omitempty\"`" + `

	// Owners Who wears it.
	Owners []Owner ` + "`json:\"owners,omitempty\"`" + `

	// WornOn When it was worn.
	WornOn date.Date ` + "`json:\"worn_on,omitempty\"`" + `

	// Extra has the rest.
	Extra map[string]json.RawMessage ` + "`json:\"-\"`" + `

	// Zeros are zeros.
	Zeros wire.Zeros ` + "`json:\"-\"`" + `
}

// Owner A person.
type Owner struct {
	// Name Its name.
	Name string ` + "`json:\"name\"`" + `

	Extra map[string]json.RawMessage ` + "`json:\"-\"`" + `
	Zeros wire.Zeros ` + "`json:\"-\"`" + `
}

// Colour Which colour it has.
type Colour string

const (
	ColourRed Colour = "red"
)

// Other Nobody needs it.
type Other struct{}
`

// The facade has a struct for what an operation is about, which shows its fields,
// and an alias for what that has as a field, with the words.
func TestFacadeTypesShowTheirFields(t *testing.T) {
	types, err := facadeTypes("cosmic", []byte(facadeSource), []string{"Badge"})
	if err != nil {
		t.Fatal(err)
	}
	code, err := renderFacade(types)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"// Badge is a badge that is worn.\n//\n", "type Badge struct {", "// ID is the badge.\n\tID UUID `json:\"id\"`", "// WornOn is when it was worn.\n\tWornOn Date ",
		"// Extra has the rest.\n", "func (v Badge) MarshalJSON()", "func (v *Badge) model() element {",
		"// Owner is a person. Its fields: Name (string), Extra (map[string]json.RawMessage).\ntype Owner = cosmic.Owner\n",
		"type Colour = cosmic.Colour\n", "ColourRed Colour = cosmic.ColourRed\n",
	} {
		if !strings.Contains(string(code), want) {
			t.Errorf("no %q in:\n%s", want, code)
		}
	}
	if strings.Contains(string(code), "Other") {
		t.Errorf("a type that no operation needs is there:\n%s", code)
	}
	if _, err := facadeTypes("cosmic", []byte(facadeSource), []string{"Nothing"}); err == nil {
		t.Error("a model that oapi-codegen has not written is taken")
	}
}
