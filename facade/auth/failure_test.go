package auth

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// TestAFailureOfOneMachineIsThePauseOfAll: eight machines that all need a token
// of a session whose renewal fails make as many requests as one or two would.
func TestAFailureOfOneMachineIsThePauseOfAll(t *testing.T) {
	for name, c := range map[string]struct {
		fault step
		most  int // requests in ten minutes
	}{
		"an endpoint that fails": {says(503, "", ""), 8 * 60}, // 5 seconds, four attempts by whose mark it is
		"a banned user":          {says(400, "application/json", `{"error_code":"user_banned"}`), 25},
		"429 for a minute":       {saysWith(429, "Retry-After", "60"), 25},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, store := newTokenServer(), NewMemoryStore()
				s.signIn(t, store)
				before := stored(t, store)
				time.Sleep(2 * time.Hour)
				for range 100_000 {
					s.then(c.fault)
				}
				var fleet []*process
				for range 8 {
					fleet = append(fleet, start(t, s, store))
				}
				begin := time.Now()
				var wg sync.WaitGroup
				for _, p := range fleet {
					wg.Go(func() {
						for time.Since(begin) < 10*time.Minute {
							var te *TokenError
							if _, err := p.src.Token(t.Context()); !errors.As(err, &te) {
								t.Errorf("%v", err)
							}
							time.Sleep(time.Second)
						}
					})
				}
				wg.Wait()
				t.Logf("%d requests", s.requests())
				if n := s.requests(); n > c.most {
					t.Errorf("%d requests of 8 machines, want at most %d", n, c.most)
				}
				r := stored(t, store)
				if r.RefreshToken != before.RefreshToken || r.Version != before.Version || r.Failure == nil {
					t.Error("the mark has changed the tokens, or there is none")
				}
				st, err := fleet[0].Status(t.Context(), "k")
				if err != nil || st.State != StateGood || st.LastError == "" {
					t.Errorf("%+v, %v", st, err)
				}
				s.mu.Lock()
				s.script = nil
				s.mu.Unlock()
				time.Sleep(time.Minute)
				for _, p := range fleet {
					mustToken(t, p.src)
					p.stop(t)
				}
				if stored(t, store).Failure != nil {
					t.Error("the mark has outlived the failure")
				}
				s.invariant(t, store)
			})
		})
	}
}

// TestWhatIsWrongWithOneMachineStopsNoOther: its network, its secret.
func TestWhatIsWrongWithOneMachineStopsNoOther(t *testing.T) {
	for name, fault := range map[string]step{
		"no network":     unreachable,
		"a wrong secret": says(401, "application/json", `{"error":"invalid_client"}`),
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, s *tokenServer, store *faultyStore, p *process) {
				time.Sleep(2 * time.Hour)
				s.then(fault, fault, fault, fault)
				if _, err := p.src.Token(t.Context()); err == nil {
					t.Fatal("no error")
				}
				s.mu.Lock()
				s.script = nil
				s.mu.Unlock()
				other := start(t, s, store)
				begin := time.Now()
				mustToken(t, other.src)
				if d := time.Since(begin); d != 0 {
					t.Errorf("another machine waited %s", d)
				}
				other.stop(t)
			})
		})
	}
}

func TestAMarkOfAClockThatIsAheadLastsNoLongerThanItsPause(t *testing.T) {
	now := time.Now()
	r := sessionRecord("r").fail(&TokenError{outcome: throttled, RetryAfter: time.Minute}, "another", now.Add(24*time.Hour))
	if te := r.paused("this", now); te == nil || te.RetryAfter > time.Minute {
		t.Errorf("%v", te)
	}
	r = sessionRecord("r").fail(&TokenError{outcome: throttled, RetryAfter: 1000 * time.Hour}, "another", now)
	if te := r.paused("this", now); te == nil || te.RetryAfter > retryAfterMax {
		t.Errorf("%v", te)
	}
	// A Retry-After is the server's; the pause of the process that failed is not.
	r = sessionRecord("r").fail(&TokenError{outcome: ambiguous, Problem: "no response came back"}, "another", now)
	if te := r.paused("this", now); te == nil || te.RetryAfter != 0 || te.wait() != retryMin || strings.Contains(te.Error(), "the server asks") || !strings.Contains(te.Error(), "due in 1s") {
		t.Errorf("%v", te)
	}
	if te := r.paused("another", now); te != nil {
		t.Errorf("a process pauses for its own mark: %v", te)
	}
	if r.rotate(response{access: "a"}, now, causeExpiry).Failure != nil || r.end("x", "", now).Failure != nil {
		t.Error("the mark outlives a success, or the session")
	}
}
