package main

import (
	"bytes"
	"cmp"
	"fmt"
	"go/ast"
	"go/format"
	"go/parser"
	"go/token"
	"go/types"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"text/template"
)

// model is a struct that oapi-codegen has generated, with the name of its JSON
// object's members.
type model struct {
	Name   string
	Fields []field
}

// field is a field of a model, and how package wire reads, writes and compares
// it.
type field struct {
	Go, JSON string
	Number   int
	Required bool
	Read     string // the form of the value that is read into {{.At}}
	Write    string
	Zero     string // a condition
	Equal    string // of v and o
	ID       bool
}

// maxFields is how many members package wire can count.
const maxFields = 64

// models reads the models in the source that oapi-codegen has written: so its
// names and types are the only ones.
func models(name string, source []byte) ([]model, error) {
	file, err := parser.ParseFile(token.NewFileSet(), name, source, 0)
	if err != nil {
		return nil, err
	}
	declared := map[string]ast.Expr{}
	for _, decl := range file.Decls {
		if decl, ok := decl.(*ast.GenDecl); ok && decl.Tok == token.TYPE {
			for _, s := range decl.Specs {
				declared[s.(*ast.TypeSpec).Name.Name] = s.(*ast.TypeSpec).Type
			}
		}
	}
	var p problems
	var all []model
	for name, t := range declared {
		if object, ok := t.(*ast.StructType); ok && isModel(object) {
			all = append(all, model{Name: name, Fields: modelFields(&p, declared, name, object)})
		}
	}
	slices.SortFunc(all, func(a, b model) int { return cmp.Compare(a.Name, b.Name) })
	return all, p.err()
}

// isModel tells the structs of schemas from the client and its parameters.
func isModel(object *ast.StructType) bool {
	return slices.ContainsFunc(object.Fields.List, func(f *ast.Field) bool {
		return len(f.Names) == 1 && f.Names[0].Name == "Zeros"
	})
}

func modelFields(p *problems, declared map[string]ast.Expr, name string, object *ast.StructType) (fields []field) {
	for _, f := range object.Fields.List {
		text, err := strconv.Unquote(f.Tag.Value)
		if err != nil {
			p.addf("%s: the tag %s is broken", name, f.Tag.Value)
			continue
		}
		jsonName, options, _ := strings.Cut(reflect.StructTag(text).Get("json"), ",")
		if jsonName == "-" {
			continue // Extra and Zeros
		}
		one := field{Go: f.Names[0].Name, JSON: jsonName, Number: len(fields), Required: options == ""}
		if !one.use(declared, types.ExprString(f.Type)) {
			p.addf("%s.%s: no reader for the type %s; package wire reads strings, UUIDs, times, dates, booleans, numbers, models, "+
				"lists of these, and any JSON as json.RawMessage", name, one.Go, types.ExprString(f.Type))
		}
		fields = append(fields, one)
	}
	if len(fields) > maxFields {
		p.addf("%s: %d properties; at most %d can be counted", name, len(fields), maxFields)
	}
	return fields
}

// use fills in how a field of the given type is handled. It reports false for
// a type that has no reader.
func (f *field) use(declared map[string]ast.Expr, t string) bool {
	v, o := "v."+f.Go, "o."+f.Go
	f.Equal = v + " == " + o
	set := func(read, write, zero string) bool {
		f.Read, f.Write, f.Zero = fmt.Sprintf("wire.%s(s, &%s)", read, v), fmt.Sprintf(write, v), fmt.Sprintf(zero, v)
		return true
	}
	if element, ok := strings.CutPrefix(t, "[]"); ok {
		var e field
		if !e.use(declared, element) || strings.HasPrefix(element, "[]") {
			return false
		}
		read, _, _ := strings.Cut(strings.TrimPrefix(e.Read, "wire."), "(")
		write := strings.Replace(e.Write, "v.", "e", 1)
		f.Read = fmt.Sprintf("wire.Slice(s, &%s, wire.%s)", v, read)
		f.Equal = fmt.Sprintf("slices.Equal(%s, %s)", v, o)
		if read == "Object" {
			f.Read = fmt.Sprintf("wire.Objects(s, &%s)", v)
			f.Equal = fmt.Sprintf("slices.EqualFunc(%s, %s, %s.Equal)", v, o, element)
		}
		f.Write = fmt.Sprintf("wire.WriteSlice(w, %s, func(e %s) { %s })", v, element, write)
		f.Zero = v + " == nil"
		return true
	}
	switch t {
	case "openapi_types.UUID":
		f.ID = true
		return set("UUID", "w.UUID(%s)", "%s == (openapi_types.UUID{})")
	case "time.Time":
		f.Equal = fmt.Sprintf("%s.Equal(%s)", v, o)
		return set("Time", "w.Time(%s)", "%s.IsZero()")
	case "date.Date":
		return set("Date", "w.Date(%s)", "%s.IsZero()")
	case "string":
		return set("String", "wire.WriteString(w, %s)", `%s == ""`)
	case "bool":
		return set("Bool", "w.Bool(%s)", "!%s")
	case "int", "int32", "int64":
		return set("Int", "w.Int(int64(%s))", "%s == 0")
	case "float64":
		return set("Float", "w.Float(%s)", "%s == 0")
	case "json.RawMessage":
		f.Equal = fmt.Sprintf("bytes.Equal(%s, %s)", v, o)
		return set("Raw", "w.Raw(%s)", "%s == nil")
	case "map[string]json.RawMessage":
		f.Equal = fmt.Sprintf("wire.EqualRaw(%s, %s)", v, o)
		return set("Map", "w.Map(%s)", "%s == nil")
	}
	switch underlying := declared[t].(type) {
	case *ast.Ident: // a word
		return underlying.Name == "string" && f.use(declared, "string")
	case *ast.StructType:
		f.Equal = fmt.Sprintf("%s.Equal(%s)", v, o)
		return isModel(underlying) && set("Object", "%s.WriteJSON(w)", "%s.isZero()")
	}
	return false
}

