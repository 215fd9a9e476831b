package auth

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// What was found by trying to break sessions, each as a test.

// doubleStore breaks the Store contract: it runs the update twice.
type doubleStore struct{ Store }

func (s doubleStore) Update(ctx context.Context, key string, f func(context.Context, []byte) ([]byte, error)) error {
	return s.Store.Update(ctx, key, func(ctx context.Context, current []byte) ([]byte, error) {
		if _, err := f(ctx, current); err != nil {
			return nil, err
		}
		return f(ctx, current)
	})
}

func TestAStoreThatRunsTheUpdateTwiceCausesOneRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, store := newTokenServer(), NewMemoryStore()
		s.signIn(t, store)
		p := start(t, s, doubleStore{store})
		time.Sleep(2 * time.Hour)
		mustToken(t, p.src) // of the first run; pending, as the store's answer is an error
		if n := s.requests(); n != 1 {
			t.Errorf("%d requests under one lock", n)
		}
		s.invariant(t, store)
		crash(p)
	})
}

// idleStore breaks the contract: it does not run the update.
type idleStore struct{ Store }

func (idleStore) Update(context.Context, string, func(context.Context, []byte) ([]byte, error)) error {
	return nil
}

func TestAStoreThatDoesNotRunTheUpdateIsAStoreError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, store := newTokenServer(), NewMemoryStore()
		s.signIn(t, store)
		p := start(t, s, idleStore{store})
		time.Sleep(2 * time.Hour)
		var se *StoreError
		if _, err := p.src.Token(t.Context()); !errors.As(err, &se) {
			t.Errorf("%v", err)
		}
		p.stop(t)
	})
}

func TestWaitersOfAnEndedSessionHearOfASignInDuringTheirWait(t *testing.T) {
	bubble(t, func(t *testing.T, s *tokenServer, store *faultyStore, p *process) {
		time.Sleep(2 * time.Hour)
		s.delay = 5 * time.Second
		s.then(says(400, "application/json", `{"error":"invalid_grant"}`))
		got := make(chan error, 100)
		for range cap(got) {
			go func() {
				tok, err := p.src.Token(t.Context())
				if err == nil && tok.Value() != "secret-access-new" {
					err = fmt.Errorf("another token")
				}
				got <- err
			}()
		}
		synctest.Wait()
		done := make(chan error)
		go func() { // waits for the lock, then replaces what the flight has marked as ended
			done <- p.SignIn(t.Context(), "k", mustGrant(t, s, tokenOf("secret-access-new", refreshPrefix+"1000", time.Now().Add(time.Hour))))
		}()
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		// Those who were told of the end before the sign-in was saved had to be.
		failed := 0
		for range cap(got) {
			if err := <-got; err != nil {
				failed++
			}
		}
		t.Logf("%d of %d callers were told of the end", failed, cap(got))
		if mustToken(t, p.src).Value() != "secret-access-new" {
			t.Error("the session is not that of the sign-in")
		}
	})
}

// lateStore comes back from an Update late, after the lock was given back.
type lateStore struct {
	Store
	late time.Duration
}

func (s *lateStore) Update(ctx context.Context, key string, f func(context.Context, []byte) ([]byte, error)) error {
	late := s.late
	err := s.Store.Update(ctx, key, f)
	time.Sleep(late)
	return err
}

// TestARefreshThatComesBackLate: between a refresh's commit and its return
// somebody signs in, or out. What the refresh brought is of the session before.
func TestARefreshThatComesBackLate(t *testing.T) {
	for _, signOut := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			s, store := newTokenServer(), &lateStore{Store: NewMemoryStore()}
			s.signIn(t, store)
			p := start(t, s, store)
			time.Sleep(2 * time.Hour)
			store.late = 10 * time.Second
			got := make(chan string, 100)
			for range cap(got) {
				go func() {
					tok, err := p.src.Token(t.Context())
					if err != nil {
						got <- err.Error()
						return
					}
					got <- tok.Value()
				}()
			}
			synctest.Wait()
			store.late = 0
			want := "secret-access-new"
			var err error
			if signOut {
				want = (&ReauthError{Key: "k", Reason: ReasonNotSignedIn}).Error()
				err = p.Forget(t.Context(), "k")
			} else {
				err = p.SignIn(t.Context(), "k", mustGrant(t, s, tokenOf(want, refreshPrefix+"1001", time.Now().Add(time.Hour))))
			}
			if err != nil {
				t.Fatal(err)
			}
			for range cap(got) {
				if g := <-got; g != want {
					t.Fatalf("sign-out %t: a caller got %q, want %q", signOut, g, want)
				}
			}
			time.Sleep(time.Minute)
			if tok, err := p.src.Token(t.Context()); (err != nil) != signOut || (err == nil && tok.Value() != want) {
				t.Errorf("sign-out %t: %v", signOut, err)
			}
			p.stop(t)
		})
	}
}

