package main

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-ical"

	"github.com/credkit/credkit-go/facade/auth"
	"github.com/credkit/credkit-go/facade/auth/filestore"
	"github.com/credkit/credkit-go/facade/roster"
	"github.com/credkit/credkit-go/facade/sandbox"
)

// team is a sandbox with so many workers signed in.
func team(t *testing.T, workers string) *world {
	t.Helper()
	env, _, _ := served(t, "--workers", workers)
	return &world{env: env}
}

// signInTeam signs users of the world's sandbox in, as credkit sandbox
// --workers does.
func (w *world) signInTeam(t *testing.T, users []sandbox.User) {
	t.Helper()
	store, err := filestore.New(w.env[envStore])
	if err != nil {
		t.Fatal(err)
	}
	sessions, err := auth.NewSessions(store, w.AuthApp())
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(signInTeam(t.Context(), w.Sandbox, sessions, users), sessions.Close(t.Context())); err != nil {
		t.Fatal(err)
	}
}

func TestRosterOfASandboxTeam(t *testing.T) {
	t.Parallel()
	w := team(t, "45")
	got := w.run(t, "roster").expect(t, exitPartial)
	contain(t, got.stderr, "4 of 45 workers could not be read", "2 sign_in: ask this worker to sign in again: worker-002, worker-027", "2 scope: add the scope", "worker-003, worker-043")
	seen := map[string]string{}
	for line := range strings.Lines(got.stdout) {
		var row struct {
			Key            string
			Certifications []struct{ State string }
			Error          *struct{ Problem, Remedy, Message string }
		}
		if err := json.Unmarshal([]byte(line), &row); err != nil {
			t.Fatal(err)
		}
		if _, twice := seen[row.Key]; twice {
			t.Errorf("%s is there twice", row.Key)
		}
		seen[row.Key] = ""
		if row.Error != nil {
			seen[row.Key] = row.Error.Problem
		} else if len(row.Certifications) != 12 {
			t.Errorf("%s has %d certifications", row.Key, len(row.Certifications))
		}
	}
	if len(seen) != 45 || seen["worker-002"] != "sign_in" || seen["worker-043"] != "scope" || seen["worker-001"] != "" {
		t.Errorf("%d workers: %v", len(seen), seen)
	}
	for _, format := range []string{"table", "json", "jsonl", "csv", "html", "ics"} {
		once := w.run(t, "roster", "--output", format).expect(t, exitPartial).stdout
		if again := w.run(t, "roster", "--output", format, "--parallel", "3").expect(t, exitPartial).stdout; once != again || once == "" {
			t.Errorf("%s: another run, another output", format)
		}
	}
}

func TestRosterWritesPrivateFilesByTheirEnding(t *testing.T) {
	t.Parallel()
	w := team(t, "6")
	dir := t.TempDir()
	for _, name := range []string{"r.html", "r.ics", "r.csv", "r.json", "r.txt"} {
		path := filepath.Join(dir, name)
		if got := w.run(t, "roster", "--to", path).expect(t, exitPartial); got.stdout != "" {
			t.Errorf("%s: stdout %q", name, got.stdout)
		}
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if info, err := os.Stat(path); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", name, info.Mode(), err)
		}
		var whole []any
		switch name {
		case "r.html":
			contain(t, string(text), "<!doctype html>", "Ada Miller")
		case "r.ics":
			calendar, err := ical.NewDecoder(strings.NewReader(string(text))).Decode()
			if err != nil || len(calendar.Events()) < 30 {
				t.Errorf("%v", err)
			}
		case "r.csv":
			if lines, err := csv.NewReader(strings.NewReader(string(text))).ReadAll(); err != nil || len(lines) != 1+4*12+2 {
				t.Errorf("%d lines, %v", len(lines), err)
			}
		case "r.json":
			if err := json.Unmarshal(text, &whole); err != nil || len(whole) != 6 {
				t.Errorf("%d workers, %v", len(whole), err)
			}
		default:
			contain(t, string(text), "{\"key\":")
		}
	}
}

