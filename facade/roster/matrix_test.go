package roster_test

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"iter"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/credkit/credkit-go/facade"
	"github.com/credkit/credkit-go/facade/roster"
)

// matrixOf assesses workers.
func matrixOf(p *roster.Policy, workers ...roster.Worker) *roster.Matrix {
	rows := make([]roster.Row, 0, len(workers))
	for _, w := range workers {
		rows = append(rows, p.Assess(w))
	}
	return p.Matrix(rows)
}

func keys(m *roster.Matrix) (all []string) {
	for _, r := range m.Rows {
		all = append(all, r.Key)
	}
	return all
}

func TestMatrixIsSortedByWhatLapsesFirst(t *testing.T) {
	workers := []roster.Worker{
		worker("due-later", held("epa", 80)), worker("valid", held("epa", 300)), worker("no-end", endless("epa")), worker("nothing"),
		worker("ended", held("epa", -5), held("osha", 3)), worker("due-first", held("epa", 200), held("osha", 3)),
		failed("unread", roster.ProblemSignIn), worker("ended-before", held("epa", -50)),
	}
	want := []string{"ended-before", "ended", "due-first", "due-later", "valid", "no-end", "nothing", "unread"}
	for range 20 { // whatever order they come in
		shuffle(workers)
		if got := keys(matrixOf(policy(t), workers...)); !slices.Equal(got, want) {
			t.Fatalf("%q", got)
		}
	}
	// Where there are requirements, what is not required does not count.
	required := matrixOf(policy(t, roster.Requirement{Worker: "*", Type: "epa"}), workers...)
	want = []string{"nothing", "ended-before", "ended", "due-later", "due-first", "valid", "no-end", "unread"}
	if got := keys(required); !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
	if n := required.States(); n[roster.StateDue] != 1 || n[roster.StateExpired] != 2 || n[roster.StateNeverHeld] != 1 || n[roster.StateUnknown] != 1 {
		t.Errorf("%v", n)
	}
	if n := required.Problems(); len(n) != 1 || n[roster.ProblemSignIn] != 1 {
		t.Errorf("%v", n)
	}
}

func shuffle(workers []roster.Worker) {
	rand.Shuffle(len(workers), func(i, j int) { workers[i], workers[j] = workers[j], workers[i] })
}

func TestMatrixNamesRequirementsThatFitNobody(t *testing.T) {
	m := matrixOf(policy(t, roster.Requirement{Worker: "ada", Type: "epa", Line: 2}, roster.Requirement{Worker: "adda", Type: "epa", Due: 5, Line: 3}), worker("ada"))
	if len(m.Unmatched) != 1 || m.Unmatched[0].String() != "line 3: adda,epa,5" {
		t.Errorf("%v", m.Unmatched)
	}
	if want := []roster.Type{{"epa", "epa"}}; !slices.Equal(m.Types, want) {
		t.Errorf("%v", m.Types)
	}
}

func TestMatrixOfAnIncompleteRangeSaysSo(t *testing.T) {
	m := matrixOf(policy(t), worker("ada"), roster.Worker{Err: roster.ErrIncomplete})
	if len(m.Rows) != 1 || m.Incomplete == "" {
		t.Errorf("%+v", m)
	}
}

func users(all ...facade.User) iter.Seq2[facade.User, error] {
	return func(yield func(facade.User, error) bool) {
		for _, u := range all {
			if u.ID == (facade.UUID{}) {
				if !yield(u, &facade.ElementError{}) {
					return
				}
			} else if !yield(u, nil) {
				return
			}
		}
	}
}

func user(id byte, email string) facade.User {
	return facade.User{ID: facade.UUID{id}, Email: email, FirstName: "First" + fmt.Sprint(id)}
}

