package facade_test

import (
	"bufio"
	"encoding/json"
	"go/ast"
	"go/doc"
	"go/doc/comment"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// publicPackage is a package that other programs import.
type publicPackage struct {
	path     string // below the module, as "facade/auth"
	docs     *doc.Package
	examples []*ast.File // the files named example…_test.go
}

// publicPackages reads the packages that are documented for others. What stands in
// api is documented by what it is generated from.
func publicPackages(t *testing.T) (all []publicPackage) {
	t.Helper()
	out, err := exec.Command("go", "list", "-json=ImportPath,Dir,Name,GoFiles,TestGoFiles,XTestGoFiles", module+"/facade/...").Output()
	if err != nil {
		t.Fatal(err)
	}
	type listed struct {
		ImportPath, Dir, Name              string
		GoFiles, TestGoFiles, XTestGoFiles []string
	}
	var pkgs []listed
	for dec := json.NewDecoder(strings.NewReader(string(out))); dec.More(); {
		var l listed
		if err := dec.Decode(&l); err != nil {
			t.Fatal(err)
		}
		pkgs = append(pkgs, l)
	}
	pkgs = append(pkgs, listed{ImportPath: module + "/facade/otelcredkit", Dir: "otelcredkit", Name: "otelcredkit", GoFiles: []string{"otelcredkit.go"}, XTestGoFiles: []string{"example_test.go"}})
	for _, l := range pkgs {
		if l.Name == "main" || strings.Contains(l.ImportPath, "/internal/") || strings.HasSuffix(l.ImportPath, "/pgtest") {
			continue
		}
		fset := token.NewFileSet()
		parse := func(names []string) (files []*ast.File) {
			for _, name := range names {
				f, err := parser.ParseFile(fset, filepath.Join(l.Dir, name), nil, parser.ParseComments)
				if err != nil {
					t.Fatal(err)
				}
				files = append(files, f)
			}
			return files
		}
		p := publicPackage{path: strings.TrimPrefix(l.ImportPath, module+"/"), examples: parse(slices.DeleteFunc(slices.Concat(l.TestGoFiles, l.XTestGoFiles), func(name string) bool { return !strings.Contains(name, "example") }))}
		if p.docs, err = doc.NewFromFiles(fset, parse(l.GoFiles), l.ImportPath); err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
	if len(all) < 10 {
		t.Fatalf("only %d packages", len(all))
	}
	return all
}

// withoutExample are entry points that no example names, and why.
var withoutExample = map[string]string{
	"auth.Safely": "for packages that call code of the program, as signin and roster do",
}

// shownMethods are the types whose methods are entry points as well.
var shownMethods = []string{"facade.Cosmic", "facade.Certn", "facade.List", "auth.Sessions", "roster.Policy"}

func TestEveryEntryPointHasAnExample(t *testing.T) {
	pkgs := publicPackages(t)
	named := map[string]bool{} // "facade.NewCosmic" and ".Me"
	for _, p := range pkgs {
		for _, file := range p.examples {
			ast.Inspect(file, func(n ast.Node) bool {
				if s, ok := n.(*ast.SelectorExpr); ok {
					named["."+s.Sel.Name] = true
					if x, ok := s.X.(*ast.Ident); ok {
						named[x.Name+"."+s.Sel.Name] = true
					}
				}
				return true
			})
		}
	}
	missing := func(name, selector string) {
		_, excused := withoutExample[name]
		if shown := named[selector]; shown == excused {
			t.Errorf("%s: named by an example: %t, excused: %t", name, shown, excused)
		}
	}
	for _, p := range pkgs {
		name := p.docs.Name
		for _, f := range p.docs.Funcs {
			missing(name+"."+f.Name, name+"."+f.Name)
		}
		for _, typ := range p.docs.Types {
			for _, f := range typ.Funcs {
				// The sandbox's options and parts of faults are told in its documentation.
				if name == "sandbox" && f.Name != "New" && f.Name != "Start" {
					continue
				}
				missing(name+"."+f.Name, name+"."+f.Name)
			}
			if !slices.Contains(shownMethods, name+"."+typ.Name) {
				continue
			}
			for _, m := range typ.Methods {
				if m.Name != "String" && m.Name != "GoString" {
					missing(name+"."+typ.Name+"."+m.Name, "."+m.Name)
				}
			}
		}
	}
}

// plainLines are the lines of Go code as they are compared: without space around
// them, comments, and what is done about an error.
func plainLines(code string) (lines []string) {
	scanner := bufio.NewScanner(strings.NewReader(code))
	inError := false
	for scanner.Scan() {
		line := strings.TrimSpace(endComment.ReplaceAllString(scanner.Text(), ""))
		switch {
		case line == "if err != nil {":
			inError = true
		case inError && line == "}":
			inError = false
		case !inError && line != "" && !strings.HasPrefix(line, "if err != nil { … }"):
			lines = append(lines, line)
		}
	}
	return lines
}

var endComment = regexp.MustCompile(`(^|\s)//( .*)?$`)

// Every Go snippet of the README and of the packages' documentation is code of an
// example, which is compiled and run, or of the program firstlist, which a test of
// the command runs. What is done about an error may be left out.
func TestTheDocumentationsSnippetsAreOfExamples(t *testing.T) {
	var code strings.Builder
	files, err := filepath.Glob("*/example*_test.go")
	more, err2 := filepath.Glob("*/*/example*_test.go")
	top, err3 := filepath.Glob("example*_test.go")
	if err != nil || err2 != nil || err3 != nil {
		t.Fatal(err, err2, err3)
	}
	for _, file := range slices.Concat(top, files, more, []string{"testdata/consumer/firstlist/main.go"}) {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		code.WriteString(strings.Join(plainLines(string(text)), "\n") + "\n")
	}
	all, seen := code.String(), 0
	check := func(where, snippet string) {
		seen++
		lines := strings.Join(plainLines(snippet), "\n") + "\n"
		if !strings.Contains(all, "\n"+lines) && !strings.HasPrefix(all, lines) {
			t.Errorf("%s: this is not code of an example:\n%s", where, snippet)
		}
	}
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, block := range regexp.MustCompile("(?s)```go\n(.*?)```").FindAllSubmatch(readme, -1) {
		check("README.md", string(block[1]))
	}
	inReadme := seen
	for _, p := range publicPackages(t) {
		var parser comment.Parser
		for _, block := range parser.Parse(p.docs.Doc).Content {
			if c, ok := block.(*comment.Code); ok {
				check(p.path, c.Text)
			}
		}
	}
	if inReadme < 4 || seen < inReadme+5 {
		t.Errorf("only %d snippets, %d in the README", seen, inReadme)
	}
}

func TestTheREADMELinksToFilesThatAreThere(t *testing.T) {
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, link := range regexp.MustCompile(`\]\(([^)#:]+)\)`).FindAllSubmatch(readme, -1) {
		if _, err := os.Stat("../" + string(link[1])); err != nil {
			t.Errorf("a link to %s: %v", link[1], err)
		}
	}
	if lines := strings.Count(string(readme), "\n"); lines > 200 {
		t.Errorf("README.md has %d lines; 200 are the most", lines)
	}
}
