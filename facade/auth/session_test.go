package auth

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// TestAFailedSaveAtEveryRotationInTurn fails the save of one rotation, in
// turn, with and without a restart after it, with another process alive, and
// with a store that says it failed but did not. The server must never see a
// token older than the parent of its current one.
func TestAFailedSaveAtEveryRotationInTurn(t *testing.T) {
	const rotations = 6
	for failAt := 1; failAt <= rotations; failAt++ {
		for _, c := range []struct {
			name                        string
			restart, another, committed bool
			fails                       int // saves that fail in a row
		}{
			{name: "alone, saved at the second try", fails: 1},
			{name: "alone, saved much later", fails: 8},
			{name: "with a restart", fails: 1, restart: true},
			{name: "with another process alive", fails: 1, another: true},
			{name: "with another process alive, saved much later", fails: 8, another: true},
			{name: "with another process alive and a restart", fails: 1, another: true, restart: true},
			{name: "committed after all", fails: 1, committed: true},
			{name: "committed after all, with another process", fails: 1, committed: true, another: true},
		} {
			t.Run(fmt.Sprintf("%s, rotation %d", c.name, failAt), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					s := newTokenServer()
					shared := NewMemoryStore()
					store := &faultyStore{Store: shared, committed: c.committed}
					s.signIn(t, shared)
					store.failSave = func(n int) error {
						if n >= failAt && n < failAt+c.fails {
							return errDisk
						}
						return nil
					}
					p := start(t, s, store)
					var other *process
					if c.another {
						other = start(t, s, shared)
					}
					for i := 1; i <= rotations; i++ {
						time.Sleep(2 * time.Hour)
						mustToken(t, p.src)
						s.invariant(t, shared)
						if i == failAt && c.restart {
							// As kill -9: what was pending is gone with the process.
							crash(p)
							p = start(t, s, store)
							mustToken(t, p.src)
						}
						if c.another {
							mustToken(t, other.src)
							s.invariant(t, shared)
						}
					}
					time.Sleep(time.Minute)
					s.invariant(t, shared)
					if r := stored(t, shared); r.AccessToken != mustToken(t, p.src).Value() && !c.another {
						t.Error("the store does not hold the token in use")
					}
					if c.another {
						other.stop(t)
					}
					p.stop(t)
					if n := s.requests(); n < rotations {
						t.Errorf("%d requests", n)
					}
				})
			})
		}
	}
}

// crash forgets a process's memory: its pending saves never happen.
func crash(p *process) {
	for _, o := range p.allOpen() {
		o.pending.Store(nil)
	}
	p.background.close()
	p.Sessions.stop()
	p.kill()
	synctest.Wait()
}

func TestAStoreThatStaysBrokenIsAStoreErrorAtTheEndOfTheAccessToken(t *testing.T) {
	bubble(t, func(t *testing.T, s *tokenServer, store *faultyStore, p *process) {
		time.Sleep(2 * time.Hour)
		store.set(func(f *faultyStore) { f.saveFails = 1 << 30 })
		begin := time.Now()
		tok := mustToken(t, p.src)
		for time.Since(begin) < time.Hour-time.Second {
			if mustToken(t, p.src) != tok {
				t.Fatal("another token although this one is not saved")
			}
			time.Sleep(10 * time.Second)
		}
		time.Sleep(10 * time.Second)
		if st, err := p.Status(t.Context(), "k"); err != nil || st.State != StatePending || !strings.Contains(st.LastError, "no space left") {
			t.Errorf("status: %+v, %v", st, err)
		}
		var se *StoreError
		if _, err := p.src.Token(t.Context()); !errors.As(err, &se) || se.Op != "save" || !errors.Is(err, errDisk) {
			t.Errorf("after the end of the access token: %v", err)
		}
		if n := s.requests(); n != 1 {
			t.Errorf("%d requests while the last tokens were not saved, want 1", n)
		}
		store.set(func(f *faultyStore) { f.saveFails = 0 })
		time.Sleep(10 * time.Second)
		mustToken(t, p.src)
		s.invariant(t, store)
		if k := p.kinds(); !strings.Contains(k, "pending") || !strings.Contains(k, "saved") {
			t.Errorf("changes: %s", k)
		}
	})
}

func TestAPendingRecordGivesWayToWhatIsStored(t *testing.T) {
	bubble(t, func(t *testing.T, s *tokenServer, store *faultyStore, p *process) {
		time.Sleep(2 * time.Hour)
		store.set(func(f *faultyStore) { f.saveFails = 3 })
		mustToken(t, p.src)
		other := start(t, s, store.Store) // sends the parent: forgiven
		want := mustToken(t, other.src)
		time.Sleep(time.Minute)
		if got := mustToken(t, p.src); got.Value() != want.Value() {
			t.Error("the pending token is used although the store has moved on")
		}
		s.invariant(t, store)
		other.stop(t)
	})
}

