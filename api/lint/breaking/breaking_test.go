package main

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const changelog = `# Changes

## Unreleased

### Added

- ` + "`User.Phone`, `listBadges`" + `

### Breaking

- ` + "`listUsers`: count is a text." + `
- ` + "`NewCosmic` takes a context; `List.All` is gone." + `

## 0.1.0

### Breaking

- ` + "`getMe`" + `
`

func TestOnlyTheSectionBreakingOfWhatIsUnreleasedAnnounces(t *testing.T) {
	section := breakingSection(changelog)
	for name, want := range map[string]bool{
		"listUsers": true, "NewCosmic": true, "List.All": true,
		"listBadges": false, "User.Phone": false, "getMe": false, "listUser": false, "Cosmic": false, "All": true,
	} {
		if got := names(section, []string{name}); got != want {
			t.Errorf("%s announced: %v, want %v", name, got, want)
		}
	}
	if breakingSection("# Changes\n") != "" {
		t.Error("a change log without the section announces something")
	}
}

func TestAChangeOfTheSpecificationMustBeAnnounced(t *testing.T) {
	file := filepath.Join(t.TempDir(), "CHANGELOG.md")
	if err := os.WriteFile(file, []byte(changelog), 0o600); err != nil {
		t.Fatal(err)
	}
	row := func(operation string) string {
		return `[{"id":"response-property-type-changed","text":"the count changed","level":3,"operation":"GET","operationId":"` + operation + `","path":"/some/path"}]`
	}
	for _, test := range []struct{ name, found, want string }{
		{"nothing breaks", "", ""},
		{"it is announced", row("listUsers"), ""},
		{"it is not announced", row("getMe"), "1 of 1 breaking changes are not announced"},
		{"oasdiff prints something else", "oh no", "cannot be read"},
	} {
		var out strings.Builder
		err := run(t.Context(), []string{"spec", "-changelog", file}, strings.NewReader(test.found), &out)
		switch {
		case test.want == "" && err != nil:
			t.Errorf("%s: %v\n%s", test.name, err, out.String())
		case test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)):
			t.Errorf("%s: %v, want %q", test.name, err, test.want)
		}
		if strings.Contains(test.want, "announced") && !strings.Contains(out.String(), "in a line that names `getMe`") {
			t.Errorf("%s: it is not said what to do:\n%s", test.name, out.String())
		}
	}
}

// TestWhatIsGoneFromTheGoAPIBreaks compares this module with releases that
// never were.
func TestWhatIsGoneFromTheGoAPIBreaks(t *testing.T) {
	t.Chdir("../../..")
	now, err := goAPI(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"pkg credkit, var Spec string",
		"pkg facade, func NewCosmic(auth.Credentials, ...Option) (*Cosmic, error)",
		"pkg facade/drift, type Report struct, Findings []Finding",
		"pkg facade/drift, method (*Report) Differs() bool",
	} {
		if !slices.Contains(now, want) {
			t.Errorf("the list of the Go API has no %q", want)
		}
	}
	for _, line := range now {
		if strings.Contains(line, "/internal") || strings.HasPrefix(line, "pkg api/server") || strings.Contains(line, "/pgtest") {
			t.Errorf("the list has %q, which nobody promised", line)
		}
	}
	released := strings.Join(now, "\n")
	if changes := apiChanges(released, now); len(changes) > 0 {
		t.Errorf("the same API differs: %v", changes)
	}
	released += `
# a comment
pkg facade, func NewCosmic(auth.Credentials) (*Cosmic, error)
pkg facade, method (*List[T]) Each(func(T))
pkg facade, type User struct, Phone string
pkg facade/auth, type Store interface { Load(context.Context, string) ([]byte, error) }
pkg facade, const Answer int
`
	var gone []string
	for _, c := range apiChanges(released, now) {
		gone = append(gone, c.Names[0])
	}
	want := []string{"NewCosmic", "List.Each", "User.Phone", "Store", "Answer"}
	if !slices.Equal(gone, want) {
		t.Errorf("gone: %q, want %q", gone, want)
	}
}