func TestJoin(t *testing.T) {
	p := policy(t)
	second := worker("double")
	second.Key = "double-2"
	var rows []roster.Row
	for _, w := range []roster.Worker{worker("ada"), worker("bob"), worker("cyd"), worker("double"), second, {Key: "unread", Err: &roster.Error{Key: "unread"}}} {
		rows = append(rows, p.Assess(w))
	}
	rows, err := roster.Join(rows, users(user(1, " ADA@example.com"), user(2, "cyd@example.com"), user(3, "CYD@example.com"), user(4, "double@example.com"),
		user(5, "zoe@example.com"), user(6, ""), user(7, "twin@example.com"), user(8, "Twin@example.com"), facade.User{}))
	if err == nil || !strings.Contains(err.Error(), "1 of the Certn users could not be read") {
		t.Errorf("the user that could not be read: %v", err)
	}
	got := map[string]string{}
	for _, r := range rows {
		got[r.Key+"/"+strings.ToLower(r.Email)] = fmt.Sprint(r.Certn.Presence, " ", len(r.Certn.Users))
	}
	want := map[string]string{
		"ada/ada@example.com": "both 1", "bob/bob@example.com": "only_cosmic 0", "cyd/cyd@example.com": "several 2", "double/double@example.com": "several 1",
		"double-2/double@example.com": "several 1", "unread/": "unknown 0", "/zoe@example.com": "only_certn 1", "/": "only_certn 1", "/twin@example.com": "several 2",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if m := p.Matrix(rows); len(m.Rows) != 9 || m.Rows[8].Key != "" || m.Rows[5].Key != "unread" || m.Incomplete != "" {
		t.Errorf("%q", keys(m))
	}
}

func TestJoinOfAListThatFailsHasNoRows(t *testing.T) {
	rows, err := roster.Join([]roster.Row{{Key: "ada"}}, func(yield func(facade.User, error) bool) { yield(facade.User{}, facade.ErrTruncated) })
	if rows != nil || err == nil {
		t.Errorf("%v, %v", rows, err)
	}
}

// hostile is a worker whose texts try everything.
func hostile() roster.Worker {
	c := held("epa", 5)
	c.CertificationType.Title = "</td><script>alert(2)</script>; DROP\r\nBEGIN:VEVENT, \\ ünïcödé 氷点下の資格証明書 " + strings.Repeat("ä", 100)
	w := worker("=cmd|'/c calc'!A0", c)
	w.Me.User.DisplayName = `=HYPERLINK("http://evil.test","x")<script>alert(1)</script>` + "\u202e\x1b[31m\x00"
	w.Me.User.Email = `"><img src=x onerror=alert(3)>@example.com`
	return w
}

func TestWriteCSV(t *testing.T) {
	var b strings.Builder
	if err := matrixOf(policy(t), hostile(), failed("unread", roster.ProblemScope), worker("nothing")).WriteCSV(&b); err != nil {
		t.Fatal(err)
	}
	lines, err := csv.NewReader(strings.NewReader(b.String())).ReadAll()
	if err != nil || len(lines) != 4 {
		t.Fatalf("%d lines, %v", len(lines), err)
	}
	for _, line := range lines {
		for _, cell := range line {
			if strings.ContainsAny(cell, "\u202e\x1b\x00\r") || cell != "" && strings.ContainsAny(cell[:1], "=+-@") {
				t.Errorf("cell %q", cell)
			}
		}
	}
	at := func(name string) int { return slices.Index(lines[0], name) }
	if got := lines[1]; got[at("state")] != "due" || got[at("days_left")] != "5" || got[at("window")] != "30" || got[at("expires_on")] != "2026-11-30" || got[at("required")] != "false" {
		t.Errorf("%q", got)
	}
	if got := lines[3]; got[at("key")] != "unread" || got[at("problem")] != "scope" || got[at("error")] == "" || got[at("type")] != "" {
		t.Errorf("%q", got)
	}
}

func TestWriteJSON(t *testing.T) {
	p := policy(t, roster.Requirement{Worker: "*", Type: "epa"})
	m := matrixOf(p, worker("ada", held("epa", 20), endless("osha")), failed("unread", roster.ProblemSignIn), hostile())
	var whole, lines strings.Builder
	if err := m.WriteJSON(&whole); err != nil {
		t.Fatal(err)
	}
	if err := m.WriteJSONL(&lines); err != nil {
		t.Fatal(err)
	}
	var fromWhole, fromLines []map[string]any
	if err := json.Unmarshal([]byte(whole.String()), &fromWhole); err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(lines.String()) {
		var one map[string]any
		if err := json.Unmarshal([]byte(line), &one); err != nil {
			t.Fatal(err)
		}
		fromLines = append(fromLines, one)
	}
	if diff := cmp.Diff(fromWhole, fromLines); diff != "" {
		t.Error(diff)
	}
	want := map[string]any{
		"key": "ada", "name": "Name of ada", "email": "ada@Example.com", "error": nil, "certifications": []any{
			map[string]any{"type": "epa", "title": "The epa", "state": "due", "required": true, "expires_on": "2026-12-15", "days_left": 20.0, "window": 30.0, "id": "00000000-0000-0000-0000-000000000103"},
			map[string]any{"type": "osha", "title": "The osha", "state": "valid", "required": false, "expires_on": nil, "days_left": nil, "id": "00000000-0000-0000-0000-000000000104"},
		},
	}
	if diff := cmp.Diff(want, fromWhole[1]); diff != "" {
		t.Error(diff)
	}
	unread, _ := fromWhole[2]["error"].(map[string]any)
	if unread["problem"] != "sign_in" || unread["remedy"] == "" || unread["message"] == "" {
		t.Errorf("%v", fromWhole[2])
	}
	if strings.ContainsAny(whole.String()+lines.String(), "\u202e\x1b\x7f") {
		t.Error("a terminal may obey the document")
	}
	var empty strings.Builder
	if err := p.Matrix(nil).WriteJSON(&empty); err != nil || empty.String() != "[]\n" {
		t.Errorf("%q, %v", empty.String(), err)
	}
}
