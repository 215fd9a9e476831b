package auth

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func clientOf(t *testing.T, s *tokenServer, opts ...ClientCredentialsOption) Renewer {
	t.Helper()
	src, err := ClientCredentials("id", "secret-client", opts...).Source(s.clientEndpoint())
	if err != nil {
		t.Fatal(err)
	}
	return src.(Renewer)
}

func TestClientCredentialsAreRenewedBeforeTheirEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newTokenServer()
		s.expiresIn = "36000"
		src := clientOf(t, s)
		first := mustToken(t, src)
		if s.sent[0].grant != "client_credentials" || !strings.HasPrefix(s.sent[0].auth, "Basic ") || len(s.sent[0].form) != 1 {
			t.Errorf("sent %+v", s.sent[0])
		}
		time.Sleep(36000*time.Second - 2*time.Minute)
		if mustToken(t, src) != first {
			t.Error("the token was not handed out while it is renewed")
		}
		synctest.Wait()
		if mustToken(t, src) == first || s.requests() != 2 {
			t.Errorf("not renewed in the background; %d requests", s.requests())
		}
		time.Sleep(24 * time.Hour)
		s.delay = time.Second
		var wg sync.WaitGroup
		for range 10_000 {
			wg.Go(func() { mustToken(t, src) })
		}
		wg.Wait()
		if s.requests() != 3 {
			t.Errorf("%d requests, want 3", s.requests())
		}
	})
}

func TestTenProcessesOnOneKeyHoldOneToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, store := newTokenServer(), NewMemoryStore()
		s.delay = time.Second
		var fleet []Renewer
		for range 10 {
			fleet = append(fleet, clientOf(t, s, WithTokenStore(store, "certn")))
		}
		begin := time.Now()
		var wg sync.WaitGroup
		for _, src := range fleet {
			wg.Go(func() {
				for time.Since(begin) < 20*time.Hour {
					mustToken(t, src)
					time.Sleep(10 * time.Second)
				}
			})
		}
		wg.Wait()
		if n := s.requests(); n < 20 || n > 23 {
			t.Errorf("%d tokens for 20 hours of one-hour tokens", n)
		}
		// One 401 for all of them is one request.
		n, tok := s.requests(), mustToken(t, fleet[0])
		for _, src := range fleet {
			mustToken(t, src)
		}
		for _, src := range fleet {
			wg.Go(func() {
				if next, err := src.Renew(t.Context(), tok); err != nil || next.Value() == tok.Value() {
					t.Errorf("Renew: %v", err)
				}
			})
		}
		wg.Wait()
		if s.requests()-n != 1 {
			t.Errorf("%d requests for one refused token", s.requests()-n)
		}
		time.Sleep(time.Minute)
	})
}

func TestAFailingTokenStoreCostsTheSharingAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newTokenServer()
		store := &faultyStore{Store: NewMemoryStore(), saveErr: errDisk, saveFails: 1}
		src := clientOf(t, s, WithTokenStore(store, "certn"))
		first := mustToken(t, src) // not saved
		time.Sleep(2 * time.Hour)
		store.set(func(f *faultyStore) { f.loadErr = errDisk })
		second := mustToken(t, src)
		store.set(func(f *faultyStore) { f.loadErr = nil })
		time.Sleep(2 * time.Hour)
		third := mustToken(t, src)
		if first == second || second == third || s.requests() != 3 {
			t.Errorf("%d requests", s.requests())
		}
		if other := clientOf(t, s, WithTokenStore(store, "certn")); mustToken(t, other).Value() != third.Value() {
			t.Error("not shared once the store was well")
		}
	})
}

func TestAnotherClientsTokenIsNotUsed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, store := newTokenServer(), NewMemoryStore()
		mustToken(t, clientOf(t, s, WithTokenStore(store, "k")))
		other, err := ClientCredentials("id-2", "x", WithTokenStore(store, "k")).Source(s.clientEndpoint())
		if err != nil {
			t.Fatal(err)
		}
		var ce *ConfigError
		if _, err := other.Token(t.Context()); !errors.As(err, &ce) {
			t.Errorf("another client id: %v", err)
		}
		e := s.clientEndpoint()
		e.TokenURL = "https://demo.example.com/token/"
		demo, err := ClientCredentials("id", "secret-client", WithTokenStore(store, "k")).Source(e)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := demo.Token(t.Context()); !errors.As(err, &ce) {
			t.Errorf("another service: %v", err)
		}
		p := start(t, s, store)
		defer p.stop(t)
		if _, err := p.src.Token(t.Context()); !errors.As(err, &ce) || !strings.Contains(err.Error(), "client_credentials record") {
			t.Errorf("a session under the key of a client: %v", err)
		}
		if s.requests() != 1 {
			t.Errorf("%d requests, want 1", s.requests())
		}
	})
}

