package sandbox_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/credkit/credkit-go/facade"
	"github.com/credkit/credkit-go/facade/auth"
	"github.com/credkit/credkit-go/facade/sandbox"
)

// Clients of Test reach both services in memory; the session of that of COSMIC is
// renewed, and failing calls are repeated without a wait.
func TestTestGivesClients(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sb := sandbox.Test(t, sandbox.WithCertificationCount(3), sandbox.WithCertnUserCount(2))
		cosmic, err := sb.Cosmic()
		if err != nil {
			t.Fatal(err)
		}
		certn, err := sb.Certn()
		if err != nil {
			t.Fatal(err)
		}
		fail(t, sb, sandbox.On(facade.ListCertifications), sandbox.Status(503), sandbox.Times(2))
		start := time.Now()
		if certs, err := cosmic.Certifications().Collect(t.Context(), 3); err != nil || len(certs) != 3 {
			t.Error(certs, err)
		}
		if users, err := certn.Users().Collect(t.Context(), 2); err != nil || len(users) != 2 {
			t.Error(users, err)
		}
		if waited := time.Since(start); waited > time.Microsecond {
			t.Errorf("waited %v", waited)
		}
		time.Sleep(2 * time.Hour) // the access token has ended
		if me, err := cosmic.Me(t.Context()); err != nil || me.User.Email != sb.User().Email {
			t.Error(me, err)
		}
		if n := sb.Counters(); n.Refreshes != 1 || n.Violations != 0 {
			t.Errorf("%+v", n)
		}
	})
}

// A grant is what a sign-in gives, for any app and any store.
func TestAGrantIsSavedLikeThatOfASignIn(t *testing.T) {
	sb := sandbox.Test(t, sandbox.WithTokenLifetime(time.Nanosecond))
	for _, app := range sb.Apps() {
		sessions, err := auth.NewSessions(auth.NewMemoryStore(), auth.App{
			ClientID: app.ClientID, ClientSecret: app.ClientSecret, AuthMethod: auth.AuthMethod(app.Authentication),
		})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = sessions.Close(context.Background()) }()
		grant, err := sb.Grant(sandbox.SignIn{ClientID: app.ClientID, User: "grace@example.com"})
		if err != nil {
			t.Fatal(err)
		}
		if err := sessions.SignIn(t.Context(), "worker", grant); err != nil {
			t.Fatal(err)
		}
		cosmic, err := facade.NewCosmic(sessions.Key("worker"), sb.CosmicOptions()...)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := cosmic.Me(t.Context()); err == nil || !errors.Is(err, facade.ErrUnauthorized) { // a token of a nanosecond, renewed with the app's secret
			t.Error(err)
		}
	}
	if n := sb.Counters(); n.Refreshes < len(sb.Apps()) || n.Violations != 0 {
		t.Errorf("%+v", n)
	}
	if _, err := sb.Grant(sandbox.SignIn{User: "nobody@example.com"}); err == nil || !strings.Contains(err.Error(), "nobody") {
		t.Error(err)
	}
}

// recordingTB stands in for a test that fails.
type recordingTB struct {
	testing.TB
	fatal string
}

func (r *recordingTB) Helper() {}

func (r *recordingTB) Fatal(args ...any) { r.fatal = fmt.Sprint(args...); panic(r) }

func TestABadOptionFailsTheTest(t *testing.T) {
	tb := &recordingTB{TB: t}
	defer func() {
		if recover() != tb || !strings.Contains(tb.fatal, "no apps") {
			t.Error(tb.fatal)
		}
	}()
	sandbox.Test(tb, sandbox.WithApps())
}
