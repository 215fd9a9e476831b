package facade_test

import (
	"cmp"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/credkit/credkit-go/api/certn"
	"github.com/credkit/credkit-go/api/cosmic"
	"github.com/credkit/credkit-go/api/spec"
)

// client is what the code says of one service's client.
type client struct {
	receiver string
	service  spec.Service
}

func clients() []client {
	return []client{{"Cosmic", cosmic.Service}, {"Certn", certn.Service}}
}

// code is the facade's own source, as far as this test reads it.
type code struct {
	// methods are the exported methods by receiver and name.
	methods map[string]map[string]*ast.FuncDecl
	// functions are all functions and methods by their name alone.
	functions map[string][]*ast.FuncDecl
	// constants maps a constant of the facade to the generated one.
	constants map[string]string
}

func readCode(files []*ast.File) code {
	c := code{map[string]map[string]*ast.FuncDecl{}, map[string][]*ast.FuncDecl{}, map[string]string{}}
	for _, file := range files {
		for _, decl := range file.Decls {
			switch decl := decl.(type) {
			case *ast.FuncDecl:
				c.functions[decl.Name.Name] = append(c.functions[decl.Name.Name], decl)
				if receiver := receiverOf(decl); receiver != "" && decl.Name.IsExported() {
					if c.methods[receiver] == nil {
						c.methods[receiver] = map[string]*ast.FuncDecl{}
					}
					c.methods[receiver][decl.Name.Name] = decl
				}
			case *ast.GenDecl:
				for _, s := range decl.Specs {
					if value, ok := s.(*ast.ValueSpec); ok && decl.Tok == token.CONST && len(value.Values) == 1 {
						if generated, ok := value.Values[0].(*ast.SelectorExpr); ok {
							c.constants[value.Names[0].Name] = generated.Sel.Name
						}
					}
				}
			}
		}
	}
	return c
}

func receiverOf(decl *ast.FuncDecl) string {
	if decl.Recv == nil {
		return ""
	}
	receiver := decl.Recv.List[0].Type
	if star, ok := receiver.(*ast.StarExpr); ok {
		receiver = star.X
	}
	name, _ := receiver.(*ast.Ident)
	if name == nil {
		return ""
	}
	return name.Name
}

// names lists the identifiers in a function's body, once each.
func namesIn(decl *ast.FuncDecl) []string {
	seen := map[string]bool{}
	ast.Inspect(decl, func(n ast.Node) bool {
		if name, ok := n.(*ast.Ident); ok {
			seen[name.Name] = true
		}
		return true
	})
	return slices.Sorted(maps.Keys(seen))
}

// direct are the operations that a method names itself.
func (c code) direct(decl *ast.FuncDecl) (generated []string) {
	for _, name := range namesIn(decl) {
		if op := c.constants[name]; strings.HasPrefix(op, "Op") {
			generated = append(generated, op)
		}
	}
	return generated
}

// reaches reports whether a function names an operation or calls one of the
// package's functions that does.
func (c code) reaches(decl *ast.FuncDecl, passed map[*ast.FuncDecl]bool) bool {
	if passed[decl] {
		return false
	}
	passed[decl] = true
	if len(c.direct(decl)) > 0 {
		return true
	}
	for _, name := range namesIn(decl) {
		for _, called := range c.functions[name] {
			if c.reaches(called, passed) {
				return true
			}
		}
	}
	return false
}

// callsOut reports whether a method is one that makes requests, by its
// signature: it takes a context, or returns a list.
func callsOut(decl *ast.FuncDecl) bool {
	calls := false
	ast.Inspect(decl.Type, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.SelectorExpr:
			calls = calls || n.Sel.Name == "Context"
		case *ast.Ident:
			calls = calls || n.Name == "List"
		}
		return true
	})
	return calls
}

// compare says where methods and operations do not fit.
func (c code) compare() (wrong []string) {
	inParentheses := regexp.MustCompile(`\(([a-z][A-Za-z]+)\)`)
	for _, one := range clients() {
		ids := map[string]spec.OperationID{}
		for _, op := range one.service.Operations {
			ids["Op"+strings.ToUpper(string(op.ID[:1]))+string(op.ID[1:])] = op.ID
		}
		has := map[spec.OperationID][]string{}
		for _, name := range slices.Sorted(maps.Keys(c.methods[one.receiver])) {
			decl := c.methods[one.receiver][name]
			method := one.receiver + "." + name
			if callsOut(decl) && !c.reaches(decl, map[*ast.FuncDecl]bool{}) {
				wrong = append(wrong, method+" makes calls and has no operation of openapi.yaml")
			}
			said := map[spec.OperationID]bool{}
			for _, match := range inParentheses.FindAllStringSubmatch(decl.Doc.Text(), -1) {
				said[spec.OperationID(match[1])] = true
			}
			for _, generated := range c.direct(decl) {
				id, known := ids[generated]
				switch {
				case !known:
					wrong = append(wrong, fmt.Sprintf("%s uses %s, which is no operation of %s", method, generated, one.service.Title))
				case !said[id]:
					wrong = append(wrong, fmt.Sprintf("%s calls %s, and its comment does not say (%s)", method, id, id))
				default:
					has[id] = append(has[id], method)
				}
				delete(said, id)
			}
			for id := range said {
				wrong = append(wrong, fmt.Sprintf("the comment of %s says (%s), which it does not call", method, id))
			}
		}
		for generated, id := range ids {
			if len(has[id]) == 0 {
				wrong = append(wrong, fmt.Sprintf("the operation %s of %s has no method on %s", id, one.service.Title, one.receiver))
			}
			if method := strings.TrimPrefix(generated, "Op"); !c.callsGenerated(method) {
				wrong = append(wrong, fmt.Sprintf("nothing calls %s of the generated client of %s", method, one.service.Title))
			}
		}
	}
	slices.Sort(wrong)
	return wrong
}

