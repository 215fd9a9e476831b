package main

import (
	"bytes"
	"context"
	"fmt"
	"go/importer"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
)

const module = "github.com/credkit/credkit-go"

// promised reports whether the Go API promise covers a package: what can be
// imported, but for what serves the sandbox, the generators and tests alone.
func promised(path, name string) bool {
	switch {
	case name == "main", strings.Contains(path+"/", "/internal/"):
		return false
	case strings.HasPrefix(path, module+"/api/server"), path == module+"/facade/auth/pgstore/pgtest":
		return false
	}
	return path == module || strings.HasPrefix(path, module+"/")
}

// goAPI lists what the module exports, a line a name, sorted.
func goAPI(ctx context.Context) ([]string, error) {
	const format = "{{.ImportPath}}\t{{.Name}}\t{{.Export}}"
	list := exec.CommandContext(ctx, "go", "list", "-export", "-deps", "-f", format, "./...")
	list.Stderr = os.Stderr
	out, err := list.Output()
	if err != nil {
		return nil, fmt.Errorf("go list: %w", err)
	}
	exports := map[string]string{}
	var packages []string
	for line := range strings.Lines(string(out)) {
		fields := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if len(fields) != 3 {
			return nil, fmt.Errorf("go list printed %q", line)
		}
		exports[fields[0]] = fields[2]
		if promised(fields[0], fields[1]) {
			packages = append(packages, fields[0])
		}
	}
	imports := importer.ForCompiler(token.NewFileSet(), "gc", func(path string) (io.ReadCloser, error) {
		content, err := os.ReadFile(exports[path])
		return io.NopCloser(bytes.NewReader(content)), err
	})
	var lines []string
	for _, path := range packages {
		pkg, err := imports.Import(path)
		if err != nil {
			return nil, err
		}
		l := &lister{pkg: pkg, prefix: "pkg " + strings.TrimPrefix(strings.TrimPrefix(path, module), "/")}
		if path == module {
			l.prefix = "pkg " + pkg.Name()
		}
		lines = append(lines, l.list()...)
	}
	slices.Sort(lines)
	return slices.Compact(lines), nil
}

// apiChanges finds what the release had and what is not there any more, or
// not as it was. What is new breaks nobody.
func apiChanges(released string, now []string) (changes []change) {
	for line := range strings.Lines(released) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if _, there := slices.BinarySearch(now, line); !there {
			changes = append(changes, change{Names: []string{goName(line)}, Text: "gone or changed: " + line})
		}
	}
	return changes
}

// goName is the name by which a line's subject is announced.
func goName(line string) string {
	_, rest, _ := strings.Cut(line, ", ")
	what, rest, _ := strings.Cut(rest, " ")
	switch what {
	case "method":
		receiver, rest, _ := strings.Cut(rest, " ")
		return word(strings.TrimLeft(receiver, "(*")) + "." + word(rest)
	case "type":
		owner, member, ok := strings.Cut(rest, ", ")
		if ok && !strings.Contains(owner, "{") {
			return word(owner) + "." + word(strings.TrimPrefix(member, "embedded "))
		}
		return word(owner)
	default:
		return word(rest)
	}
}

// word is the identifier that a text begins with.
func word(text string) string {
	end := strings.IndexFunc(text, func(r rune) bool {
		return r != '_' && (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z')
	})
	if end < 0 {
		return text
	}
	return text[:end]
}

// lister writes the lines of one package.
type lister struct {
	pkg    *types.Package
	prefix string
	lines  []string
}

func (l *lister) addf(format string, args ...any) {
	l.lines = append(l.lines, l.prefix+", "+fmt.Sprintf(format, args...))
}

func (l *lister) list() []string {
	scope := l.pkg.Scope()
	for _, name := range scope.Names() {
		switch object := scope.Lookup(name).(type) {
		case *types.Const:
			if object.Exported() {
				l.addf("const %s %s", name, l.text(object.Type()))
			}
		case *types.Var:
			if object.Exported() {
				l.addf("var %s %s", name, l.text(object.Type()))
			}
		case *types.Func:
			if object.Exported() {
				l.addf("func %s%s", name, l.signature(object.Signature()))
			}
		case *types.TypeName:
			if object.Exported() {
				l.typeName(object)
			}
		}
	}
	return l.lines
}

func (l *lister) typeName(object *types.TypeName) {
	if object.IsAlias() {
		l.addf("type %s = %s", object.Name(), l.text(types.Unalias(object.Type())))
		return
	}
	named, ok := object.Type().(*types.Named)
	if !ok {
		return
	}
	name := object.Name() + l.parameters(named.TypeParams())
	switch under := named.Underlying().(type) {
	case *types.Struct:
		l.addf("type %s struct", name)
		for i := range under.NumFields() {
			field := under.Field(i)
			switch {
			case field.Embedded() && field.Exported():
				l.addf("type %s struct, embedded %s", object.Name(), l.text(field.Type()))
			case field.Exported():
				l.addf("type %s struct, %s %s", object.Name(), field.Name(), l.text(field.Type()))
			}
		}
	case *types.Interface:
		l.interfaceType(name, under)
	default:
		l.addf("type %s %s", name, l.text(under))
	}
	for i := range named.NumMethods() {
		if method := named.Method(i); method.Exported() {
			receiver := l.text(method.Signature().Recv().Type())
			l.addf("method (%s) %s%s", receiver, method.Name(), l.signature(method.Signature()))
		}
	}
}

// interfaceType writes an interface on one line, so that a new method is a
// change; but one that only the package itself can implement may grow.
func (l *lister) interfaceType(name string, t *types.Interface) {
	var methods []string
	sealed := false
	for i := range t.NumMethods() {
		m := t.Method(i)
		if !m.Exported() {
			sealed = true
			continue
		}
		methods = append(methods, m.Name()+l.signature(m.Signature()))
	}
	if !sealed {
		l.addf("type %s interface { %s }", name, strings.Join(methods, "; "))
		return
	}
	l.addf("type %s interface, sealed", name)
	for _, m := range methods {
		l.addf("type %s interface, %s", name, m)
	}
}

func (l *lister) parameters(list *types.TypeParamList) string {
	if list.Len() == 0 {
		return ""
	}
	var all []string
	for i := range list.Len() {
		all = append(all, list.At(i).Obj().Name()+" "+l.text(list.At(i).Constraint()))
	}
	return "[" + strings.Join(all, ", ") + "]"
}

// signature leaves the names of parameters out: they may change.
func (l *lister) signature(s *types.Signature) string {
	text := l.parameters(s.TypeParams())
	return text + strings.TrimPrefix(l.text(nameless(s)), "func")
}

func (l *lister) text(t types.Type) string {
	return types.TypeString(nameless(t), func(p *types.Package) string {
		if p == l.pkg {
			return ""
		}
		return p.Name()
	})
}

// nameless is the type without the names of function parameters.
func nameless(t types.Type) types.Type {
	switch t := t.(type) {
	case *types.Signature:
		return types.NewSignatureType(nil, nil, nil, tuple(t.Params()), tuple(t.Results()), t.Variadic())
	case *types.Pointer:
		return types.NewPointer(nameless(t.Elem()))
	case *types.Slice:
		return types.NewSlice(nameless(t.Elem()))
	case *types.Map:
		return types.NewMap(t.Key(), nameless(t.Elem()))
	default:
		return t
	}
}

func tuple(t *types.Tuple) *types.Tuple {
	var all []*types.Var
	for v := range t.Variables() {
		all = append(all, types.NewParam(token.NoPos, nil, "", nameless(v.Type())))
	}
	return types.NewTuple(all...)
}
