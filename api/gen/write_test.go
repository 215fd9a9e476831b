package main

import (
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	credkit "github.com/credkit/credkit-go"
)

// files reads every file below a directory.
func files(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		name, _ := filepath.Rel(dir, path)
		all[filepath.ToSlash(name)] = string(content)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestASecondRunChangesNothing(t *testing.T) {
	dir, err := generate(t, credkit.Spec)
	if err != nil {
		t.Fatal(err)
	}
	first := files(t, dir)
	if err := run(filepath.Join(dir, "openapi.yaml"), filepath.Join(dir, "api"), filepath.Join(dir, "facade", "models.gen.go"), filepath.Join(dir, "README.md")); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(first, files(t, dir)); diff != "" {
		t.Errorf("the second run changed:\n%s", diff)
	}
}

// TestWhatIsWrittenIsWhatIsCommitted holds the committed files against a run
// of this moment.
func TestWhatIsWrittenIsWhatIsCommitted(t *testing.T) {
	dir, err := generate(t, credkit.Spec)
	if err != nil {
		t.Fatal(err)
	}
	written := files(t, dir)
	for _, name := range []string{
		"cosmic/operations.gen.go", "certn/operations.gen.go", "cosmic/decode.gen.go", "certn/decode.gen.go", "server/lists.gen.go", "EVIDENCE.md", "../facade/models.gen.go",
	} {
		committed, err := os.ReadFile(filepath.Join("..", filepath.FromSlash(name)))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(committed), written[path.Join("api", name)]); diff != "" {
			t.Errorf("%s is not what go generate writes:\n%s", name, diff)
		}
	}
	if !strings.HasPrefix(written["README.md"], "# A README\n") || !strings.HasSuffix(written["README.md"], "\nmore\n") || strings.Contains(written["README.md"], "old") {
		t.Errorf("the README around the table changed:\n%s", written["README.md"])
	}
}

