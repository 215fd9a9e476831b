package main

import (
	"strings"
	"testing"

	"github.com/credkit/credkit-go/facade/sandbox"
)

func TestSessionsAreListedRenewedAndPruned(t *testing.T) {
	w := newWorld(t)
	contain(t, w.run(t, "sessions", "-o", "table").expect(t, exitOK).stderr, "no sessions")
	w.login(t).expect(t, exitOK)

	contain(t, w.run(t, "sessions", "-o", "table").expect(t, exitOK).stdout, "KEY", "STATE", "default", "good")
	contain(t, w.run(t, "sessions", "list", "-o", "csv").expect(t, exitOK).stdout, "key,state,", "default,good,")
	contain(t, w.run(t, "sessions").expect(t, exitOK).stdout, `"key":"default"`, `"can_renew":true`)

	contain(t, w.run(t, "sessions", "renew").expect(t, exitOK).stderr, "0 renewed", "1 not due")
	contain(t, w.run(t, "sessions", "renew", "--idle", "1s").expect(t, exitOK).stderr, "failed")
	contain(t, w.run(t, "sessions", "prune").expect(t, exitOK).stderr, "Deleted 0 ended sessions")
	w.run(t, "sessions", "renew", "--idle", "0s").expect(t, exitUsage)
	contain(t, w.run(t, "--session", "ada", "sessions").expect(t, exitUsage).stderr, "uses no session")
}

// Who signs out where the server does not answer is told that the session may
// live on, and has no session here any more.
func TestLogoutFromAServerThatRefuses(t *testing.T) {
	w := newWorld(t)
	w.login(t).expect(t, exitOK)
	if err := w.Fail(sandbox.On(sandbox.OpLogout), sandbox.Status(503)); err != nil {
		t.Fatal(err)
	}
	got := w.run(t, "logout").expect(t, exitOK)
	contain(t, got.stderr, "Signed out", "may live on", "503")
	contain(t, w.run(t, "logout").expect(t, exitOK).stderr, "Nobody is signed in")
	if strings.Contains(got.stderr, "ended it.") {
		t.Error(got.stderr)
	}
}