func TestRosterRequirementsSinceAndUsers(t *testing.T) {
	t.Parallel()
	w := team(t, "12")
	dir := t.TempDir()
	requirements, state := filepath.Join(dir, "requirements.csv"), filepath.Join(dir, "state")
	if err := os.WriteFile(requirements, []byte("*,rope-access\nworker-001,first-aid-cpr,10\n"+strings.Repeat("nobody,first-aid-cpr\n", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	got := w.run(t, "roster", "--requirements", requirements, "-o", "table", "--users").expect(t, exitPartial)
	contain(t, got.stdout, "never held", "rope-access", "only_certn", "only_cosmic", "both", "unknown")
	contain(t, got.stderr, "line 3: nobody,first-aid-cpr fits no worker that could be read", "95 more fit none either")

	first := w.run(t, "roster", "--since", state).expect(t, exitPartial)
	contain(t, first.stderr, "is new: changes are shown from the next run on")
	if second := w.run(t, "roster", "--since", state).expect(t, exitPartial); first.stdout != "" || second.stdout != "" {
		t.Errorf("nothing has changed: %q, %q", first.stdout, second.stdout)
	}
	daysAgo(t, state, 100)
	changed := w.run(t, "roster", "--since", state, "-o", "csv").expect(t, exitPartial).stdout
	contain(t, changed, "change,key,name,email,type,title,state,expires_on,window,was\n", "\nlapsed,worker-0", "\ndue,worker-0")
	if strings.Contains(changed, "\nnew,") || strings.Contains(changed, "\ngone,") {
		t.Errorf("%s", changed)
	}
}

// daysAgo makes a state of today one of so many days ago, and returns it.
func daysAgo(t *testing.T, path string, days int) []byte {
	t.Helper()
	var snapshot map[string]any
	if err := json.Unmarshal(read(t, path), &snapshot); err != nil {
		t.Fatal(err)
	}
	snapshot["day"] = time.Now().AddDate(0, 0, -days).Format(time.DateOnly)
	data, err := json.Marshal(snapshot)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return data
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestRosterUsage(t *testing.T) {
	t.Parallel()
	w := team(t, "1")
	dir := t.TempDir()
	wrong := filepath.Join(dir, "wrong.csv")
	if err := os.WriteFile(wrong, []byte("*,a\nada\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		args []string
		says string
	}{
		{[]string{"roster", "--due", "0d"}, "--due"},
		{[]string{"roster", "--due", "soon"}, "want a length of time"},
		{[]string{"roster", "--parallel", "0"}, "want at least 1"},
		{[]string{"roster", "--requirements", wrong}, "line 2: want worker,type"},
		{[]string{"roster", "--requirements", wrong + ".none"}, "no such file"},
		{[]string{"roster", "--since", wrong}, "not a state file"},
		{[]string{"roster", "--since", dir + "/s", "-o", "ics"}, "no calendar"},
		{[]string{"roster", "--since", dir}, "--since " + dir + ": not a regular file"},
		{[]string{"roster", "--since", dir + "/none/state"}, "--since " + dir + "/none/state: no file can be made"},
		{[]string{"roster", "--to", dir + "/none/r.html"}, "--to " + dir + "/none/r.html: no file can be made"},
		{[]string{"roster", "--to", dir + "/s", "--since", dir + "/s"}, "are one file"},
		{[]string{"certs", "-o", "html"}, "--output html is for credkit roster"},
		{[]string{"sandbox", "--workers=-1"}, "--workers -1"},
	} {
		contain(t, w.run(t, test.args...).expect(t, exitUsage).stderr, test.says)
	}
	if text, err := os.ReadFile(wrong); err != nil || string(text) != "*,a\nada\n" {
		t.Errorf("a file that is no state was written over: %q, %v", text, err)
	}
	w.env[envStore] = filepath.Join(dir, "empty")
	contain(t, w.run(t, "roster").expect(t, exitOK).stderr, "no sessions in")
}

func TestRosterWithAWrongSecretSaysSoOnce(t *testing.T) {
	t.Parallel()
	users := teamUsers(6)
	w := newWorld(t, sandbox.WithUsers(users...))
	w.signInTeam(t, users)
	right := w.env[envCosmicSecret]
	w.env[envCosmicSecret] = "wrong"
	w.RefuseAccessTokens()
	got := w.run(t, "roster").expect(t, exitNotAllowed)
	if n := strings.Count(got.stdout, `"problem":"config"`); n != len(users) {
		t.Errorf("%d workers have the problem: %s", n, got.stdout)
	}
	if n := strings.Count(got.stderr, "invalid_credentials"); n != 1 || strings.Contains(got.stderr, "wrong") {
		t.Errorf("stderr says it %d times, or the secret: %s", n, got.stderr)
	}
	contain(t, got.stderr, "check COSMIC_CLIENT_ID, COSMIC_CLIENT_SECRET and COSMIC_CLIENT_AUTH")
	// No session is lost by it.
	w.env[envCosmicSecret] = right
	contain(t, w.run(t, "roster").expect(t, exitPartial).stderr, "2 of 6 workers could not be read")
}

func TestProgressLine(t *testing.T) {
	now := time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)
	var to strings.Builder
	l := &progressLine{to: &to, now: func() time.Time { return now }}
	l.show(roster.Progress{Done: 40, Total: 200, Failed: 2, Elapsed: 2 * time.Second})
	contain(t, to.String(), "\r\x1b[K40 of 200 workers, 2 failed, 20/s")
	l.show(roster.Progress{Done: 41, Total: 200}) // at once: not shown
	l.wait(7 * time.Second)
	contain(t, to.String(), "41 of 200 workers, 0 failed, 0/s, waiting for the rate limit until 12:00:07")
	if n := strings.Count(to.String(), "\r"); n != 2 {
		t.Errorf("drawn %d times", n)
	}
	l.close()
	if now = now.Add(time.Second); !strings.HasSuffix(to.String(), "\r\x1b[K") {
		t.Errorf("%q", to.String())
	}
	before := to.String()
	l.show(roster.Progress{Done: 42})
	if to.String() != before {
		t.Error("drawn after its end")
	}
}
