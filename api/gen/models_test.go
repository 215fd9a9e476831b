package main

import (
	"fmt"
	"strings"
	"testing"
)

// A property of every type that has a reader is read, written and compared.
func TestModelsOfEveryTypeHaveReaders(t *testing.T) {
	for name, test := range map[string]struct {
		field string
		want  []string
	}{
		"a string":         {"string", []string{"wire.String(s, &v.F)", "wire.WriteString(w, v.F)", `v.F == ""`, "v.F == o.F"}},
		"an open word":     {"Word", []string{"wire.String(s, &v.F)", "wire.WriteString(w, v.F)"}},
		"an id":            {"openapi_types.UUID", []string{"wire.UUID(s, &v.F)", "w.UUID(v.F)"}},
		"a date-time":      {"time.Time", []string{"wire.Time(s, &v.F)", "v.F.Equal(o.F)"}},
		"a date":           {"date.Date", []string{"wire.Date(s, &v.F)", "v.F.IsZero()"}},
		"a boolean":        {"bool", []string{"wire.Bool(s, &v.F)", "!v.F"}},
		"a whole number":   {"int32", []string{"wire.Int(s, &v.F)", "w.Int(int64(v.F))"}},
		"a number":         {"float64", []string{"wire.Float(s, &v.F)", "w.Float(v.F)"}},
		"a model":          {"Other", []string{"wire.Object(s, &v.F)", "v.F.WriteJSON(w)", "v.F.isZero()"}},
		"models":           {"[]Other", []string{"wire.Objects(s, &v.F)", "func(e Other) { e.WriteJSON(w) }", "slices.EqualFunc(v.F, o.F, Other.Equal)", "v.F == nil"}},
		"ids":              {"[]openapi_types.UUID", []string{"wire.Slice(s, &v.F, wire.UUID)", "func(e openapi_types.UUID) { w.UUID(e) }"}},
		"words":            {"[]Word", []string{"wire.Slice(s, &v.F, wire.String)", "wire.WriteString(w, e)"}},
		"any JSON":         {"json.RawMessage", []string{"wire.Raw(s, &v.F)", "w.Raw(v.F)"}},
		"an object of any": {"map[string]json.RawMessage", []string{"wire.Map(s, &v.F)", "w.Map(v.F)", "wire.EqualRaw(v.F, o.F)"}},
	} {
		t.Run(name, func(t *testing.T) {
			text, err := renderModels("p", []byte(modelSource(test.field, `json:"f,omitempty"`)))
			if err != nil {
				t.Fatal(err)
			}
			for _, want := range append(test.want, `case "f":`, "m.Member(0, `\"f\":`, ") {
				if !strings.Contains(string(text), want) {
					t.Errorf("no %s in:\n%s", want, text)
				}
			}
		})
	}
}

func TestARequiredMemberIsAlwaysThere(t *testing.T) {
	for field, want := range map[string]string{
		"openapi_types.UUID": `s.RequireFilled(&f, 0, "id")`,
		"string":             `s.Require(&f, 0, "id")`,
	} {
		text, err := renderModels("p", []byte(modelSource(field, `json:"id"`)))
		if err != nil || !strings.Contains(string(text), want) || !strings.Contains(string(text), "m.Required(`\"id\":`)") {
			t.Errorf("%s: %v, no %s in:\n%s", field, err, want, text)
		}
	}
}

func TestModelsWithoutReadersAreRefused(t *testing.T) {
	for name, test := range map[string]struct{ field, want string }{
		"a pointer":              {"*string", "M.F: no reader for the type *string"},
		"any":                    {"interface{}", "M.F: no reader for the type"},
		"a list of lists":        {"[][]string", "no reader for the type [][]string"},
		"a struct of another":    {"Client", "no reader for the type Client"},
		"an object of any":       {"map[string]interface{}", "as json.RawMessage"},
		"a word that is no text": {"Number", "no reader for the type Number"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := renderModels("p", []byte(modelSource(test.field, `json:"f"`))); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%v, want %q", err, test.want)
			}
		})
	}
	var many strings.Builder
	for i := range maxFields + 1 {
		fmt.Fprintf(&many, "F%d string `json:\"f%d\"`\n", i, i)
	}
	if _, err := renderModels("p", []byte("package p\ntype M struct {\n"+many.String()+"Zeros int `json:\"-\"`\n}")); err == nil || !strings.Contains(err.Error(), "65 properties") {
		t.Errorf("too many properties: %v", err)
	}
	if _, err := renderModels("p", []byte("package p\ntype {")); err == nil {
		t.Error("a file that is no Go is taken")
	}
}

func modelSource(field, tag string) string {
	return "package p\n\ntype M struct {\n\tF " + field + " `" + tag + "`\n\tExtra map[string]json.RawMessage `json:\"-\"`\n\tZeros wire.Zeros `json:\"-\"`\n}\n\n" +
		"type Other struct {\n\tZeros wire.Zeros `json:\"-\"`\n}\n\ntype Client struct{ Server string }\n\ntype Word string\n\ntype Number float64\n"
}