// callsGenerated reports whether the code calls a method of a generated client,
// which is named api everywhere.
func (c code) callsGenerated(method string) (found bool) {
	for _, decls := range c.functions {
		for _, decl := range decls {
			ast.Inspect(decl, func(n ast.Node) bool {
				call, ok := n.(*ast.SelectorExpr)
				if !ok || call.Sel.Name != method {
					return true
				}
				switch on := call.X.(type) {
				case *ast.Ident:
					found = found || on.Name == "api"
				case *ast.SelectorExpr:
					found = found || on.Sel.Name == "api"
				}
				return true
			})
		}
	}
	return found
}

// parse reads the facade's files; change may replace the text of one.
func parse(t *testing.T, change func(name, text string) string) []*ast.File {
	t.Helper()
	names, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	var files []*ast.File
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, change(name, string(text)), parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, file)
	}
	return files
}

// TestEveryOperationHasItsMethodAndEveryMethodItsOperation reads the code.
func TestEveryOperationHasItsMethodAndEveryMethodItsOperation(t *testing.T) {
	for _, wrong := range readCode(parse(t, func(_, text string) string { return text })).compare() {
		t.Error(wrong)
	}
}

func TestAMethodWithoutOperationAndAnOperationWithoutMethodAreFound(t *testing.T) {
	for _, test := range []struct{ name, file, old, now, want string }{
		{"a method is gone", "certn.go", "func (c *Certn) Users(", "func (c *Certn) users(", "the operation listUsers of Certn has no method on Certn"},
		{"a method calls nothing that is described", "certn.go", "// FindUser returns", "// Ping asks whether the service is there.\nfunc (c *Certn) Ping(ctx context.Context) error { return ctx.Err() }\n\n// FindUser returns", "Certn.Ping makes calls and has no operation"},
		{"a comment does not say it", "cosmic.go", "created it (createCertification)", "created it", "its comment does not say (createCertification)"},
		{"a comment says another one", "cosmic.go", "(getMe). An", "(getMyself). An", "says (getMyself), which it does not call"},
		{"a request is written by hand", "cosmic.go", "c.api.CreateCertification(", "byHand(", "nothing calls CreateCertification of the generated client of COSMIC"},
		{"a method of the wrong client", "certn.go", "newList[User](c.client, ListUsers", "newList[User](c.client, ListCertifications", "uses OpListCertifications, which is no operation of Certn"},
	} {
		changed := false
		wrong := readCode(parse(t, func(name, text string) string {
			now := text
			if name == test.file {
				now = strings.Replace(text, test.old, test.now, 1)
			}
			changed = changed || now != text
			return now
		})).compare()
		if !changed {
			t.Fatalf("%s: %s has no %q any more", test.name, test.file, test.old)
		}
		if !strings.Contains(strings.Join(wrong, "\n"), test.want) {
			t.Errorf("%s: found %s, want %q", test.name, cmp.Or(strings.Join(wrong, "\n"), "nothing"), test.want)
		}
	}
}

// TestEveryServiceIsHere holds the tables of the tests against the generated
// files: the operations of a service that is in none would be tested nowhere.
func TestEveryServiceIsHere(t *testing.T) {
	tables, err := filepath.Glob("../api/*/operations.gen.go")
	if err != nil || len(tables) == 0 {
		t.Fatalf("%d tables: %v", len(tables), err)
	}
	for _, table := range tables {
		name := filepath.Base(filepath.Dir(table))
		if !slices.ContainsFunc(clients(), func(c client) bool { return c.service.Name == name }) {
			t.Errorf("the service %s is not in clients() of this file: add it here, and to the tests of sandbox, drift and cmd/credkit that go through the operations of all services", name)
		}
	}
}

// withoutCase says which operations no conformance case calls.
func withoutCase(operations []spec.Operation, files map[string][]conformanceCase) (wrong []string) {
	for _, op := range operations {
		path := regexp.MustCompile(`^` + op.Method + ` ` + regexp.MustCompile(`\\\{\w+\\\}`).ReplaceAllString(regexp.QuoteMeta(op.Path), `[^/]+`) + `(\?|$)`)
		called := false
		for _, cases := range files {
			for _, c := range cases {
				called = called || slices.ContainsFunc(c.Exchanges, func(x exchange) bool { return path.MatchString(x.Request) })
			}
		}
		if !called {
			wrong = append(wrong, fmt.Sprintf("%s (%s %s) has no conformance case: add one to facade/testdata/conformance", op.ID, op.Method, op.Path))
		}
	}
	return wrong
}

func TestEveryOperationHasAConformanceCase(t *testing.T) {
	files := conformanceCases(t)
	for _, c := range clients() {
		for _, wrong := range withoutCase(c.service.Operations, files) {
			t.Error(wrong)
		}
	}
	found := withoutCase([]spec.Operation{
		{ID: "listBadges", Method: "GET", Path: "/v1/badges"}, {ID: "deleteMe", Method: "DELETE", Path: "/v1/me"}, {ID: "getUser", Method: "GET", Path: "/api/v1/users/{id}/"},
		{ID: "getMe", Method: "GET", Path: "/v1/me"}, {ID: "getAny", Method: "GET", Path: "/v1/{any}"},
	}, files)
	if got := strings.Join(found, "\n"); len(found) != 3 || !strings.Contains(got, "listBadges (GET /v1/badges) has no conformance case") || !strings.Contains(got, "deleteMe") || !strings.Contains(got, "getUser") {
		t.Errorf("found %s", got)
	}
}
