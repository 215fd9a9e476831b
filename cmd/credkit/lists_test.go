package main

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/credkit/credkit-go/facade/safetext"
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
	for _, f := range []format{asTable, asJSON, asCSV} {
		out := w.run(t, "certs", "--output", string(f)).expect(t, exitDone).stdout
		golden(t, "certs."+string(f), expired.ReplaceAllString(out, ",-DAYS,"))
	}
	golden(t, "certs.jsonl", w.run(t, "certs").expect(t, exitDone).stdout) // stdout is no terminal
}

func TestJSONHasWhatTheSpecificationDoesNotKnow(t *testing.T) {
	out := certsWorld(t).run(t, "certs", "-o", "json").expect(t, exitDone).stdout
	var list []map[string]any
	if err := json.Unmarshal([]byte(out), &list); err != nil || len(list) != 2 {
		t.Fatalf("%d elements, %v", len(list), err)
	}
	if _, ok := list[0]["new_field"].(map[string]any)["deep"]; !ok {
		t.Errorf("new_field is lost: %v", list[0])
	}
	contain(t, out, "ESCO <Institute>") // not \u003c
}

func TestAnEmptyListIsAWholeDocument(t *testing.T) {
	w := newWorld(t, sandbox.WithCertifications(), sandbox.WithCertnUserCount(0)).withToken(t)
	for f, want := range map[format]string{asTable: "", asJSON: "[]\n", asJSONL: "", asCSV: "id,email,first_name,last_name\n"} {
		got := w.run(t, "users", "-o", string(f)).expect(t, exitDone)
		if got.stdout != want {
			t.Errorf("%s: %q, want %q", f, got.stdout, want)
		}
	}
	contain(t, w.run(t, "certs", "-o", "table").stderr, "no certifications\n")
	contain(t, w.run(t, "certs", "-o", "table", "--expired").stderr, "no certifications that fit")
	contain(t, w.run(t, "users", "-o", "table").stderr, "no users")
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
		out := w.run(t, append([]string{"certs"}, strings.Fields(args)...)...).expect(t, exitDone).stdout
		if got := strings.Count(out, "\n"); got != want {
			t.Errorf("certs %s: %d, want %d", args, got, want)
		}
	}
}

func TestALimitAsksForNoMoreThanItNeeds(t *testing.T) {
	w := newWorld(t, sandbox.WithCertificationCount(500)).withToken(t)
	w.run(t, "certs", "--limit", "3").expect(t, exitDone)
	requests := w.RequestsOf("listCertifications")
	if len(requests) != 1 || requests[0].Query.Get("limit") != "3" {
		t.Errorf("%d requests, the first with %v", len(requests), requests[0].Query)
	}
}

func TestUsersInEachFormat(t *testing.T) {
	w := newWorld(t, sandbox.WithCertnUsers(
		`{"id":"44444444-4444-4444-8444-444444444444","email":"ada@example.com","first_name":"Ada","last_name":"Lovelace","is_active":true}`,
		`{"id":"55555555-5555-4555-8555-555555555555"}`))
	for _, f := range []format{asTable, asJSON, asJSONL, asCSV} {
		golden(t, "users."+string(f), w.run(t, "users", "--output", string(f)).expect(t, exitDone).stdout)
	}
	if out := w.run(t, "users", "--limit", "1").expect(t, exitDone).stdout; strings.Count(out, "\n") != 1 {
		t.Errorf("--limit 1 gave %q", out)
	}
}

func TestAnElementThatDoesNotFitIsToldOfAndTheListGoesOn(t *testing.T) {
	w := certsWorld(t, fullCert, `{"id":"22222222-2222-4222-8222-222222222222","expires_on":"soon"}`, bareCert)
	for _, f := range []format{asTable, asJSON, asJSONL, asCSV} {
		got := w.run(t, "certs", "-o", string(f)).expect(t, exitFailed)
		contain(t, got.stderr, "element 1 of the list", "/data/1/expires_on", "not every element")
		contain(t, got.stdout, "EPA 608", "a-new-word")
		if f == asJSON && !json.Valid([]byte(got.stdout)) {
			t.Errorf("no whole document: %s", got.stdout)
		}
	}
}

func TestACutListIsNeverAWholeDocument(t *testing.T) {
	w := certsWorld(t)
	if err := w.Fail(sandbox.On("listCertifications"), sandbox.CutAfter(int64(len(fullCert)+20))); err != nil {
		t.Fatal(err)
	}
	for _, f := range []format{asTable, asJSON, asJSONL, asCSV} {
		got := w.run(t, "certs", "-o", string(f)).expect(t, exitFailed)
		contain(t, got.stdout, "EPA 608") // what came whole is shown
		contain(t, got.stderr, "credkit: cosmic: listCertifications")
		if f == asJSON && json.Valid([]byte(got.stdout)) {
			t.Errorf("half a list looks whole: %s", got.stdout)
		}
	}
}

