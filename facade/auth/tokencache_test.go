package auth

import (
	"context"
	"errors"

	"net/http"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// bubble runs f in fake time with a signed-in store and one process.
func bubble(t *testing.T, f func(t *testing.T, s *tokenServer, store *faultyStore, p *process)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s, store := newTokenServer(), &faultyStore{Store: NewMemoryStore(), saveErr: errDisk}
		s.signIn(t, store)
		p := start(t, s, store)
		f(t, s, store, p)
		p.stop(t)
	})
}

func mustToken(t *testing.T, src Source) Token {
	t.Helper()
	tok, err := src.Token(t.Context())
	if err != nil || tok.IsZero() {
		t.Fatalf("Token: %v, zero: %t", err, tok.IsZero())
	}
	return tok
}

func TestACachedTokenAllocatesNothing(t *testing.T) {
	s, store := newTokenServer(), NewMemoryStore()
	s.signIn(t, store)
	p := start(t, s, store)
	defer p.stop(t)
	cc, err := ClientCredentials("id", "secret").Source(s.clientEndpoint())
	if err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	for name, src := range map[string]Source{"session": p.src, "client credentials": cc} {
		mustToken(t, src)
		if n := testing.AllocsPerRun(1000, func() {
			if _, err := src.Token(ctx); err != nil {
				t.Fatal(err)
			}
		}); n != 0 {
			t.Errorf("%s: %v allocations for a cached token", name, n)
		}
	}
}

func TestTenThousandGoroutinesAtAnExpiryAreOneRequest(t *testing.T) {
	bubble(t, func(t *testing.T, s *tokenServer, store *faultyStore, p *process) {
		old := mustToken(t, p.src)
		time.Sleep(2 * time.Hour)
		s.delay = time.Second
		var wg sync.WaitGroup
		for range 10_000 {
			wg.Go(func() {
				if tok, err := p.src.Token(t.Context()); err != nil || tok == old {
					t.Errorf("Token: %v, the old one: %t", err, tok == old)
				}
			})
		}
		wg.Wait()
		if n := s.requests(); n != 1 {
			t.Errorf("%d token requests, want 1", n)
		}
	})
}

func TestInTheAdvisoryWindowNobodyWaits(t *testing.T) {
	bubble(t, func(t *testing.T, s *tokenServer, store *faultyStore, p *process) {
		old := mustToken(t, p.src)
		s.delay = 10 * time.Second
		begin := time.Now()
		for time.Since(begin) < 3500*time.Second { // mandatory begins 30 s before the end
			before := time.Now()
			var wg sync.WaitGroup
			for range 10 {
				wg.Go(func() { mustToken(t, p.src) })
			}
			wg.Wait()
			if d := time.Since(before); d != 0 {
				t.Fatalf("a call waited %s at %s of the token's life", d, time.Since(begin))
			}
			time.Sleep(time.Second)
		}
		if n := s.requests(); n != 1 {
			t.Errorf("%d token requests, want 1", n)
		}
		if mustToken(t, p.src) == old {
			t.Error("the token was not renewed")
		}
	})
}

func TestTheAdvisoryWindowIsJittered(t *testing.T) {
	seen := map[time.Duration]bool{}
	for range 100 {
		l := newCachedToken(NewToken("x", time.Time{}), "v", time.Hour, time.Hour, true)
		if w := l.expiresAt - l.refreshAt; w > 5*time.Minute || w < 3*time.Minute {
			t.Fatalf("advisory window of %s", w)
		}
		if w := l.expiresAt - l.staleAt; w != 30*time.Second {
			t.Fatalf("mandatory window of %s", w)
		}
		seen[l.refreshAt] = true
	}
	if len(seen) < 50 {
		t.Errorf("only %d different windows in 100", len(seen))
	}
	l := newCachedToken(NewToken("x", time.Time{}), "v", time.Second, time.Second, true)
	if l.expiresAt-l.staleAt != 100*time.Millisecond || l.refreshAt > l.staleAt || l.expiresAt-l.refreshAt > 250*time.Millisecond {
		t.Errorf("windows of a one-second token: %s, %s", l.expiresAt-l.refreshAt, l.expiresAt-l.staleAt)
	}
}

