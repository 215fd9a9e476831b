package auth

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestClosedSessionsStartNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, store := newTokenServer(), NewMemoryStore()
		s.signIn(t, store)
		p := start(t, s, store)
		mustToken(t, p.src)
		time.Sleep(2 * time.Hour)
		s.delay = 5 * time.Second
		got := make(chan error)
		go func() {
			_, err := p.src.Token(t.Context())
			got <- err
		}()
		synctest.Wait()
		begin := time.Now()
		p.stop(t) // waits for the request in flight
		if d := time.Since(begin); d != 5*time.Second {
			t.Errorf("Close took %s, the request 5s", d)
		}
		if err := <-got; err != nil {
			t.Errorf("the caller of the request in flight: %v", err)
		}
		s.invariant(t, store)
		mustToken(t, p.src) // at hand
		time.Sleep(2 * time.Hour)
		if _, err := p.src.Token(t.Context()); !errors.Is(err, ErrClosed) {
			t.Errorf("after Close: %v", err)
		}
		p.stop(t) // again
	})
}

func TestCloseCutsWhatOutlivesItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, store := newTokenServer(), NewMemoryStore()
		s.signIn(t, store)
		p := start(t, s, store)
		mustToken(t, p.src)
		time.Sleep(2 * time.Hour)
		s.then(hangsAfter)
		go p.src.Token(t.Context()) //nolint:errcheck // its error is not what this is about
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		begin := time.Now()
		if err := p.Close(ctx); !errors.Is(err, context.DeadlineExceeded) || time.Since(begin) != time.Second {
			t.Errorf("Close: %v after %s", err, time.Since(begin))
		}
		synctest.Wait() // the bubble fails if a goroutine stays
		s.invariant(t, store)
	})
}

func TestManySessionsShareOneSource(t *testing.T) {
	bubble(t, func(t *testing.T, s *tokenServer, store *faultyStore, p *process) {
		e := s.endpoint()
		a, err := p.Key("k").Source(e)
		if err != nil {
			t.Fatal(err)
		}
		b, err := p.Key("k").Source(e)
		if err != nil || a != b {
			t.Errorf("two bindings to one endpoint gave two sources, %v", err)
		}
		e.TokenURL = "http://example.com/token"
		var ce *ConfigError
		if _, err := p.Key("k").Source(e); !errors.As(err, &ce) {
			t.Errorf("a token URL in the clear: %v", err)
		}
		if _, err := p.Key("").Source(s.endpoint()); !errors.As(err, &ce) {
			t.Errorf("an empty key: %v", err)
		}
		if got := fmt.Sprint(p.Key("k")); got != `auth.Session("k")` {
			t.Errorf("printed: %s", got)
		}
	})
}

func TestASignInForAnotherIssuerIsNotHandedOutHere(t *testing.T) {
	bubble(t, func(t *testing.T, s *tokenServer, store *faultyStore, p *process) {
		mustToken(t, p.src)
		e := s.endpoint()
		e.TokenURL = "https://demo.example.com/token"
		g, err := NewGrant(e, testApp, tokenOf("secret-access-demo", "r", time.Now().Add(time.Hour)))
		if err != nil {
			t.Fatal(err)
		}
		if err := p.SignIn(t.Context(), "k", g); err != nil {
			t.Fatal(err)
		}
		var ce *ConfigError
		if _, err := p.src.Token(t.Context()); !errors.As(err, &ce) {
			t.Errorf("a session of another issuer: %v", err)
		}
		version := stored(t, store).Version
		if err := p.SignIn(t.Context(), "k", g); err != nil || stored(t, store).Version == version {
			t.Errorf("a second sign-in with one grant has the same version; %v", err)
		}
	})
}

func TestALoggerOfItsOwnMakesNoSourceOfItsOwn(t *testing.T) {
	s := newTokenServer()
	p := start(t, s, NewMemoryStore())
	defer p.stop(t)
	for name, c := range map[string]struct {
		Credentials
		e Endpoint
	}{"session": {p.Key("k"), s.endpoint()}, "client": {ClientCredentials("id", "secret"), s.clientEndpoint()}} {
		sources := map[Source]bool{}
		for range 3 {
			e := c.e
			e.HTTPClient, e.Logger = nil, slog.New(slog.DiscardHandler)
			src, err := c.Source(e)
			if err != nil {
				t.Fatal(err)
			}
			sources[src] = true
		}
		if len(sources) != 1 {
			t.Errorf("%s: %d sources, want 1", name, len(sources))
		}
	}
}

func TestARecordOfAClientIsNoSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, store := newTokenServer(), NewMemoryStore()
		mustToken(t, clientOf(t, s, WithTokenStore(store, "k")))
		sessions, err := NewSessions(store, App{ClientID: "id"})
		if err != nil {
			t.Fatal(err)
		}
		src, err := sessions.Key("k").Source(s.endpoint())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := src.Token(t.Context()); !errors.Is(err, ErrNotSession) {
			t.Errorf("a session under a client's key: %v", err)
		}
		if err := sessions.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// The same token endpoint is one issuer, however its URL names the port.
func TestTheDefaultPortMakesNoOtherIssuer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, store := newTokenServer(), NewMemoryStore()
		s.signIn(t, store)
		written := stored(t, store)
		u, err := url.Parse(written.Issuer)
		if err != nil || u.Port() != "" {
			t.Fatalf("issuer %s, %v", written.Issuer, err)
		}
		u.Host += ":443"
		written.Issuer = u.String() // as it was written once
		data, err := written.encode()
		if err != nil {
			t.Fatal(err)
		}
		if err := store.Update(t.Context(), "k", func(context.Context, []byte) ([]byte, error) { return data, nil }); err != nil {
			t.Fatal(err)
		}
		p := start(t, s, store)
		defer p.stop(t)
		if mustToken(t, p.src).Value() != written.AccessToken {
			t.Error("another token")
		}
		withPort := s.endpoint()
		withPort.TokenURL = u.String()
		src, err := p.Key("k").Source(withPort)
		if err != nil {
			t.Fatal(err)
		}
		if mustToken(t, src).Value() != written.AccessToken || s.requests() != 0 {
			t.Error("an endpoint with the port has another session")
		}
	})
}

// A store that is a Deleter deletes what it cannot read; of another the
// error comes back.
func TestForgetDeletesWhatDoesNotOpen(t *testing.T) {
	key, err := NewEncryptionKey([]byte(strings.Repeat("k", 32)))
	if err != nil {
		t.Fatal(err)
	}
	memory := NewMemoryStore()
	if err := memory.Update(t.Context(), "k", func(context.Context, []byte) ([]byte, error) { return []byte("plain"), nil }); err != nil {
		t.Fatal(err)
	}
	store, err := NewEncryptedStore(memory, key)
	if err != nil {
		t.Fatal(err)
	}
	sessions, err := NewSessions(store, testApp)
	if err != nil {
		t.Fatal(err)
	}
	var se *StoreError
	if err := sessions.CheckStore(t.Context(), "k"); !errors.As(err, &se) || !errors.Is(err, ErrCorruptRecord) {
		t.Errorf("CheckStore: %v", err)
	}
	if err := sessions.Forget(t.Context(), "k"); err != nil {
		t.Errorf("Forget: %v", err)
	}
	if err := sessions.CheckStore(t.Context(), "k"); err != nil {
		t.Errorf("CheckStore after Forget: %v", err)
	}
	if data, err := memory.Load(t.Context(), "k"); data != nil || err != nil {
		t.Errorf("there is still %q, %v", data, err)
	}
	if err := sessions.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

// A store that cannot be written to is found out before the sign-in.
func TestCheckStoreFindsAStoreThatCannotSave(t *testing.T) {
	sessions, err := NewSessions(reserving{NewMemoryStore()}, testApp)
	if err != nil {
		t.Fatal(err)
	}
	var se *StoreError
	if err := sessions.CheckStore(t.Context(), "k"); !errors.As(err, &se) || !errors.Is(err, errDisk) {
		t.Errorf("CheckStore: %v", err)
	}
	var ce *ConfigError
	if err := sessions.CheckStore(t.Context(), ""); !errors.As(err, &ce) {
		t.Errorf("CheckStore of no key: %v", err)
	}
	if err := sessions.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

// reserving fails as a file store does on a full disk: before f is called.
type reserving struct{ Store }

func (reserving) Update(context.Context, string, func(context.Context, []byte) ([]byte, error)) error {
	return errDisk
}

// Credentials that a service cannot take do not bind, so that the constructor of
// its client fails and not the first call.
func TestCredentialsOfTheOtherKindDoNotBind(t *testing.T) {
	s := newTokenServer()
	p := start(t, s, NewMemoryStore())
	defer p.stop(t)
	for remedy, bind := range map[string]func() (Source, error){
		"use Sessions.Key":      func() (Source, error) { return ClientCredentials("id", "secret").Source(s.endpoint()) },
		"use ClientCredentials": func() (Source, error) { return p.Key("k").Source(s.clientEndpoint()) },
	} {
		var ce *ConfigError
		if _, err := bind(); !errors.As(err, &ce) || ce.Remedy != remedy {
			t.Errorf("%v, want the remedy %q", err, remedy)
		}
	}
}

func TestTheStatusOfAClientsSharedTokenIsNotThatOfASession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, store := newTokenServer(), NewMemoryStore()
		mustToken(t, clientOf(t, s, WithTokenStore(store, "shared")))
		p := start(t, s, store)
		defer p.stop(t)
		st, err := p.Status(t.Context(), "shared")
		if err != nil || st.State != StateNotSession || st.CanRenew || st.ClientID != "id" || st.ExpiresAt.IsZero() {
			t.Errorf("%+v, %v", st, err)
		}
	})
}