func TestAPendingRecordDoesNotResurrectAForgottenSession(t *testing.T) {
	bubble(t, func(t *testing.T, s *tokenServer, store *faultyStore, p *process) {
		time.Sleep(2 * time.Hour)
		store.set(func(f *faultyStore) { f.saveFails = 3 })
		mustToken(t, p.src)
		other := start(t, s, store.Store)
		if err := other.Forget(t.Context(), "k"); err != nil {
			t.Fatal(err)
		}
		other.stop(t)
		time.Sleep(2 * time.Hour)
		var re *ReauthError
		if _, err := p.src.Token(t.Context()); !errors.As(err, &re) || re.Reason != ReasonNotSignedIn || stored(t, store) != nil {
			t.Errorf("after Forget elsewhere: %v", err)
		}
	})
}

func TestCloseSavesWhatIsPendingOrSaysSo(t *testing.T) {
	for _, heals := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			s, store := newTokenServer(), &faultyStore{Store: NewMemoryStore(), saveErr: errDisk}
			s.signIn(t, store)
			p := start(t, s, store)
			time.Sleep(2 * time.Hour)
			store.set(func(f *faultyStore) { f.saveFails = 1 << 30 })
			tok := mustToken(t, p.src)
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			if heals {
				time.AfterFunc(5*time.Second, func() { store.set(func(f *faultyStore) { f.saveFails = 0 }) })
			}
			err := p.Close(ctx)
			var se *StoreError
			if heals && (err != nil || stored(t, store).AccessToken != tok.Value()) {
				t.Errorf("Close: %v, saved: %t", err, stored(t, store).AccessToken == tok.Value())
			}
			if !heals && (!errors.As(err, &se) || se.Key != "k") {
				t.Errorf("Close of a session that cannot be saved: %v", err)
			}
			s.invariant(t, store)
		})
	}
}

func TestAnEndThatCannotBeSavedIsKeptInMemory(t *testing.T) {
	bubble(t, func(t *testing.T, s *tokenServer, store *faultyStore, p *process) {
		time.Sleep(2 * time.Hour)
		store.set(func(f *faultyStore) { f.saveFails = 10 })
		s.then(says(400, "application/json", `{"error":"invalid_grant"}`))
		var re *ReauthError
		if _, err := p.src.Token(t.Context()); !errors.As(err, &re) {
			t.Fatalf("an ended session: %v", err)
		}
		if st, err := p.Status(t.Context(), "k"); err != nil || st.State != StateEnded || st.LastError == "" {
			t.Errorf("status: %+v, %v", st, err)
		}
		for range 300 {
			if _, err := p.src.Token(t.Context()); !errors.As(err, &re) {
				t.Fatalf("an ended session: %v", err)
			}
			time.Sleep(time.Second)
		}
		if s.requests() != 1 {
			t.Errorf("%d requests: the dead token was sent again", s.requests())
		}
		if r := stored(t, store); r.Ended == nil {
			t.Error("the mark was not saved once the store was well")
		}
	})
}

func TestAnAccessTokenOfAnEndedSessionIsServedToItsEnd(t *testing.T) {
	bubble(t, func(t *testing.T, s *tokenServer, store *faultyStore, p *process) {
		tok := mustToken(t, p.src)
		s.then(says(400, "application/json", `{"error":"invalid_grant"}`))
		begin := time.Now()
		for time.Since(begin) < time.Hour-time.Second {
			if mustToken(t, p.src) != tok && mustToken(t, p.src).Value() != tok.Value() {
				t.Fatal("another token")
			}
			time.Sleep(time.Second)
		}
		if p.kinds() != "adopted ended" {
			t.Errorf("changes: %s", p.kinds())
		}
		other := start(t, s, store) // a process that starts now has a second of it left
		mustToken(t, other.src)
		time.Sleep(time.Second)
		var re *ReauthError
		if _, err := p.src.Token(t.Context()); !errors.As(err, &re) || re.Code != "invalid_grant" || re.Reason != ReasonUnknown {
			t.Errorf("after its end: %v", err)
		}
		if _, err := other.src.Token(t.Context()); !errors.As(err, &re) {
			t.Errorf("after its end, elsewhere: %v", err)
		}
		if s.requests() != 1 {
			t.Errorf("%d requests, want 1", s.requests())
		}
		other.stop(t)
	})
}

func TestAnUnreachableStoreCostsNothingWhileTheTokenLives(t *testing.T) {
	bubble(t, func(t *testing.T, s *tokenServer, store *faultyStore, p *process) {
		tok := mustToken(t, p.src)
		store.set(func(f *faultyStore) { f.loadErr = errors.New("connection refused: postgres://user:hunter2@db/x") })
		begin := time.Now()
		for time.Since(begin) < time.Hour-time.Second {
			if mustToken(t, p.src) != tok {
				t.Fatal("another token")
			}
			time.Sleep(10 * time.Second)
		}
		time.Sleep(time.Minute)
		var se *StoreError
		_, err := p.src.Token(t.Context())
		if !errors.As(err, &se) || se.Op != "load" || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("after the end of the token: %v", err)
		}
		if s.requests() != 0 {
			t.Error("a token was sent that was not read under the lock")
		}
		store.set(func(f *faultyStore) { f.loadErr = nil })
		time.Sleep(retryNeeded + time.Second)
		mustToken(t, p.src)
	})
}