func TestOneCancelledCallerDoesNotFailTheOthers(t *testing.T) {
	bubble(t, func(t *testing.T, s *tokenServer, store *faultyStore, p *process) {
		mustToken(t, p.src)
		time.Sleep(2 * time.Hour)
		s.delay = 5 * time.Second
		ctx, cancel := context.WithCancel(t.Context())
		first := make(chan error)
		go func() {
			_, err := p.src.Token(ctx)
			first <- err
		}()
		synctest.Wait() // the first caller has begun the request
		var wg sync.WaitGroup
		for range 100 {
			wg.Go(func() { mustToken(t, p.src) })
		}
		synctest.Wait()
		cancel()
		if err := <-first; !errors.Is(err, context.Canceled) {
			t.Errorf("the cancelled caller got %v", err)
		}
		wg.Wait()
		if n := s.requests(); n != 1 {
			t.Errorf("%d token requests, want 1", n)
		}
	})
}

func TestACallerIsBackAtItsDeadlineWhenTheEndpointHangs(t *testing.T) {
	bubble(t, func(t *testing.T, s *tokenServer, store *faultyStore, p *process) {
		mustToken(t, p.src)
		time.Sleep(2 * time.Hour)
		s.then(hangsAfter)
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		begin := time.Now()
		_, err := p.src.Token(ctx)
		if d := time.Since(begin); d != 100*time.Millisecond || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("back after %s with %v", d, err)
		}
		// The request goes on without its caller, and is tried again: by then
		// the server has rotated, and forgives the parent.
		mustToken(t, p.src)
		if d := time.Since(begin); d < TokenTimeout || d > TokenTimeout+time.Second {
			t.Errorf("renewed after %s", d)
		}
		s.invariant(t, store)
	})
}

func TestAFailedEarlyRenewalIsInvisible(t *testing.T) {
	bubble(t, func(t *testing.T, s *tokenServer, store *faultyStore, p *process) {
		old := mustToken(t, p.src)
		for range 100 {
			s.then(says(503, "text/html", "<h1>sorry</h1>"))
		}
		begin := time.Now()
		for time.Since(begin) < 3550*time.Second {
			if tok := mustToken(t, p.src); tok != old {
				t.Fatal("renewed against a failing server")
			}
			time.Sleep(time.Second)
		}
		// Pauses grow to half a minute: a window of at most 5 minutes sees few.
		if n := s.requests(); n < 5 || n > 20 {
			t.Errorf("%d token requests in the advisory window", n)
		}
		// In the mandatory window callers wait, but the old token still serves.
		for time.Since(begin) < 3595*time.Second {
			if tok := mustToken(t, p.src); tok != old {
				t.Fatal("renewed against a failing server")
			}
			time.Sleep(time.Second)
		}
		time.Sleep(time.Minute)
		var te *TokenError
		if _, err := p.src.Token(t.Context()); !errors.As(err, &te) || te.Status != 503 {
			t.Errorf("after the end: %v", err)
		}
		s.mu.Lock()
		s.script = nil
		s.mu.Unlock()
		time.Sleep(retryNeeded + time.Second)
		mustToken(t, p.src)
	})
}

