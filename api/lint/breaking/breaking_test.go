package main

import (
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
		err := run([]string{"spec", "-changelog", file}, strings.NewReader(test.found), &out)
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

func TestAChangeOfTheGoAPIMustBeAnnounced(t *testing.T) {
	const printed = `- ./facade/drift: removed
- ./facade.(*Certn).FindUser: removed
- ./facade.(*List[./api/cosmic.Page[T]]).Each: changed from func() to func(int)
- ./facade.(*List[T]).Each: changed from func() to func(int)
- ./facade.List[T].First: removed
- ./facade/auth.Store.Touch: added
- ./facade.User.Phone: removed
- ./facade.NewCosmic: changed from func(int) to func(string)
- ./facade.Version: value changed from "0.1.0" to "0.2.0"
- ./api/certn.ClientInterface.ListBadges: added
- ./api/certn.ClientInterface.ListUsers: removed
- ./api/server.ServerInterface.ListBadges: added
- ./facade/auth/pgstore/pgtest.Server: removed
`
	changes, err := apiChanges(strings.NewReader(printed))
	if err != nil {
		t.Fatal(err)
	}
	var gone []string
	for _, c := range changes {
		gone = append(gone, c.Names[0])
	}
	want := []string{"drift", "Certn.FindUser", "List.Each", "List.First", "Store.Touch", "User.Phone", "NewCosmic", "ClientInterface.ListUsers"}
	if !slices.Equal(gone, want) {
		t.Errorf("%q, want %q", gone, want)
	}
	if _, err := apiChanges(strings.NewReader("no such module\n")); err == nil || !strings.Contains(err.Error(), "cannot be read") {
		t.Errorf("%v, want an error that the output cannot be read", err)
	}
}