var modelTemplate = template.Must(template.New("models").Parse(`// Code generated by api/gen from {{.Package}}.gen.go. DO NOT EDIT.

package {{.Package}}

import (
{{- range .Imports}}
	{{.}}
{{- end}}
)
{{range $m := .Models}}
// ReadJSON reads an object in the place of what v had.
func (v *{{.Name}}) ReadJSON(s *wire.Scanner) {
	*v = {{.Name}}{}
	var f wire.Fields
	for name := s.Object(); name != nil; name = s.NextMember() {
		switch string(name) {
	{{- range .Fields}}
		case {{printf "%q" .JSON}}:
			f.Set({{.Number}}, {{.Read}})
	{{- end}}
		default:
			s.Unknown(name, &v.Extra)
		}
	}
	{{- range .Fields}}{{if .Required}}
	s.Require{{if .ID}}Filled{{end}}(&f, {{.Number}}, {{printf "%q" .JSON}})
	{{- end}}{{end}}
	v.Zeros = s.End(&f)
}

// WriteJSON writes v as an object.
func (v *{{.Name}}) WriteJSON(w *wire.Writer) {
	m := w.Begin(v.Zeros)
	{{- range .Fields}}
	{{- if .Required}}
	m.Required({{printf "%#q" (printf "%q:" .JSON)}})
	{{.Write}}
	{{- else}}
	if m.Member({{.Number}}, {{printf "%#q" (printf "%q:" .JSON)}}, {{.Zero}}) {
		{{.Write}}
	}
	{{- end}}
	{{- end}}
	m.End(v.Extra)
}

// UnmarshalJSON reads a JSON object. The error is a [*wire.Error]; null changes nothing.
func (v *{{.Name}}) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		return nil
	}
	return wire.Unmarshal(b, v)
}

// MarshalJSON writes the declared members that are not zero, those that came as null or zero as they came, and Extra.
func (v {{.Name}}) MarshalJSON() ([]byte, error) { return wire.Marshal(&v) }

// Equal reports whether v and o have the same fields and the same Extra.
func (v {{.Name}}) Equal(o {{.Name}}) bool {
	return {{range .Fields}}{{.Equal}} &&
		{{end}}wire.EqualRaw(v.Extra, o.Extra)
}

{{range .Fields}}{{if and .Required .ID (eq .JSON "id")}}
// Identity returns the id.
func (v *{{$m.Name}}) Identity() openapi_types.UUID { return v.{{.Go}} }
{{end}}{{end}}
func (v {{.Name}}) isZero() bool { return v.Zeros == wire.Zeros{} && v.Equal({{.Name}}{}) }
{{end}}`))

// renderModels writes the readers and writers of a package's models.
func renderModels(pkg string, source []byte) ([]byte, error) {
	all, err := models(pkg+".gen.go", source)
	if err != nil {
		return nil, err
	}
	var body bytes.Buffer
	data := struct {
		Package string
		Imports []string
		Models  []model
	}{Package: pkg, Models: all}
	if err := modelTemplate.Execute(&body, data); err != nil {
		return nil, err
	}
	data.Imports = imports(pkg, body.Bytes())
	body.Reset()
	if err := modelTemplate.Execute(&body, data); err != nil {
		return nil, err
	}
	return format.Source(body.Bytes())
}

// imports are the import lines that generated code of a package needs.
func imports(pkg string, code []byte) (lines []string) {
	const module = "github.com/credkit/credkit-go/"
	for _, imported := range []struct{ use, line string }{
		{"bytes.", `"bytes"`}, {"json.", `"encoding/json"`}, {"slices.", `"slices"`}, {"time.", `"time"`}, {"", ""},
		{"certn.", `"` + module + `api/certn"`}, {"cosmic.", `"` + module + `api/cosmic"`}, {"date.", `"` + module + `api/date"`}, {"wire.", `"` + module + `api/wire"`},
		{"openapi_types.", `openapi_types "github.com/oapi-codegen/runtime/types"`},
	} {
		if imported.use != pkg+"." && regexp.MustCompile(`(^|[^\w.])`+regexp.QuoteMeta(imported.use)).Match(code) {
			lines = append(lines, imported.line)
		}
	}
	return lines
}