func TestClocksMinutesApart(t *testing.T) {
	for _, skew := range []time.Duration{-time.Hour, -5 * time.Minute, 5 * time.Minute, time.Hour} {
		bubble(t, func(t *testing.T, s *tokenServer, store *faultyStore, p *process) {
			time.Sleep(2 * time.Hour)
			mustToken(t, p.src)
			// The record as a machine with another clock would have written it.
			r := stored(t, store)
			r.Version, r.AccessToken = newVersion(), "secret-access-skewed"
			r.ExpiresAt, r.IssuedAt = r.ExpiresAt.Add(skew), r.IssuedAt.Add(skew)
			data, err := r.encode()
			if err != nil {
				t.Fatal(err)
			}
			if err := p.replace(t.Context(), "k", data); err != nil {
				t.Fatal(err)
			}
			n := s.requests()
			other := start(t, s, store)
			tok := mustToken(t, other.src)
			if left := time.Until(tok.Expires()); left <= 0 || left > time.Hour {
				t.Errorf("skew %s: %s left of an hour", skew, left)
			}
			if adopted := skew > -time.Hour; (tok.Value() == "secret-access-skewed") != adopted || s.requests()-n > 1 {
				t.Errorf("skew %s: adopted %t, %d requests", skew, !adopted, s.requests()-n)
			}
			for range 100 {
				mustToken(t, other.src)
			}
			if s.requests()-n > 1 {
				t.Errorf("skew %s: %d requests for one token", skew, s.requests()-n)
			}
			other.stop(t)
			s.invariant(t, store)
		})
	}
}

func TestManyProcessesMakeOneRequestForEachExpiry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, store := newTokenServer(), NewMemoryStore()
		s.signIn(t, store)
		s.delay = time.Second
		var fleet []*process
		for range 16 {
			fleet = append(fleet, start(t, s, store))
		}
		const rotations = 20
		begin := time.Now()
		var wg sync.WaitGroup
		for _, p := range fleet {
			wg.Go(func() {
				for time.Since(begin) < rotations*time.Hour {
					mustToken(t, p.src)
					time.Sleep(10 * time.Second)
				}
			})
		}
		wg.Wait()
		s.invariant(t, store)
		// Each token is replaced once, between 3 and 5 minutes before its end.
		if n := s.requests(); n < rotations || n > rotations*60/55 {
			t.Errorf("%d requests for %d hours of one-hour tokens", n, rotations)
		}
		for _, p := range fleet {
			p.stop(t)
		}
	})
}

// quietStore breaks its contract on demand: Update says nothing of what it has
// not done.
type quietStore struct {
	faultyStore
	idle     bool // Update does not run f
	swallows bool // Update keeps f's error to itself, and f gets a damaged record
}

func (s *quietStore) Update(ctx context.Context, key string, f func(context.Context, []byte) ([]byte, error)) error {
	s.mu.Lock()
	idle, swallows := s.idle, s.swallows
	s.mu.Unlock()
	switch {
	case idle:
		return nil
	case swallows:
		_, _ = f(ctx, []byte("{"))
		return nil
	}
	return s.faultyStore.Update(ctx, key, f)
}

func TestAPendingRecordIsNotTakenAsSavedByAStoreThatDidNothing(t *testing.T) {
	for name, breaks := range map[string]func(*quietStore){
		"f is not run":         func(s *quietStore) { s.idle = true },
		"f's error is dropped": func(s *quietStore) { s.swallows = true },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, store := newTokenServer(), &quietStore{faultyStore: faultyStore{Store: NewMemoryStore(), saveErr: errDisk}}
				s.signIn(t, store)
				p := start(t, s, store)
				time.Sleep(2 * time.Hour)
				store.set(func(f *faultyStore) { f.saveFails = 1 })
				tok := mustToken(t, p.src)
				store.set(func(*faultyStore) { breaks(store) })
				time.Sleep(time.Minute)
				if st, err := p.Status(t.Context(), "k"); err != nil || st.State != StatePending {
					t.Errorf("status: %+v, %v", st, err)
				}
				store.set(func(*faultyStore) { store.idle, store.swallows = false, false })
				p.stop(t)
				if stored(t, store).AccessToken != tok.Value() {
					t.Error("the rotation was lost")
				}
				s.invariant(t, store)
			})
		})
	}
}

func TestASignInIsNotTakenAsSavedByAStoreThatDidNothing(t *testing.T) {
	s := newTokenServer()
	p := start(t, s, &quietStore{faultyStore: faultyStore{Store: NewMemoryStore()}, idle: true})
	defer p.stop(t)
	var se *StoreError
	if err := p.SignIn(t.Context(), "k", mustGrantOf(t, s.endpoint(), testApp)); !errors.As(err, &se) {
		t.Errorf("SignIn: %v", err)
	}
	if err := p.Forget(t.Context(), "k"); !errors.As(err, &se) {
		t.Errorf("Forget: %v", err)
	}
}