func TestAREADMEWithoutAPlaceForTheTableIsRefused(t *testing.T) {
	dir, err := generate(t, credkit.Spec)
	if err != nil {
		t.Fatal(err)
	}
	readme := filepath.Join(dir, "README.md")
	if err := os.WriteFile(readme, []byte("# A README\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	err = run(filepath.Join(dir, "openapi.yaml"), filepath.Join(dir, "api"), filepath.Join(dir, "facade", "models.gen.go"), readme)
	if err == nil || !strings.Contains(err.Error(), "operations: begin") {
		t.Errorf("%v, want an error that names the lines it looks for", err)
	}
}

// TestBehaviourThatIsDescribedIsInTheTable changes a copy of the
// specification; the generated table follows, by no other hand.
func TestBehaviourThatIsDescribedIsInTheTable(t *testing.T) {
	const meSource = "        source: https://docs.natecosmic.com/api-reference/me/current-user-and-granted-api-scopes\n"
	scopes := strings.NewReplacer("            - certification_records:read\n", "            - certification_records:read\n            - organizations:read\n",
		"Scopes: `certification_records:read`", "Scopes: `certification_records:read`, `organizations:read`").Replace(credkit.Spec)
	never := strings.NewReplacer("x-retry: idempotency-key", "x-retry: never").Replace(credkit.Spec)
	observed := strings.NewReplacer("            grade: inferred\n            source: https://docs.natecosmic.com/api-reference\n", "            grade: observed\n            source: recording:create-twice\n",
		"only if the server never saw it, or after a 429.", "with an idempotency key.").Replace(credkit.Spec)
	for _, test := range []struct{ name, old, now, file, want string }{
		{
			"a scope of an operation", credkit.Spec, scopes,
			"api/cosmic/operations.gen.go", `Scopes: []string{"certification_records:read", "organizations:read"}`,
		},
		{
			"a scope in the README", credkit.Spec, scopes,
			"README.md", "`certification_records:read`, `organizations:read`",
		},
		{"a limit", "        - requests: 240\n", "        - requests: 120\n", "api/certn/operations.gen.go", "{Requests: 120, Window: 60 * time.Second}"},
		{"a retry class", credkit.Spec, never, "api/cosmic/operations.gen.go", "spec.RetryNever"},
		{
			"a header that was seen to work", credkit.Spec, observed, "api/cosmic/operations.gen.go", "IdempotencyTrusted: true",
		},
		{"a header that was seen to work", credkit.Spec, observed, "api/EVIDENCE.md", "| observed | <recording:create-twice> |"},
		{"the date of an operation", meSource, meSource + "        checked: '2026-11-24'\n", "api/EVIDENCE.md", "| response 200 | documented | as around it | 2026-11-24 |"},
		{"the date of a response's header", "            source: https://docs.certn.co/api/faq\n          headers:\n", "            source: https://docs.certn.co/api/faq\n            checked: '2026-11-24'\n          headers:\n",
			"api/EVIDENCE.md", "header `Retry-After` | inferred | <https://docs.certn.co/api/faq> | 2026-11-24 |"},
		{"the date of a part that names no other", "  checked: '2026-11-22'\n", "  checked: '2026-11-21'\n", "api/EVIDENCE.md", "| 240 requests in 60s | documented | <https://docs.certn.co/api/faq> | 2026-11-21 |"},
		{"the largest page", "maximum: 200", "maximum: 117", "api/cosmic/operations.gen.go", "MaxSize:         117"},
		{"a paging member that is required", "      description: Where a list goes on.\n", "      description: Where a list goes on.\n      required: [has_more]\n",
			"api/cosmic/operations.gen.go", `Required: [][]string{[]string{"page", "has_more"}}`},
		{"where tokens come from", "tokenUrl: https://api.certn.co/token/", "tokenUrl: https://api.certn.co/oauth/token/", "api/certn/operations.gen.go", `"/oauth/token/"`},
		{"an older name of a scope", "        job-roles:read: job_roles:read\n", "        roles:read: job_roles:read\n", "api/cosmic/operations.gen.go", `"roles:read":`},
	} {
		t.Run(test.name+" in "+filepath.Base(test.file), func(t *testing.T) {
			dir, err := generate(t, changed(t, test.old, test.now))
			if err != nil {
				t.Fatal(err)
			}
			written := files(t, dir)[test.file]
			if !strings.Contains(strings.Join(strings.Fields(written), " "), strings.Join(strings.Fields(test.want), " ")) {
				t.Errorf("%s has no %q:\n%s", test.file, test.want, written)
			}
			if before, _ := generate(t, credkit.Spec); strings.Contains(files(t, before)[test.file], test.want) {
				t.Errorf("%q stands there without the change", test.want)
			}
		})
	}
}

// TestEveryPartHasAGradeASourceAndADate goes through the specification once more, by
// another way than the generator does, and counts.
func TestEveryPartHasAGradeASourceAndADate(t *testing.T) {
	dir, err := generate(t, credkit.Spec)
	if err != nil {
		t.Fatal(err)
	}
	evidence := files(t, dir)["api/EVIDENCE.md"]
	rows := 0
	for line := range strings.Lines(evidence) {
		fields := strings.Split(line, "|")
		if len(fields) != 6 || strings.Contains(line, "|---|") || strings.Contains(line, "| grade |") {
			continue
		}
		rows++
		grade, source, checked := strings.TrimSpace(fields[2]), strings.TrimSpace(fields[3]), strings.TrimSpace(fields[4])
		if !strings.HasPrefix(checked, "2026-11-2") || !strings.Contains(" observed documented inferred assumed ", " "+grade+" ") || source != "as around it" && !strings.HasPrefix(source, "<") {
			t.Errorf("a part without grade, source or date: %s", line)
		}
	}
	if want := parts(t); rows != want {
		t.Errorf("%d parts have a row, the specification has %d", rows, want)
	}
	t.Logf("%d parts, each with its grade, source and date", rows)
}

// A fact that nobody has checked for a year is listed by its source, and fails a
// run only where that is asked for.
func TestOldFactsAreListed(t *testing.T) {
	name := filepath.Join(t.TempDir(), "openapi.yaml")
	if err := os.WriteFile(name, []byte(credkit.Spec), 0o600); err != nil {
		t.Fatal(err)
	}
	day := func(text string) time.Time {
		at, err := time.Parse(time.DateOnly, text)
		if err != nil {
			t.Fatal(err)
		}
		return at
	}
	for _, test := range []struct {
		today string
		fail  bool
		want  []string
	}{
		{"2027-11-22", true, nil},
		{"2027-11-23", true, []string{"2026-11-22  https://docs.certn.co/api/faq: 4 facts of certn, GET /api/v1/users/\n"}},
		{"2027-11-23", false, nil},
		{"2027-11-26", true, []string{"2026-11-25  https://docs.natecosmic.com/guides/oauth: 2 facts of cosmicOAuth\n"}},
	} {
		var printed strings.Builder
		err := check(&printed, name, test.fail, day(test.today))
		if old := test.today > "2027-11-22"; old == (printed.String() == "" && err == nil) {
			t.Errorf("on %s: printed %q", test.today, printed.String())
		}
		if (err != nil) != (test.want != nil) {
			t.Errorf("on %s: %v", test.today, err)
		}
		for _, want := range test.want {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("on %s: no %q in:\n%v", test.today, want, err)
			}
		}
	}
}