func TestRetryAfterIsKept(t *testing.T) {
	bubble(t, func(t *testing.T, s *tokenServer, store *faultyStore, p *process) {
		mustToken(t, p.src)
		time.Sleep(2 * time.Hour)
		begin := time.Now()
		s.then(saysWith(429, "Retry-After", "7"))
		mustToken(t, p.src)
		if d := time.Since(begin); d < 7*time.Second || d > 8*time.Second {
			t.Errorf("a short Retry-After: renewed after %s, want 7s", d)
		}
		time.Sleep(2 * time.Hour)
		begin = time.Now()
		s.then(saysWith(429, "Retry-After", begin.Add(10*time.Minute).UTC().Format(http.TimeFormat)))
		n := s.requests()
		var te *TokenError
		for time.Since(begin) < 9*time.Minute {
			before := time.Now()
			if _, err := p.src.Token(t.Context()); !errors.As(err, &te) || te.Status != 429 || time.Since(before) != 0 {
				t.Fatalf("a long Retry-After: %v after %s", err, time.Since(before))
			}
			time.Sleep(10 * time.Second)
		}
		if got := s.requests() - n; got != 1 {
			t.Errorf("%d requests although the server asked for patience", got)
		}
		time.Sleep(2 * time.Minute)
		mustToken(t, p.src)
	})
}

func TestAnEarlyRenewalGivesWayToAnotherProcess(t *testing.T) {
	bubble(t, func(t *testing.T, s *tokenServer, store *faultyStore, p *process) {
		mustToken(t, p.src)
		time.Sleep(3500 * time.Second) // in the advisory window
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
		mustToken(t, p.src)
		time.Sleep(earlyLockWait + time.Millisecond)
		if o := p.src.(*session); o.cache.inFlight() {
			t.Error("it queues for the lock")
		}
		time.Sleep(20 * time.Second)
		if _, err := p.src.(*session).cache.lastFailure(); err != nil || s.requests() != 0 || p.kinds() != "adopted" {
			t.Errorf("giving way: last error %v, %d requests, changes %q", err, s.requests(), p.kinds())
		}
		close(release)
		mustToken(t, p.src)
		time.Sleep(time.Second)
		if s.requests() != 1 {
			t.Errorf("%d requests, want 1", s.requests())
		}
	})
}

// inFlight reports whether a renewal is under way.
func (c *tokenCache) inFlight() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.renewal != nil
}

func TestACallerWhoJoinsAnEarlyRenewalThatGivesWayAsksInEarnest(t *testing.T) {
	bubble(t, func(t *testing.T, s *tokenServer, store *faultyStore, p *process) {
		old := mustToken(t, p.src)
		time.Sleep(3569 * time.Second) // a second before the mandatory window
		go func() {
			if err := store.Update(t.Context(), "k", func(context.Context, []byte) ([]byte, error) {
				time.Sleep(4 * time.Second)
				return nil, nil
			}); err != nil {
				t.Error(err)
			}
		}()
		synctest.Wait()
		mustToken(t, p.src)                 // begins the early renewal
		time.Sleep(1500 * time.Millisecond) // in the mandatory window
		if mustToken(t, p.src) == old {
			t.Error("the old token was handed out in the mandatory window")
		}
	})
}

func TestLifetimesCountFromBeforeTheRequest(t *testing.T) {
	bubble(t, func(t *testing.T, s *tokenServer, store *faultyStore, p *process) {
		time.Sleep(2 * time.Hour)
		begin := time.Now()
		s.expiresIn, s.delay = "60", 14*time.Second
		tok := mustToken(t, p.src)
		if want := begin.Add(time.Minute); !tok.Expires().Equal(want) {
			t.Errorf("expires %s, want %s", tok.Expires(), want)
		}
		s.delay = 0
		time.Sleep(time.Until(begin.Add(55 * time.Second))) // the mandatory window is 6 s
		if mustToken(t, p.src) == tok {
			t.Error("the token is used into its mandatory window")
		}
	})
}

func TestATokenAtHandServesOnWhenItsRenewalTakesLong(t *testing.T) {
	bubble(t, func(t *testing.T, s *tokenServer, store *faultyStore, p *process) {
		old := mustToken(t, p.src)
		time.Sleep(3575 * time.Second) // 25 s before its end
		s.then(hangs, hangs, hangs)
		for _, want := range []time.Duration{mandatoryWait, mandatoryWait, mandatoryWait, mandatoryWait, 2500 * time.Millisecond} {
			begin := time.Now()
			if mustToken(t, p.src) != old || time.Since(begin) != want {
				t.Errorf("after %s, want the old token after %s", time.Since(begin), want)
			}
		}
		time.Sleep(3 * time.Second)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := p.src.Token(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("after its end: %v", err)
		}
	})
}