// closedPipe is a reader that has left, as head does.
type closedPipe struct{ after int }

func (c *closedPipe) Write(p []byte) (int, error) {
	if c.after--; c.after < 0 {
		return 0, syscall.EPIPE
	}
	return len(p), nil
}

func TestAReaderThatLeavesIsNoFailure(t *testing.T) {
	w := newWorld(t, sandbox.WithCertificationCount(2000)).withToken(t)
	for _, f := range []format{asTable, asJSON, asJSONL, asCSV} {
		var stderr locked
		code := run(t.Context(), []string{"certs", "-o", string(f)}, w.getenv, strings.NewReader(""), &closedPipe{after: 1}, &stderr)
		if code != exitDone || stderr.String() != "" {
			t.Errorf("%s: exit %d, stderr %q", f, code, stderr.String())
		}
	}
}

func TestInterruptedEndsWith130(t *testing.T) {
	w := certsWorld(t)
	if err := w.Fail(sandbox.On("listCertifications"), sandbox.Hang()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		for w.Count("listCertifications") == 0 && ctx.Err() == nil {
			time.Sleep(time.Millisecond)
		}
		cancel()
	}()
	got := w.runWith(t, ctx, "", "certs").expect(t, exitInterrupted)
	if got.stderr != "credkit: interrupted\n" {
		t.Errorf("stderr: %q", got.stderr)
	}
}

func TestCSVIsReadAsItWasWritten(t *testing.T) {
	w := certsWorld(t, `{"id":"22222222-2222-4222-8222-222222222222","issuer_name":"a \"b\",\nc"}`)
	records, err := csv.NewReader(strings.NewReader(w.run(t, "certs", "-o", "csv").expect(t, exitDone).stdout)).ReadAll()
	if err != nil || len(records) != 2 {
		t.Fatalf("%d records, %v", len(records), err)
	}
	if got := records[1][3]; got != "a \"b\",\nc" {
		t.Errorf("issuer_name %q", got)
	}
}

func TestCSVHasNoFormulaAndNoControlCharacter(t *testing.T) {
	for sent, want := range map[string]string{
		`=HYPERLINK(\"https://evil.test\",\"x\")`: `'=HYPERLINK("https://evil.test","x")`,
		`+1+cmd|' /C calc'!A0`:                    `'+1+cmd|' /C calc'!A0`,
		`-2+3`:                                    `'-2+3`,
		`@SUM(A1)`:                                `'@SUM(A1)`,
		`\t=1+1`:                                  "'\t'=1+1",
		`\r=1+1`:                                  "'\n'=1+1",
		`\u001b=1+1`:                              `'=1+1`,
		`＝1+1`:                                    `'＝1+1`,
		`a;=1+1;b`:                                `a;'=1+1;b`,
		`a\n=1+1`:                                 "a\n'=1+1",
		`a\t@SUM(A1)`:                             "a\t'@SUM(A1)",
		`a\u0085;\u001b\u009b=1+1`:                `a;'=1+1`,
		`-12`:                                     `-12`,
		`+1.5`:                                    `+1.5`,
		`a=b`:                                     `a=b`,
		`\u001b]0;title\u0007\u009b31mred\u202e`:  `]0;title31mred`,
		`one\r\ntwo`:                              "one\ntwo",
	} {
		w := certsWorld(t, `{"id":"22222222-2222-4222-8222-222222222222","issuer_name":"`+sent+`"}`)
		out := w.run(t, "certs", "-o", "csv").expect(t, exitDone).stdout
		records, err := csv.NewReader(strings.NewReader(out)).ReadAll()
		if err != nil || len(records) != 2 || records[1][3] != want {
			t.Errorf("%s: %q, want %q (%v)", sent, records, want, err)
		}
	}
}

func TestJSONHasNoCharacterThatATerminalObeys(t *testing.T) {
	const sent = "a\u009b31mb\u007fc\u202ed\u2066e"
	w := certsWorld(t, `{"id":"22222222-2222-4222-8222-222222222222","issuer_name":"`+sent+`\u001b\n","unknown":{"deep":"`+sent+`"}}`)
	for _, f := range []format{asJSON, asJSONL} {
		out := w.run(t, "certs", "-o", string(f)).expect(t, exitDone).stdout
		for _, r := range out {
			if r != '\n' && safetext.Line(string(r)) != string(r) {
				t.Errorf("%s: %U in %q", f, r, out)
			}
		}
		var one struct {
			IssuerName string `json:"issuer_name"`
			Unknown    struct{ Deep string }
		}
		if err := json.Unmarshal([]byte(strings.Trim(out, "[]\n ")), &one); err != nil || one.IssuerName != sent+"\x1b\n" || one.Unknown.Deep != sent {
			t.Errorf("%s: another value: %q (%v)", f, one, err)
		}
	}
}

