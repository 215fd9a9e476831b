package sandbox

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"golang.org/x/oauth2"

	"github.com/credkit/credkit-go/facade"
	"github.com/credkit/credkit-go/facade/auth"
)

// TB is what [Test] uses of a testing.TB, so that a program which has a sandbox
// does not link package testing.
type TB interface {
	Helper()
	Fatal(args ...any)
	Cleanup(f func())
}

// Test returns a sandbox in memory, see [New], that is closed when the test ends.
// A bad option fails the test. Call it within the bubble of testing/synctest for
// a test in which waits take no time.
func Test(t TB, opts ...Option) *Sandbox {
	t.Helper()
	s, err := New(opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// CosmicOptions are what a client of COSMIC needs in order to reach the sandbox:
// its base URL and its HTTP client; and a retry policy that does not wait between
// attempts. A Retry-After is waited for.
func (s *Sandbox) CosmicOptions() []facade.Option { return s.options(s.cosmic) }

// CertnOptions are [Sandbox.CosmicOptions] for a client of Certn.
func (s *Sandbox) CertnOptions() []facade.Option { return s.options(s.certn) }

func (s *Sandbox) options(v *service) []facade.Option {
	return []facade.Option{
		facade.WithBaseURL(v.base),
		facade.WithHTTPClient(s.Client()),
		facade.WithRetry(facade.RetryPolicy{FirstDelay: time.Nanosecond, MaxDelay: time.Nanosecond}),
	}
}

// Cosmic signs the first user in at the first app, and returns a client for that
// session. Its tokens are renewed until the sandbox is closed. opts come after
// [Sandbox.CosmicOptions].
func (s *Sandbox) Cosmic(opts ...facade.Option) (*facade.Cosmic, error) {
	const key = "sandbox"
	sessions, err := auth.NewSessions(auth.NewMemoryStore(), s.AuthApp())
	if err != nil {
		return nil, fmt.Errorf("sandbox: %w", err)
	}
	grant, err := s.Grant(SignIn{})
	if err == nil {
		err = sessions.SignIn(context.Background(), key, grant)
	}
	if err != nil {
		return nil, err
	}
	s.atEnd(func() { _ = sessions.Close(context.Background()) }) // the store is memory: nothing can stay unsaved
	return facade.NewCosmic(sessions.Key(key), slices.Concat(s.CosmicOptions(), opts)...)
}

// Certn returns a client of Certn with the sandbox's client id and secret. opts
// come after [Sandbox.CertnOptions].
func (s *Sandbox) Certn(opts ...facade.Option) (*facade.Certn, error) {
	return facade.NewCertn(auth.ClientCredentials(s.CertnClient()), slices.Concat(s.CertnOptions(), opts)...)
}

// AuthApp is the first registered app as package auth has it.
func (s *Sandbox) AuthApp() auth.App { return s.set.apps[0].auth() }

func (a *App) auth() auth.App {
	return auth.App{ClientID: a.ClientID, ClientSecret: a.ClientSecret, AuthMethod: auth.AuthMethod(a.Authentication)}
}

// Grant signs in without the consent page and returns what a program gets at the
// end of a sign-in, to be saved by [auth.Sessions.SignIn]. The error is that of
// [Sandbox.SignInWith].
func (s *Sandbox) Grant(in SignIn) (auth.Grant, error) {
	t, err := s.SignInWith(in)
	if err != nil {
		return auth.Grant{}, err
	}
	endpoint, err := facade.CosmicEndpoint(s.CosmicOptions()...)
	if err != nil {
		return auth.Grant{}, fmt.Errorf("sandbox: %w", err)
	}
	app, _ := s.app(cmp.Or(in.ClientID, s.set.apps[0].ClientID)) // SignInWith has found it
	return auth.NewGrant(endpoint, app.auth(), &oauth2.Token{AccessToken: t.AccessToken, RefreshToken: t.RefreshToken, Expiry: t.ExpiresAt})
}