func TestAFailedEarlyRenewalDelaysNobodyWhoNeedsAToken(t *testing.T) {
	bubble(t, func(t *testing.T, s *tokenServer, store *faultyStore, p *process) {
		old := mustToken(t, p.src)
		time.Sleep(3569*time.Second + 700*time.Millisecond)
		s.then(says(503, "", ""))
		mustToken(t, p.src)
		time.Sleep(400 * time.Millisecond) // now in the mandatory window
		if mustToken(t, p.src) == old {
			t.Error("the old token was handed out without another attempt")
		}
	})
}

// TestFailuresAreForgottenAfterASuccess: the pause after the next failure is
// short again, and health pages say that all is well.
func TestFailuresAreForgottenAfterASuccess(t *testing.T) {
	bubble(t, func(t *testing.T, s *tokenServer, store *faultyStore, p *process) {
		fail := func() {
			t.Helper()
			s.then(slices.Repeat([]step{says(503, "", "")}, maxAttempts)...)
			if _, err := p.src.Token(t.Context()); err == nil {
				t.Fatal("no error")
			}
		}
		time.Sleep(2 * time.Hour)
		for range 5 { // the pause has grown to retryNeeded
			fail()
			time.Sleep(retryNeeded)
		}
		mustToken(t, p.src)
		if at, err := p.src.(*session).cache.lastFailure(); err != nil {
			t.Errorf("remembered since %s: %v", at, err)
		}
		time.Sleep(2 * time.Hour)
		fail()
		time.Sleep(retryMin * 5 / 4)
		mustToken(t, p.src)
		s.invariant(t, store)
	})
}

func TestAServerThatRefusesEveryTokenCausesNoStorm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, store := newTokenServer(), NewMemoryStore()
		s.signIn(t, store)
		var fleet []*process
		for range 3 {
			fleet = append(fleet, start(t, s, store))
		}
		var wg sync.WaitGroup
		var mu sync.Mutex
		outcomes := map[string]int{}
		begin := time.Now()
		for i := range 300 {
			wg.Go(func() {
				p := fleet[i%3]
				for time.Since(begin) < 10*time.Minute {
					tok, err := p.src.Token(t.Context())
					if err == nil {
						_, err = p.src.Renew(t.Context(), tok) // the service said 401
					}
					mu.Lock()
					switch {
					case err == nil:
						outcomes["renewed"]++
					case errors.Is(err, ErrRefused):
						outcomes["spared"]++
					default:
						outcomes[err.Error()]++
					}
					mu.Unlock()
					time.Sleep(time.Second)
				}
			})
		}
		wg.Wait()
		if n := s.requests(); n > 11 || n < 8 {
			t.Errorf("%d rotations in 10 minutes, want about one a minute", n)
		}
		if len(outcomes) != 2 {
			t.Errorf("outcomes: %v", outcomes)
		}
		t.Logf("%d rotations; %v", s.requests(), outcomes)
		for _, p := range fleet {
			p.stop(t)
		}
	})
}

func TestRenewTakesWhatIsNewerAlready(t *testing.T) {
	bubble(t, func(t *testing.T, s *tokenServer, store *faultyStore, p *process) {
		first := mustToken(t, p.src)
		second, err := p.src.Renew(t.Context(), first)
		if err != nil || second == first {
			t.Fatalf("Renew: %v", err)
		}
		for range 3 { // late 401s to the first token
			if tok, err := p.src.Renew(t.Context(), first); err != nil || tok != second {
				t.Errorf("Renew of an old token: %v", err)
			}
		}
		// Another process with the first token finds the second in the store.
		other := start(t, s, store)
		if tok, err := other.src.Renew(t.Context(), first); err != nil || tok.Value() != second.Value() {
			t.Errorf("Renew in another process: %v", err)
		}
		other.stop(t)
		if n := s.requests(); n != 1 {
			t.Errorf("%d requests, want 1", n)
		}
	})
}