func TestASignOutDuringARefreshIsNotUndone(t *testing.T) {
	bubble(t, func(t *testing.T, s *tokenServer, store *faultyStore, p *process) {
		time.Sleep(2 * time.Hour)
		s.delay = 5 * time.Second
		go p.src.Token(t.Context()) //nolint:errcheck // the session is forgotten meanwhile
		synctest.Wait()
		if err := p.Forget(t.Context(), "k"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		var re *ReauthError
		if _, err := p.src.Token(t.Context()); !errors.As(err, &re) || stored(t, store) != nil {
			t.Errorf("after Forget: %v", err)
		}
	})
}

func TestAnAbsurdRetryAfterDoesNotSilenceASession(t *testing.T) {
	for _, v := range []string{"86400", "1e300", "Fri, 01 Jan 2100 00:00:00 GMT"} {
		bubble(t, func(t *testing.T, s *tokenServer, store *faultyStore, p *process) {
			time.Sleep(2 * time.Hour)
			s.then(saysWith(503, "Retry-After", v))
			if _, err := p.src.Token(t.Context()); err == nil {
				t.Fatal("no error")
			}
			time.Sleep(retryAfterMax)
			mustToken(t, p.src)
		})
	}
}

// TestAServerThatIssuesTheSameAccessTokenAgain: some servers do while it
// lives. A 401 to it must not rotate the session again and again.
func TestAServerThatIssuesTheSameAccessTokenAgain(t *testing.T) {
	bubble(t, func(t *testing.T, s *tokenServer, store *faultyStore, p *process) {
		for range 1000 {
			s.then(rotatesThen(func(res *http.Response) (*http.Response, error) {
				return replaced(fmt.Sprintf("secret-access-%d", s.serial), "secret-access-always")(res)
			}))
		}
		time.Sleep(2 * time.Hour)
		tok := mustToken(t, p.src)
		begin := time.Now()
		for time.Since(begin) < 10*time.Minute {
			if _, err := p.src.Renew(t.Context(), tok); !errors.Is(err, ErrRefused) {
				t.Fatalf("Renew: %v", err)
			}
			time.Sleep(time.Second)
		}
		if n := s.requests(); n > 12 {
			t.Errorf("%d requests in ten minutes", n)
		}
		s.invariant(t, store)
	})
}

// TestTokensThatEndOnTheWay: a token that lives shorter than its request takes
// is handed out once to everybody who waited, and nobody spins.
func TestTokensThatEndOnTheWay(t *testing.T) {
	bubble(t, func(t *testing.T, s *tokenServer, store *faultyStore, p *process) {
		time.Sleep(2 * time.Hour)
		s.expiresIn, s.delay = "1", 2*time.Second
		var wg sync.WaitGroup
		for range 1000 {
			wg.Go(func() { mustToken(t, p.src) })
		}
		wg.Wait()
		if n := s.requests(); n != 1 {
			t.Errorf("%d requests for 1000 callers", n)
		}
	})
}

// TestARecordThatIsNoRecord: damage costs no token and is healed by a sign-in.
func TestARecordThatIsNoRecord(t *testing.T) {
	for _, bad := range []string{"{", "\x00\x00", `{"format":99,"version":"v","kind":"session"}`, "{}", "null"} {
		bubble(t, func(t *testing.T, s *tokenServer, store *faultyStore, p *process) {
			tok := mustToken(t, p.src)
			if err := p.replace(t.Context(), "k", []byte(bad)); err != nil {
				t.Fatal(err)
			}
			if mustToken(t, p.src) != tok {
				t.Error("the token at hand is not used")
			}
			time.Sleep(2 * time.Hour)
			var se *StoreError
			if _, err := p.src.Token(t.Context()); !errors.As(err, &se) || s.requests() != 0 {
				t.Errorf("%q: %v, %d requests", bad, err, s.requests())
			}
			if data, err := store.Load(t.Context(), "k"); err != nil || string(data) != bad {
				t.Errorf("the damaged record was changed: %q, %v", data, err)
			}
			s.signIn(t, store)
			time.Sleep(retryNeeded)
			mustToken(t, p.src)
		})
	}
}

// runtime.Goexit, as of t.FailNow in a test's handler, must not leave callers
// waiting.
func TestAFlightThatIsAbortedDoesNotHangItsCallers(t *testing.T) {
	bubble(t, func(t *testing.T, s *tokenServer, store *faultyStore, p *process) {
		time.Sleep(2 * time.Hour)
		s.then(func(*tokenServer, *http.Request) (*http.Response, error) {
			runtime.Goexit()
			return nil, nil
		})
		if _, err := p.src.Token(t.Context()); !errors.Is(err, errAborted) {
			t.Errorf("%v", err)
		}
		time.Sleep(time.Minute)
		mustToken(t, p.src)
	})
}

// overtakenStore loses the lock of its next Update to another process, which
// has rotated and saved by the time that f returns.
type overtakenStore struct {
	*MemoryStore
	next bool
}

func (s *overtakenStore) Update(ctx context.Context, key string, f func(context.Context, []byte) ([]byte, error)) error {
	if !s.next {
		return s.MemoryStore.Update(ctx, key, f)
	}
	s.next = false
	current, err := s.Load(ctx, key)
	if err != nil {
		return err
	}
	if _, err := f(ctx, current); err != nil {
		return err
	}
	err = s.MemoryStore.Update(ctx, key, func(context.Context, []byte) ([]byte, error) {
		r, err := parseRecord(current)
		if err != nil {
			return nil, err
		}
		return r.rotate(response{access: "the-other-s", refresh: "the-other-s", life: time.Hour}, time.Now(), causeExpiry).encode()
	})
	if err != nil {
		return err
	}
	return ErrConflict
}

// TestADeadTokenOfThePastEndsNoSession: what the server says of a token that
// another process has replaced meanwhile is not about the session.
func TestADeadTokenOfThePastEndsNoSession(t *testing.T) {
	bubble(t, func(t *testing.T, s *tokenServer, _ *faultyStore, _ *process) {
		store := &overtakenStore{MemoryStore: NewMemoryStore()}
		s.signIn(t, store)
		p := start(t, s, store)
		time.Sleep(2 * time.Hour)
		store.next = true
		s.then(says(400, "application/json", `{"error":"invalid_grant"}`))
		if tok := mustToken(t, p.src); tok.Value() != "the-other-s" {
			t.Error("the token is not the other process's")
		}
		if p.kinds() != "adopted" {
			t.Errorf("changes: %s", p.kinds())
		}
		p.stop(t)
	})
}