// TestAnErrorOfASaveSaysWhatBecomesOfWhatWasNotSaved: what is true of a renewal
// is not of a sign-in, nor of the end of a process.
func TestAnErrorOfASaveSaysWhatBecomesOfWhatWasNotSaved(t *testing.T) {
	bubble(t, func(t *testing.T, s *tokenServer, store *faultyStore, _ *process) {
		p := start(t, s, store)
		check := func(err error, says, doesNotSay string) {
			t.Helper()
			var se *StoreError
			if !errors.As(err, &se) || !errors.Is(err, errDisk) || !strings.Contains(err.Error(), says) || strings.Contains(err.Error(), doesNotSay) {
				t.Errorf("%v, want %q", err, says)
			}
		}
		store.set(func(f *faultyStore) { f.saveFails = 1 << 30 })
		g := mustGrantOf(t, s.endpoint(), testApp)
		check(p.SignIn(t.Context(), "other", g), "save the same grant again", "tried again")
		check(p.Forget(t.Context(), "other"), "failed to delete it: ", "tried again")
		time.Sleep(2 * time.Hour)
		mustToken(t, p.src)
		time.Sleep(2 * time.Hour)
		_, err := p.src.Token(t.Context())
		check(err, "kept in memory and the save is tried again", "same grant")
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		check(p.Close(ctx), "not in the store", "tried again")
		store.set(func(f *faultyStore) { f.saveFails = 0 })
		if err := start(t, s, store).SignIn(t.Context(), "other", g); err != nil {
			t.Errorf("the same grant again: %v", err)
		}
		s.invariant(t, store)
	})
}

// keyStore loses the saves of broken keys.
type keyStore struct {
	Store
	mu     sync.Mutex
	broken map[string]bool
}

func (s *keyStore) breaks(key string, broken bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.broken[key] = broken
}

func (s *keyStore) Update(ctx context.Context, key string, f func(context.Context, []byte) ([]byte, error)) error {
	return s.Store.Update(ctx, key, func(ctx context.Context, current []byte) ([]byte, error) {
		next, err := f(ctx, current)
		s.mu.Lock()
		defer s.mu.Unlock()
		if err == nil && next != nil && s.broken[key] {
			err = errDisk
		}
		return next, err
	})
}

// pending signs in under each key and rotates once without saving it.
func (s *keyStore) pending(t *testing.T, server *tokenServer, p *process, keys ...string) {
	t.Helper()
	for _, key := range keys {
		if err := p.SignIn(t.Context(), key, mustGrantOf(t, server.endpoint(), testApp)); err != nil {
			t.Fatal(err)
		}
	}
	time.Sleep(2 * time.Hour)
	for _, key := range keys {
		s.breaks(key, true)
		server.then(says(200, "application/json", fmt.Sprintf(`{"access_token":"access-of-%s","refresh_token":"refresh of %[1]s","expires_in":3600}`, key)))
		src, err := p.Key(key).Source(server.endpoint())
		if err != nil {
			t.Fatal(err)
		}
		mustToken(t, src)
	}
}

// saved reports whether the rotation of pending is in the store.
func (s *keyStore) saved(t *testing.T, key string) bool {
	t.Helper()
	data, err := s.Load(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	r, err := parseRecord(data)
	if err != nil {
		t.Fatal(err)
	}
	return r.RefreshToken == "refresh of "+key
}

func TestCloseSavesTheOthersWhenOneSessionCannotBeSaved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, store := newTokenServer(), &keyStore{Store: NewMemoryStore(), broken: map[string]bool{}}
		p := start(t, s, store)
		keys := []string{"a", "b", "c", "d", "e", "f", "g", "h"}
		store.pending(t, s, p, keys...)
		for _, key := range keys[1:] {
			store.breaks(key, false)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		var se *StoreError
		if err := p.Close(ctx); !errors.As(err, &se) || se.Key != "a" {
			t.Errorf("Close: %v, want the error of the one that cannot be saved", err)
		}
		for _, key := range keys {
			if want := key != "a"; store.saved(t, key) != want {
				t.Errorf("%s saved: %t, want %t", key, !want, want)
			}
		}
	})
}

func TestCloseSavesWhileARequestIsInFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, store := newTokenServer(), &keyStore{Store: NewMemoryStore(), broken: map[string]bool{}}
		p := start(t, s, store)
		store.pending(t, s, p, "a")
		if err := p.SignIn(t.Context(), "k", mustGrantOf(t, s.endpoint(), testApp)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Hour) // longer than the token of k lives
		s.then(hangs)
		go p.src.Token(t.Context()) //nolint:errcheck // its error is not what this is about
		synctest.Wait()
		store.breaks("a", false)
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		if err := p.Close(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Close: %v", err)
		}
		if !store.saved(t, "a") {
			t.Error("a pending record was not saved because of another session's request")
		}
	})
}

// lingeringStore holds the return of its first Update, which has committed.
type lingeringStore struct {
	Store
	committed, release chan struct{}
}

func (s *lingeringStore) Update(ctx context.Context, key string, f func(context.Context, []byte) ([]byte, error)) error {
	err := s.Store.Update(ctx, key, f)
	select {
	case <-s.committed:
	default:
		close(s.committed)
		<-s.release
	}
	return err
}

// TestASignOutIsNotUndoneByASignInBeforeIt: the sign-in comes first in the
// store, so it must not be the last word in memory.
func TestASignOutIsNotUndoneByASignInBeforeIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newTokenServer()
		store := &lingeringStore{Store: NewMemoryStore(), committed: make(chan struct{}), release: make(chan struct{})}
		p := start(t, s, store)
		go p.SignIn(t.Context(), "k", mustGrantOf(t, s.endpoint(), testApp)) //nolint:errcheck // what it leaves is looked at
		<-store.committed
		forgotten := make(chan error)
		go func() { forgotten <- p.Forget(t.Context(), "k") }()
		synctest.Wait()
		close(store.release)
		if err := <-forgotten; err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		var re *ReauthError
		if _, err := p.src.Token(t.Context()); !errors.As(err, &re) {
			t.Errorf("after the sign-out: %v, want a *ReauthError", err)
		}
		p.stop(t)
	})
}

func TestAByteOrderMarkCostsNoRotation(t *testing.T) {
	if a := parseResponse([]byte("\ufeff"+`{"access_token":"a=","refresh_token":"r="}`), true); a.refresh != "r=" || a.access != "a=" {
		t.Errorf("access %q, refresh %q", a.access, a.refresh)
	}
}

// A sweep of the store keeps no session, but for one that the program uses or
// that has something to save.
func TestABorrowedSessionIsForgotten(t *testing.T) {
	s := newTokenServer()
	p, err := NewSessions(NewMemoryStore(), testApp)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close(t.Context()) //nolint:errcheck // nothing can be saved in this test
	e := s.endpoint()
	borrow := func(key string) *session {
		o, err := p.borrow(key, e)
		if err != nil {
			t.Fatal(err)
		}
		return o
	}
	first, second := borrow("a"), borrow("a")
	p.giveBack(first, e)
	if first != second || len(p.allOpen()) != 1 {
		t.Error("two borrowers have two sessions")
	}
	p.giveBack(second, e)
	if len(p.open) != 0 {
		t.Error("a session that nobody uses is kept")
	}
	o := borrow("b")
	source, err := p.Key("b").Source(e)
	if err != nil || source != Source(o) {
		t.Errorf("the program got another session than the sweep has: %v", err)
	}
	p.giveBack(o, e)
	unsaved := borrow("c")
	unsaved.pending.Store(&unsavedRecord)
	p.giveBack(unsaved, e)
	if len(p.allOpen()) != 2 {
		t.Errorf("%d sessions are known, want b and c", len(p.allOpen()))
	}
	unsaved.pending.Store(nil)
}

// Without a logger of their own, sessions log sign-ins where the endpoint's
// other records go.
func TestASignInIsLoggedWhereItsEndpointLogs(t *testing.T) {
	s, store := newTokenServer(), NewMemoryStore()
	p, err := NewSessions(store, testApp)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close(t.Context()) //nolint:errcheck // nothing is pending
	var log bytes.Buffer
	e := s.endpoint()
	e.Logger = slog.New(slog.NewTextHandler(&log, nil))
	if _, err := p.Key("k").Source(e); err != nil {
		t.Fatal(err)
	}
	if err := p.Forget(t.Context(), "k"); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(log.String(), "session forgotten") {
		t.Errorf("log: %q", log.String())
	}
}

var unsavedRecord = unsaved{record: sessionRecord("r"), err: ErrConflict}
