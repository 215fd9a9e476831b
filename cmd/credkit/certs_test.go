package main

import (
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/credkit/credkit-go/facade/sandbox"
)

// The rows of most tests here: everything, almost nothing, and something that
// openapi.yaml does not know.
const (
	fullCert = `{"id":"11111111-1111-4111-8111-111111111111","expires_on":"2020-02-29","issued_on":"2019-02-28",` +
		`"issuer_name":"ESCO <Institute>","serial_number":"S-1","validity_status":"expired","lifecycle_status":"active",` +
		`"verification_status":"unverified","certification_type":{"slug":"epa-608","title":"EPA 608, Universal"},"new_field":{"deep":[1,2]}}`
	bareCert = `{"id":"22222222-2222-4222-8222-222222222222","expires_on":null,"validity_status":"a-new-word"}`
)

func certsWorld(t *testing.T, rows ...any) *world {
	t.Helper()
	if rows == nil {
		rows = []any{fullCert, bareCert}
	}
	return newWorld(t, sandbox.WithCertifications(rows...)).withToken(t)
}

func TestCertsInEachFormat(t *testing.T) {
	w := certsWorld(t)
	expired := regexp.MustCompile(`,-\d+,`) // so many days ago
	for _, f := range []format{formatTable, formatJSON, formatCSV} {
		out := w.run(t, "certs", "--output", string(f)).expect(t, exitOK).stdout
		golden(t, "certs."+string(f), expired.ReplaceAllString(out, ",-DAYS,"))
	}
	golden(t, "certs.jsonl", w.run(t, "certs").expect(t, exitOK).stdout) // stdout is no terminal
}

func TestCertsFilters(t *testing.T) {
	in := func(days int) string {
		return `{"id":"33333333-3333-4333-8333-333333333333","external_id":"soon","expires_on":"` + time.Now().AddDate(0, 0, days).Format(time.DateOnly) + `"}`
	}
	w := certsWorld(t, fullCert, bareCert, in(10), in(40))
	for args, want := range map[string]int{
		"":                             4,
		"--limit 2":                    2,
		"--limit 1000":                 4,
		"--expiring 30d":               1,
		"--expiring 8w":                2,
		"--expired":                    1,
		"--type epa-608":               1,
		"--type epa-608,other":         1,
		"--type other":                 0,
		"--status a-new-word":          1,
		"--status unverified":          1,
		"--status active --status x":   1,
		"--expired --type other":       0,
		"--expiring 8w --limit 1":      1,
		"--status expired --expired":   1,
		"--expiring 30d --status none": 0,
	} {
		out := w.run(t, append([]string{"certs"}, strings.Fields(args)...)...).expect(t, exitOK).stdout
		if got := strings.Count(out, "\n"); got != want {
			t.Errorf("certs %s: %d, want %d", args, got, want)
		}
	}
}

func TestALimitAsksForNoMoreThanItNeeds(t *testing.T) {
	w := newWorld(t, sandbox.WithCertificationCount(500)).withToken(t)
	w.run(t, "certs", "--limit", "3").expect(t, exitOK)
	requests := w.RequestsOf("listCertifications")
	if len(requests) != 1 || requests[0].Query.Get("limit") != "3" {
		t.Errorf("%d requests, the first with %v", len(requests), requests[0].Query)
	}
}

func TestAStatusThatNobodyKnowsIsSaidBeforeTheListIsRead(t *testing.T) {
	w := certsWorld(t)
	if err := w.Fail(sandbox.On("listCertifications"), sandbox.Status(500), sandbox.RetryAfter("0")); err != nil {
		t.Fatal(err)
	}
	got := w.run(t, "certs", "--status", "nonsense", "--status", "valid").expect(t, exitFailed)
	first, rest, _ := strings.Cut(got.stderr, "\n")
	if first != `credkit: --status "nonsense" is not documented (active, unverified and valid are); looking for it anyway` {
		t.Errorf("the first line is %q", first)
	}
	if strings.Contains(rest, "--status") {
		t.Errorf("a word that is known was warned of: %q", rest)
	}
}

func TestAStatusThatNoCertificationHasIsToldWithThoseThatThereAre(t *testing.T) {
	w := certsWorld(t, fullCert, bareCert, `{"id":"33333333-3333-4333-8333-333333333333","validity_status":"x\u001b[31m","lifecycle_status":"`+strings.Repeat("long", 50)+`"}`)
	for _, f := range []format{formatTable, formatJSON, formatJSONL, formatCSV} {
		got := w.run(t, "certs", "-o", string(f), "--status", "nonsense,valid").expect(t, exitOK)
		const want = "credkit: none of 3 certifications has the status nonsense or valid; they have: a-new-word, active, expired, unverified, x[31m\n"
		if !strings.HasSuffix(got.stderr, "\n"+want) {
			t.Errorf("%s: %q", f, got.stderr)
		}
	}
	if got := w.run(t, "certs", "--status", "active").expect(t, exitOK); got.stderr != "" {
		t.Errorf("%q", got.stderr)
	}
}

func TestCertsSortedByExpiry(t *testing.T) {
	row := func(name, expires string) string {
		return `{"id":"33333333-3333-4333-8333-333333333333","external_id":"` + name + `","expires_on":` + expires + `}`
	}
	w := certsWorld(t, row("none", "null"), row("later", `"2031-01-01"`), row("first", `"2029-01-01"`), row("last", `"2032-01-01"`))
	for _, args := range [][]string{{"-o", "table"}, {"-o", "table", "--sort"}, {"--sort"}} {
		out := w.run(t, append([]string{"certs"}, args...)...).expect(t, exitOK).stdout
		order := regexp.MustCompile(`first|later|last|none`).FindAllString(out, -1)
		if want := []string{"first", "later", "last", "none"}; !slices.Equal(order, want) {
			t.Errorf("%v: %v, want %v", args, order, want)
		}
	}
	contain(t, w.run(t, "certs", "--sort", "--limit", "1").expect(t, exitOK).stdout, "first")
	contain(t, w.run(t, "certs", "--limit", "1").expect(t, exitOK).stdout, "none") // the order of the service
}
