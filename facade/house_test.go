package facade_test

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	credkit "github.com/credkit/credkit-go"
	"github.com/credkit/credkit-go/facade"
)

const module = "github.com/credkit/credkit-go"

// floors are the packages from the top of the house to its ground: a package
// may import only what stands on a lower floor, or within its own folder.
var floors = [][]string{
	{"cmd"},
	{"facade/sandbox", "facade/drift", "facade/roster"},
	{"facade"},
	{"facade/internal/transport", "facade/internal/page"},
	{"facade/auth/filestore", "facade/auth/signin"},
	{"facade/auth"},
	{"facade/internal/safehttp", "facade/safetext"},
	{"api"},
}

func floorOf(pkg string) (floor int, folder string) {
	floor = -1
	for i, folders := range floors {
		for _, f := range folders {
			if (pkg == f || strings.HasPrefix(pkg, f+"/")) && len(f) > len(folder) {
				floor, folder = i, f
			}
		}
	}
	return floor, folder
}

// importsUp says what is wrong with one import of a package, if anything.
func importsUp(from, to string) string {
	at, folder := floorOf(from)
	below, _ := floorOf(to)
	switch {
	case to == "": // the root package: the specification, which imports nothing
		return ""
	case at < 0 || below < 0:
		return from + " imports " + to + ": one of them is on no floor"
	case to == folder || strings.HasPrefix(to, folder+"/") && below == at:
		return ""
	case below <= at:
		return from + " imports " + to + ", which does not stand below it"
	}
	return ""
}

func TestImportsPointDown(t *testing.T) {
	out, err := exec.Command("go", "list", "-json=ImportPath,Imports", module+"/...").Output()
	if err != nil {
		t.Fatal(err)
	}
	dec, seen := json.NewDecoder(strings.NewReader(string(out))), 0
	for dec.More() {
		var pkg struct {
			ImportPath string
			Imports    []string
		}
		if err := dec.Decode(&pkg); err != nil {
			t.Fatal(err)
		}
		from := strings.TrimPrefix(strings.TrimPrefix(pkg.ImportPath, module), "/")
		if strings.HasSuffix(from, "test") { // help for tests stands beside the floors
			continue
		}
		seen++
		for _, to := range pkg.Imports {
			inner, ours := strings.CutPrefix(to, module)
			if !ours {
				continue
			}
			if from == "" {
				t.Errorf("the root package imports %s; it imports nothing of ours", to)
			} else if wrong := importsUp(from, strings.TrimPrefix(inner, "/")); wrong != "" {
				t.Error(wrong)
			}
		}
	}
	if seen < 10 {
		t.Errorf("only %d packages seen", seen)
	}
}

func TestAnImportThatPointsUpIsFound(t *testing.T) {
	for _, pair := range [][2]string{
		{"facade/auth", "facade"}, {"facade/auth", "facade/auth/filestore"}, {"facade/auth", "facade/auth/signin"}, {"facade/internal/safehttp", "facade/auth"}, {"api/cosmic", "facade/auth"},
		{"facade", "facade/sandbox"}, {"facade/drift", "facade/sandbox"}, {"facade/auth/pgstore", "facade/internal/transport"}, {"somewhere", "api/spec"},
	} {
		if importsUp(pair[0], pair[1]) == "" {
			t.Errorf("%s may import %s", pair[0], pair[1])
		}
	}
	for _, pair := range [][2]string{{"facade", "facade/auth"}, {"facade/auth/pgstore", "facade/auth"}, {"facade/drift", ""}, {"api/cosmic", "api/spec"}} {
		if wrong := importsUp(pair[0], pair[1]); wrong != "" {
			t.Error(wrong)
		}
	}
}

// What an importer links besides the standard library.
func TestTheLibraryIsLight(t *testing.T) {
	const most = 8
	out, err := exec.Command("go", "list", "-deps", "-f", "{{with .Module}}{{if not .Main}}{{.Path}}{{end}}{{end}}",
		module+"/facade", module+"/facade/auth", module+"/facade/auth/filestore", module+"/facade/auth/signin", module+"/facade/sandbox").Output()
	if err != nil {
		t.Fatal(err)
	}
	modules := strings.Fields(string(out))
	slices.Sort(modules)
	modules = slices.Compact(modules)
	t.Logf("facade, auth, filestore, signin and sandbox link %d modules: %s", len(modules), strings.Join(modules, ", "))
	if len(modules) > most || len(modules) < 3 {
		t.Errorf("%d modules are linked, at most %d are allowed", len(modules), most)
	}
}

// sources calls f with each hand-written file of the library that is no test.
func sources(t *testing.T, f func(path string, file *ast.File, text string)) {
	t.Helper()
	seen := 0
	err := filepath.WalkDir(".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && (entry.Name() == "testdata" || entry.Name() == "bench" || strings.HasSuffix(entry.Name(), "test") || entry.Name() == "riverexample") {
			return filepath.SkipDir // riverexample is a program, a module of its own
		}
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, text, 0)
		if err != nil {
			return err
		}
		seen++
		f(path, file, string(text))
		return nil
	})
	if err != nil || seen < 20 {
		t.Fatalf("%d files: %v", seen, err)
	}
}

// Nothing outside api writes a path, a scope or an address that the
// specification has.
func TestOnlyTheSpecificationKnowsPathsAndScopes(t *testing.T) {
	for _, known := range []string{"/v1/me", "certification_records:read", "api.certn.co"} {
		if !strings.Contains(credkit.Spec, known) {
			t.Fatalf("the specification has no %s", known)
		}
	}
	sources(t, func(path string, file *ast.File, _ string) {
		ast.Inspect(file, func(n ast.Node) bool {
			lit, ok := n.(*ast.BasicLit)
			if !ok || lit.Kind != token.STRING {
				return true
			}
			for _, known := range []string{"/v1/", "/token/", "oauth/token", "oauth/authorize", "natecosmic", "certn.co", ":read", ":write"} {
				if strings.Contains(lit.Value, known) {
					t.Errorf("%s writes %s", path, lit.Value)
				}
			}
			return true
		})
	})
}

// The JSON library is a detail of the page reader and of package wire, which
// stand between it and everybody who imports this module; and the library reads no environment variable.
func TestWhatTheLibraryKeepsToItself(t *testing.T) {
	sources(t, func(path string, file *ast.File, text string) {
		for _, imported := range file.Imports {
			if strings.Contains(imported.Path.Value, "go-json-experiment") && !strings.HasPrefix(path, "internal/page/") && !strings.HasPrefix(path, "drift/") {
				t.Errorf("%s imports %s", path, imported.Path.Value)
			}
		}
		for _, call := range []string{"os.Getenv", "os.LookupEnv", "os.Environ"} {
			if strings.Contains(text, call+"(") {
				t.Errorf("%s calls %s", path, call)
			}
		}
	})
}

// A release is one version of the library and of the specification.
func TestTheVersionIsThatOfTheSpecification(t *testing.T) {
	doc, err := openapi3.NewLoader().LoadFromData([]byte(credkit.Spec))
	if err != nil {
		t.Fatal(err)
	}
	if doc.Info.Version != facade.Version {
		t.Errorf("facade.Version is %s, info.version of openapi.yaml is %s: set both, as CONTRIBUTING.md says", facade.Version, doc.Info.Version)
	}
}
