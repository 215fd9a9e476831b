package auth

import (
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

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
