package main

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"io"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/credkit/credkit-go/facade"
	"github.com/credkit/credkit-go/facade/safetext"
	"github.com/credkit/credkit-go/facade/sandbox"
)

func TestJSONHasWhatTheSpecificationDoesNotKnow(t *testing.T) {
	out := certsWorld(t).run(t, "certs", "-o", "json").expect(t, exitOK).stdout
	var list []map[string]any
	if err := json.Unmarshal([]byte(out), &list); err != nil || len(list) != 2 {
		t.Fatalf("%d elements, %v", len(list), err)
	}
	if _, ok := list[0]["new_field"].(map[string]any)["deep"]; !ok {
		t.Errorf("new_field is lost: %v", list[0])
	}
	contain(t, out, "ESCO <Institute>") // not \u003c
}

func TestCSVIsReadAsItWasWritten(t *testing.T) {
	w := certsWorld(t, `{"id":"22222222-2222-4222-8222-222222222222","issuer_name":"a \"b\",\nc"}`)
	records, err := csv.NewReader(strings.NewReader(w.run(t, "certs", "-o", "csv").expect(t, exitOK).stdout)).ReadAll()
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
		out := w.run(t, "certs", "-o", "csv").expect(t, exitOK).stdout
		records, err := csv.NewReader(strings.NewReader(out)).ReadAll()
		if err != nil || len(records) != 2 || records[1][3] != want {
			t.Errorf("%s: %q, want %q (%v)", sent, records, want, err)
		}
	}
}

func TestJSONHasNoCharacterThatATerminalObeys(t *testing.T) {
	const sent = "a\u009b31mb\u007fc\u202ed\u2066e"
	w := certsWorld(t, `{"id":"22222222-2222-4222-8222-222222222222","issuer_name":"`+sent+`\u001b\n","unknown":{"deep":"`+sent+`"}}`)
	for _, f := range []format{formatJSON, formatJSONL} {
		out := w.run(t, "certs", "-o", string(f)).expect(t, exitOK).stdout
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
		for _, f := range []format{formatJSON, formatJSONL} {
			sameJSON(t, w.run(t, "me", "-o", string(f)).expect(t, exitOK).stdout, me)
		}
	}
	w.ClearFaults()
	sameJSON(t, w.run(t, "certs", "-o", "jsonl").expect(t, exitOK).stdout, `{`+someID+`,`+nothings+`}`)
	sameJSON(t, w.run(t, "certs", "-o", "json").expect(t, exitOK).stdout, `[{`+someID+`,`+nothings+`}]`)
	sameJSON(t, w.run(t, "users", "-o", "jsonl").expect(t, exitOK).stdout, user)
	sameJSON(t, w.run(t, "users", "-o", "json").expect(t, exitOK).stdout, `[`+user+`]`)
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

func TestColourIsForTerminalsAlone(t *testing.T) {
	p := &program{stdout: io.Discard, env: func(string) string { return "" }}
	if p.colors() || terminalWidth(p.stdout) != 0 || p.format() != formatJSONL {
		t.Errorf("a pipe has colour %v, width %d, format %s", p.colors(), terminalWidth(p.stdout), p.format())
	}
}

func TestColumnsOfMembers(t *testing.T) {
	type value map[string]any
	columns := append(members[value]("text", "none", "number", "absent"), column[value]{member: "inner.flag"}, column[value]{member: "text.deeper"}, column[value]{member: "list"})
	got, err := cells(columns, value{"text": "a \"b\"", "none": nil, "number": 1.5, "inner": map[string]any{"flag": false}, "list": []int{1, 2}})
	if want := []string{`a "b"`, "", "1.5", "", "false", "", "[1,2]"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("%q, want %q: %v", got, want, err)
	}
	if _, err := cells(columns, value{"text": func() {}}); err == nil {
		t.Error("no error of a value that has no JSON")
	}
	csv := listLayout[facade.User](facade.ListUsers, "first_name", "email").csv
	if csv[0].name != "id" || csv[len(csv)-1].name != "team" || len(csv) != 5 {
		t.Errorf("not the members of a user in the order of openapi.yaml: %v", csv)
	}
}

// heap notes how much is alive while something is written.
type heap struct {
	lines int
	most  uint64
}

func (h *heap) Write(p []byte) (int, error) {
	if h.lines++; h.lines%2000 == 0 {
		h.most = max(h.most, alive())
	}
	return len(p), nil
}

func alive() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func TestALongListTakesLittleMemory(t *testing.T) {
	const rows = 6_000 // 4.5 MiB of JSON, and more once it is decoded
	w := newWorld(t, sandbox.WithCertificationCount(rows), sandbox.WithoutPaging()).withToken(t)
	for _, f := range []format{formatJSONL, formatTable} {
		var h heap
		var stderr locked
		before := alive()
		if code := run(t.Context(), []string{"certs", "-o", string(f)}, w.getenv, strings.NewReader(""), &h, &stderr); code != exitOK {
			t.Fatalf("exit %d: %s", code, stderr.String())
		}
		if h.lines < rows || h.most > before+3<<20 {
			t.Errorf("%s: %d lines, %d KiB alive before and %d KiB on the way, want 3 MiB more at most", f, h.lines, before>>10, h.most>>10)
		}
		t.Logf("%s: %d KiB more were alive", f, (int64(h.most)-int64(before))>>10)
	}
}

func TestWrapBreaksAtWordsAlone(t *testing.T) {
	for in, want := range map[string]string{
		"one two three":                      "one two\nthree",
		"  one two three":                    "  one\n  two\n  three",
		"go to https://example.com/long/one": "go to\nhttps://example.com/long/one",
		"a\nb":                               "a\nb",
		"":                                   "",
	} {
		if got := wrap(in, 8); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
	if got := wrap("one two three", 0); got != "one two three" {
		t.Errorf("%q", got)
	}
}