func TestARefusedTokenOfADeadSessionIsNotHandedOutAgain(t *testing.T) {
	bubble(t, func(t *testing.T, s *tokenServer, store *faultyStore, p *process) {
		tok := mustToken(t, p.src)
		s.then(says(400, "application/json", `{"error":"invalid_grant"}`))
		var re *ReauthError
		for range 3 {
			if _, err := p.src.Renew(t.Context(), tok); !errors.As(err, &re) {
				t.Errorf("Renew: %v", err)
			}
			time.Sleep(2 * time.Second)
		}
	})
}

// TestASignInElsewhereEndsTheRefusals: whoever refuses fresh tokens may like
// those of another sign-in.
func TestASignInElsewhereEndsTheRefusals(t *testing.T) {
	bubble(t, func(t *testing.T, s *tokenServer, store *faultyStore, p *process) {
		tok := mustToken(t, p.src)
		tok, err := p.src.Renew(t.Context(), tok)
		if err != nil {
			t.Fatal(err)
		}
		n := s.requests()
		for range 10 {
			if _, err := p.src.Renew(t.Context(), tok); !errors.Is(err, ErrRefused) {
				t.Errorf("Renew: %v", err)
			}
			if mustToken(t, p.src) != tok { // calls go on meanwhile
				t.Error("another token")
			}
			time.Sleep(time.Second)
		}
		s.signIn(t, store)
		if next, err := p.src.Renew(t.Context(), tok); err != nil || next == tok || s.requests() != n {
			t.Errorf("after a sign-in elsewhere: %v, %d requests", err, s.requests()-n)
		}
	})
}

func TestALate401IsAnsweredWithTheTokenAtHand(t *testing.T) {
	bubble(t, func(t *testing.T, s *tokenServer, store *faultyStore, p *process) {
		first := mustToken(t, p.src)
		second, err := p.src.Renew(t.Context(), first)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(3575 * time.Second) // in its mandatory window, and it cannot be renewed
		s.then(says(403, "", ""))
		if tok, err := p.src.Renew(t.Context(), first); err != nil || tok != second {
			t.Errorf("Renew: %v", err)
		}
	})
}

// TestTheSparedWindowOfAnotherProcess: it counts from when the record was
// issued, by the clock of the machine that wrote it, and is never longer than on
// this one.
func TestTheSparedWindowOfAnotherProcess(t *testing.T) {
	for name, c := range map[string]struct{ clock, age, left time.Duration }{
		"the same clock":               {0, 0, cooldownMax},
		"issued a while ago":           {0, 20 * time.Second, cooldownMax - 20*time.Second},
		"issued long ago":              {0, 10 * time.Minute, 0},
		"a clock that is ahead":        {24 * time.Hour, 0, cooldownMax},
		"a clock that is behind":       {-10 * time.Second, 0, cooldownMax - 10*time.Second},
		"a clock that is hours behind": {-24 * time.Hour, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, s *tokenServer, store *faultyStore, p *process) {
				r := stored(t, store)
				r.Cause, r.Version, r.IssuedAt = causeRefused, "of another machine", time.Now().Add(c.clock).UTC()
				data, err := r.encode()
				if err != nil {
					t.Fatal(err)
				}
				if err := p.replace(t.Context(), "k", data); err != nil {
					t.Fatal(err)
				}
				time.Sleep(c.age)
				tok := mustToken(t, p.src)
				if c.left > 0 {
					time.Sleep(c.left - 2*time.Second)
					if _, err := p.src.Renew(t.Context(), tok); !errors.Is(err, ErrRefused) || s.requests() != 0 {
						t.Errorf("before its end: %v, %d requests", err, s.requests())
					}
					time.Sleep(3 * time.Second)
				}
				if again, err := p.src.Renew(t.Context(), tok); err != nil || again == tok {
					t.Errorf("after its end: %v", err)
				}
			})
		})
	}
}
