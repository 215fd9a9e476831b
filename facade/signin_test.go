package facade_test

import (
	"errors"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/credkit/credkit-go/facade"
	"github.com/credkit/credkit-go/facade/auth"
	"github.com/credkit/credkit-go/facade/auth/filestore"
	"github.com/credkit/credkit-go/facade/sandbox"
)

// signIn signs the sandbox's first user in.
func signIn(t *testing.T, sb *sandbox.Sandbox, sessions *auth.Sessions, key string) {
	t.Helper()
	grant, err := sb.Grant(sandbox.SignIn{})
	if err != nil {
		t.Fatal(err)
	}
	if err := sessions.SignIn(t.Context(), key, grant); err != nil {
		t.Fatal(err)
	}
}

// A day of a signed-in worker: 96 expiries, one call a minute, one refresh an
// expiry and none refused; then the session ends, and a new sign-in heals it.
func TestASessionLivesThroughADay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sb := sandbox.Test(t, sandbox.WithTokenLifetime(15*time.Minute), sandbox.WithCertificationCount(3))
		sessions, err := auth.NewSessions(auth.NewMemoryStore(), sb.AuthApp())
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = sessions.Close(t.Context()) }()
		c, err := facade.NewCosmic(sessions.Key("worker"), sb.CosmicOptions()...)
		if err != nil {
			t.Fatal(err)
		}
		var reauth *auth.ReauthError
		if _, err := c.Me(t.Context()); !errors.As(err, &reauth) || !errors.Is(err, facade.ErrUnauthorized) {
			t.Errorf("before the sign-in: %v", err)
		}
		signIn(t, sb, sessions, "worker")
		for range 24 * 60 {
			if _, err := c.Certifications().Collect(t.Context(), 3); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Minute)
		}
		n := sb.Counters()
		if n.Refreshes < 96 || n.Refreshes > 140 || n.Forgiven+n.ReplaysRefused+n.Unauthorized != 0 {
			t.Errorf("%+v", n)
		}

		sb.RefuseAccessTokens() // a 401 is renewed and the call made again
		if _, err := c.Me(t.Context()); err != nil {
			t.Error(err)
		}
		for _, s := range sb.Sessions() {
			if err := sb.EndSession(s.ID, sandbox.SessionNotFound); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(time.Hour)
		if _, err := c.Me(t.Context()); !errors.As(err, &reauth) || reauth.Code != "session_not_found" || reauth.Reason != auth.ReasonSignedOut {
			t.Errorf("after the session's end: %v", err)
		}
		signIn(t, sb, sessions, "worker")
		if _, err := c.Me(t.Context()); err != nil {
			t.Errorf("after a new sign-in: %v", err)
		}
	})
}

// Ten programs on one Certn key and one folder, each with a store of its own,
// hold one token and not ten.
func TestTenProgramsOnOneKeyHoldOneToken(t *testing.T) {
	sb := sandbox.Test(t, sandbox.WithCertnUserCount(1))
	id, secret := sb.CertnClient()
	dir := filepath.Join(t.TempDir(), "tokens")
	var wg sync.WaitGroup
	for range 10 {
		store, err := filestore.New(dir)
		if err != nil {
			t.Fatal(err)
		}
		c, err := facade.NewCertn(auth.ClientCredentials(id, secret, auth.WithTokenStore(store, "certn")), sb.CertnOptions()...)
		if err != nil {
			t.Fatal(err)
		}
		wg.Go(func() {
			if _, err := c.Users().First(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if n := sb.Count(sandbox.OpCertnToken); n != 1 {
		t.Errorf("%d tokens were asked for", n)
	}
}