func TestClientCredentialsFailClearly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newTokenServer()
		src := clientOf(t, s)
		s.then(says(401, "application/json", `{"error":"invalid_client"}`))
		var ce *ConfigError
		var te *TokenError
		if _, err := src.Token(t.Context()); !errors.As(err, &ce) || !errors.As(err, &te) || te.Status != 401 {
			t.Errorf("401: %v", err)
		}
		time.Sleep(time.Minute)
		s.then(hangs)
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		begin := time.Now()
		if _, err := src.Token(ctx); !errors.Is(err, context.DeadlineExceeded) || time.Since(begin) != 100*time.Millisecond {
			t.Errorf("hanging: %v after %s", err, time.Since(begin))
		}
		mustToken(t, src)
		for name, c := range map[string]Credentials{
			"no id": ClientCredentials("", "s"), "no secret": ClientCredentials("i", ""), "no store": ClientCredentials("i", "s", WithTokenStore(nil, "k")),
			"no key": ClientCredentials("i", "s", WithTokenStore(NewMemoryStore(), "")), "empty static token": StaticToken(""),
			"no token source": FromTokenSource(nil),
		} {
			if _, err := c.Source(s.endpoint()); !errors.As(err, &ce) {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}

// blindStore shows no record but to who has the lock.
type blindStore struct{ Store }

func (blindStore) Load(context.Context, string) ([]byte, error) { return nil, nil }

func TestASharedTokenIsJudgedAgainUnderTheLock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, store := newTokenServer(), NewMemoryStore()
		first := mustToken(t, clientOf(t, s, WithTokenStore(store, "k")))
		if got := mustToken(t, clientOf(t, s, WithTokenStore(blindStore{store}, "k"))); got.Value() != first.Value() || s.requests() != 1 {
			t.Error("a token was asked for although one was stored meanwhile")
		}
		var ce *ConfigError
		other, err := ClientCredentials("id-2", "x", WithTokenStore(blindStore{store}, "k")).Source(s.clientEndpoint())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := other.Token(t.Context()); !errors.As(err, &ce) || s.requests() != 1 {
			t.Errorf("another client's record: %v", err)
		}
	})
}

func TestATokenStoreWhoseLockCannotBeHadCostsTheSharingAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, store := newTokenServer(), NewMemoryStore()
		release := make(chan struct{})
		go func() {
			if err := store.Update(t.Context(), "k", func(context.Context, []byte) ([]byte, error) {
				<-release
				return nil, nil
			}); err != nil {
				t.Error(err)
			}
		}()
		synctest.Wait()
		begin := time.Now()
		mustToken(t, clientOf(t, s, WithTokenStore(store, "k")))
		if d := time.Since(begin); d != lockWait {
			t.Errorf("after %s, want %s", d, lockWait)
		}
		close(release)
	})
}

func TestARefusedClientTokenCausesNoStorm(t *testing.T) {
	for name, opts := range map[string][]ClientCredentialsOption{"alone": nil, "shared": {WithTokenStore(NewMemoryStore(), "k")}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newTokenServer()
				src := clientOf(t, s, opts...)
				begin := time.Now()
				for time.Since(begin) < 10*time.Minute {
					if _, err := src.Renew(t.Context(), mustToken(t, src)); err != nil && !errors.Is(err, ErrRefused) {
						t.Fatal(err)
					}
					time.Sleep(time.Second)
				}
				if n := s.requests(); n < 8 || n > 12 {
					t.Errorf("%d requests in ten minutes", n)
				}
			})
		})
	}
}

// TestARefreshTokenForAClientIsDropped: RFC 6749 section 4.4.3 says that there
// should be none.
func TestARefreshTokenForAClientIsDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, store := newTokenServer(), NewMemoryStore()
		s.then(says(200, "application/json", `{"access_token":"a","refresh_token":"secret-refresh","expires_in":60}`))
		mustToken(t, clientOf(t, s, WithTokenStore(store, "k")))
		if r := stored(t, store); r.RefreshToken != "" || r.AccessToken != "a" {
			t.Error("the refresh token was kept")
		}
	})
}
