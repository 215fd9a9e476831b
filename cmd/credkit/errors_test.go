package main

import (
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"

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
	if got := exitCode(errors.Join(errors.New("x"), notAllowedError{"no"})); got != exitNotAllowed {
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
