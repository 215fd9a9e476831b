package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/credkit/credkit-go/facade/sandbox"
)

func TestWhatIsNotAllowedEndsWith3(t *testing.T) {
	t.Run("a missing scope, before the call", func(t *testing.T) {
		w := newWorld(t).withToken(t, "qualifications:read")
		got := w.run(t, "certs").expect(t, exitNotAllowed)
		contain(t, got.stderr, "listCertifications needs the scope certification_records:read", "credkit check")
		if n := w.Count("listCertifications"); n != 0 {
			t.Errorf("%d calls were made", n)
		}
	})
	t.Run("an access token that is refused", func(t *testing.T) {
		w := newWorld(t)
		w.env[envCosmicToken] = "stale-token-value"
		contain(t, w.run(t, "certs").expect(t, exitNotAllowed).stderr, "401", "credkit login", envCosmicToken)
	})
	t.Run("a Certn key that is refused", func(t *testing.T) {
		w := newWorld(t)
		w.env[envCertnSecret] = "wrong-secret-value"
		contain(t, w.run(t, "users").expect(t, exitNotAllowed).stderr, "does not accept the client", envCertnSecret)
	})
	t.Run("a COSMIC app that is refused", func(t *testing.T) {
		w := newWorld(t)
		w.env[envCosmicSecret] = "wrong-secret-value"
		contain(t, w.login(t).expect(t, exitNotAllowed).stderr, "the endpoint refused", envCosmicSecret)
	})
	t.Run("a 403", func(t *testing.T) {
		w := newWorld(t).withToken(t)
		if err := w.Fail(sandbox.On("listCertifications"), sandbox.Status(403)); err != nil {
			t.Fatal(err)
		}
		contain(t, w.run(t, "certs").expect(t, exitNotAllowed).stderr, "scopes do not replace membership")
	})
}

func TestWhatFailedEndsWith1(t *testing.T) {
	w := newWorld(t, sandbox.WithCertnRetired()).withToken(t)
	contain(t, w.run(t, "users").expect(t, exitFailed).stderr, "410", envCertnBase)
	if err := w.Fail(sandbox.On("getMe"), sandbox.Status(500), sandbox.RetryAfter("0")); err != nil {
		t.Fatal(err)
	}
	contain(t, w.run(t, "me").expect(t, exitFailed).stderr, "getMe: 500")
}

func TestExitCodeOfJoinedErrors(t *testing.T) {
	if got := exitCode(errors.Join(errDrift, errors.New("x"))); got != exitDrift {
		t.Error(got)
	}
	if got := exitCode(errors.Join(errors.New("x"), notAllowedError{text: "no"})); got != exitNotAllowed {
		t.Error(got)
	}
	if text := explain(nil); strings.TrimSpace(text) != "" {
		t.Error(text)
	}
}

func TestAConnectionThatBreaksIsNotAReaderThatLeaves(t *testing.T) {
	broken := fmt.Errorf("write tcp 127.0.0.1:1234: %w", syscall.EPIPE)
	if code := exitCode(broken); code != exitFailed || explain(broken) == "" {
		t.Errorf("exit %d, text %q", code, explain(broken))
	}
}

func TestErrorsAreJSONWithOutputJSON(t *testing.T) {
	w := newWorld(t).withToken(t, "qualifications:read")
	if err := w.Fail(sandbox.On("listUsers"), sandbox.Status(404)); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		args []string
		env  map[string]string
		want errorDocument
	}{
		"a missing scope": {args: []string{"certs"}, want: errorDocument{Kind: "missing_scope", ExitCode: exitNotAllowed, Operation: "listCertifications",
			MissingScopes: []string{"certification_records:read"}, Remedy: "see what you have: credkit check"}},
		"a scope that check misses": {args: []string{"check", "createCertification"}, want: errorDocument{Kind: "missing_scope", ExitCode: exitNotAllowed,
			MissingScopes: []string{"certification_records:write"}}},
		"nobody signed in": {args: []string{"me", "--session", "grace"}, env: map[string]string{envCosmicToken: ""},
			want: errorDocument{Kind: "sign_in_needed", ExitCode: exitNotAllowed, Operation: "getMe", Session: "grace", Remedy: "run: credkit login"}},
		"a 404":       {args: []string{"users"}, want: errorDocument{Kind: "not_found", ExitCode: exitFailed, Operation: "listUsers"}},
		"wrong usage": {args: []string{"certs", "--nope"}, want: errorDocument{Kind: "usage", ExitCode: exitUsage}},
	} {
		t.Run(name, func(t *testing.T) {
			in := &world{Sandbox: w.Sandbox, env: maps.Clone(w.env)}
			maps.Copy(in.env, c.env)
			for _, f := range []string{"json", "jsonl"} {
				stderr := in.run(t, append(c.args, "--output="+f)...).expect(t, c.want.ExitCode).stderr
				var got errorDocument
				if err := json.Unmarshal([]byte(stderr), &got); err != nil || strings.Count(stderr, "\n") != 1 || got.Error == "" {
					t.Fatalf("%v in %q", err, stderr)
				}
				got.Error = ""
				if diff := cmp.Diff(c.want, got); diff != "" {
					t.Error(diff)
				}
			}
		})
	}
}

func TestKindOfATimeout(t *testing.T) {
	if kind, retryable := kindOf(context.DeadlineExceeded); kind != "unavailable" || !retryable {
		t.Error(kind, retryable)
	}
}