func TestAStatusThatNobodyKnowsIsSaidBeforeTheListIsRead(t *testing.T) {
	w := certsWorld(t)
	if err := w.Fail(sandbox.On("listCertifications"), sandbox.Status(500), sandbox.RetryAfter("0")); err != nil {
		t.Fatal(err)
	}
	got := w.run(t, "certs", "--status", "nonsense", "--status", "valid").expect(t, exitFailed)
	first, rest, _ := strings.Cut(got.stderr, "\n")
	if first != `credkit: --status "nonsense" is not documented (active, unverified and valid are); reading the list for it all the same` {
		t.Errorf("the first line is %q", first)
	}
	if strings.Contains(rest, "--status") {
		t.Errorf("a word that is known was warned of: %q", rest)
	}
}

func TestAConnectionThatBreaksIsNotAReaderThatLeaves(t *testing.T) {
	broken := fmt.Errorf("write tcp 127.0.0.1:1234: %w", syscall.EPIPE)
	if code := exitCode(broken); code != exitFailed || explain(broken) == "" {
		t.Errorf("exit %d, text %q", code, explain(broken))
	}
}

func TestAStatusThatNoCertificationHasIsToldWithThoseThatThereAre(t *testing.T) {
	w := certsWorld(t, fullCert, bareCert, `{"id":"33333333-3333-4333-8333-333333333333","validity_status":"x\u001b[31m","lifecycle_status":"`+strings.Repeat("long", 50)+`"}`)
	for _, f := range []format{asTable, asJSON, asJSONL, asCSV} {
		got := w.run(t, "certs", "-o", string(f), "--status", "nonsense,valid").expect(t, exitDone)
		const want = "credkit: none of 3 certifications has the status nonsense or valid; they have: a-new-word, active, expired, unverified, x[31m\n"
		if !strings.HasSuffix(got.stderr, "\n"+want) {
			t.Errorf("%s: %q", f, got.stderr)
		}
	}
	if got := w.run(t, "certs", "--status", "active").expect(t, exitDone); got.stderr != "" {
		t.Errorf("%q", got.stderr)
	}
}

// What the service sent is what is printed, null and empty included.
func TestJSONIsWhatTheServiceSent(t *testing.T) {
	const nothings = `"expires_on":null,"issuer_name":"","certification_type":{"slug":"","title":null,"x":{}},"unknown":[],"zero":0,"no":false,"none":null`
	const someID = `"id":"22222222-2222-4222-8222-222222222222"`
	const user = `{` + someID + `,"email":"","first_name":null,"team":{"id":null,"owners":[]},"is_active":false,"count":0}`
	w := newWorld(t, sandbox.WithCertifications(`{`+someID+`,`+nothings+`}`), sandbox.WithCertnUsers(user)).withToken(t)
	for _, me := range []string{
		`{"user":{` + someID + `,"email":null,"display_name":"","unknown":{"x":[]}},"scopes":[],"unknown":{"deep":null}}`,
		`{"user":{` + someID + `},"scopes":null}`,
		`{"user":{` + someID + `},"scopes":[],"organizations":[],"accessible_member_ids":[]}`,
		`{"organizations":[{` + someID + `,"name":null,"x":0}],"organization_memberships":[],"scopes":["a:b"]}`,
	} {
		w.ClearFaults()
		if err := w.Fail(sandbox.On("getMe"), sandbox.Status(200), sandbox.Body("application/json", []byte(me))); err != nil {
			t.Fatal(err)
		}
		for _, f := range []format{asJSON, asJSONL} {
			sameJSON(t, w.run(t, "me", "-o", string(f)).expect(t, exitDone).stdout, me)
		}
	}
	w.ClearFaults()
	sameJSON(t, w.run(t, "certs", "-o", "jsonl").expect(t, exitDone).stdout, `{`+someID+`,`+nothings+`}`)
	sameJSON(t, w.run(t, "certs", "-o", "json").expect(t, exitDone).stdout, `[{`+someID+`,`+nothings+`}]`)
	sameJSON(t, w.run(t, "users", "-o", "jsonl").expect(t, exitDone).stdout, user)
	sameJSON(t, w.run(t, "users", "-o", "json").expect(t, exitDone).stdout, `[`+user+`]`)
}

func sameJSON(t *testing.T, got, want string) {
	t.Helper()
	var a, b any
	if err := errors.Join(json.Unmarshal([]byte(got), &a), json.Unmarshal([]byte(want), &b)); err != nil {
		t.Fatalf("%v in %s", err, got)
	}
	if diff := cmp.Diff(b, a); diff != "" {
		t.Error(diff)
	}
}
