package auth

import (
	"errors"
	"math/rand/v2"
	"net/http"
	"testing"
	"testing/synctest"
	"time"
)

// TestRandomFleets runs the library itself, three processes on one store,
// through random misfortune: crashes, restarts, closes, failed and half-failed
// saves, a store that cannot be read, lost answers before and after rotating,
// hanging and refusing servers, 401s, clocks that pass an expiry. Whatever
// happens, the server never sees a token older than the direct parent of its
// current one, and once the trouble is over every process has a good token.
func TestRandomFleets(t *testing.T) { randomFleets(t, 60) }

func randomFleets(t *testing.T, n uint64) {
	t.Helper()
	rotations, further := 0, 0
	for seed := range n {
		synctest.Test(t, func(t *testing.T) {
			defer func() {
				if t.Failed() {
					t.Logf("this was the fleet of seed %d", seed)
				}
			}()
			current, requests := randomFleet(t, rand.New(rand.NewPCG(seed, 1)))
			rotations += current
			further += requests - current
		})
	}
	t.Logf("%d fleets, %d rotations, %d further token requests", n, rotations, further)
}

func randomFleet(t *testing.T, r *rand.Rand) (rotations, requests int) {
	t.Helper()
	s := newTokenServer()
	shared := NewMemoryStore()
	s.signIn(t, shared)
	before, _, _ := s.state()
	stores := make([]*faultyStore, 3)
	fleet := make([]*process, 3)
	for i := range fleet {
		stores[i] = &faultyStore{Store: shared, saveErr: errDisk}
		fleet[i] = start(t, s, stores[i])
	}
	troubles := []step{cutBefore, cutAfter, hangs, hangsAfter, unreachable, cutIn(3), cutIn(60), says(503, "", ""), says(200, "text/html", "<p>"), says(429, "", ""), says(401, "", ""), says(403, "", ""),
		says(409, "application/json", `{"error_code":"conflict"}`), says(422, "application/json", `{"error_code":"hook_timeout"}`),
		says(400, "application/json", `{"error_code":"invalid_credentials"}`), says(400, "application/json", `{"error_code":"user_banned"}`),
		rotatesThen(func(*http.Response) (*http.Response, error) {
			return jsonResponse(409, `{"error_code":"conflict"}`), nil
		}),
		rotatesThen(replaced("secret-access-", "no token ")), rotatesThen(replaced("refresh_token", "x")),
		panics, rotatesThen(panicsWith), rotatesThen(panicsInBody)}
	begin := time.Now()
	for range 60 {
		i := r.IntN(len(fleet))
		p, store := fleet[i], stores[i]
		switch r.IntN(10) {
		case 0:
			crash(p)
			fleet[i] = start(t, s, store)
		case 1:
			p.Close(t.Context()) //nolint:errcheck // a store in trouble may say so
			fleet[i] = start(t, s, store)
		case 2:
			store.set(func(f *faultyStore) { f.saveFails, f.committed, f.panics = r.IntN(4), r.IntN(2) == 0, r.IntN(2) == 0 })
		case 3:
			store.set(func(f *faultyStore) {
				f.loadErr = nil
				if r.IntN(2) == 0 {
					f.loadErr = errDisk
				}
			})
		case 4, 5:
			s.mu.Lock()
			s.then(troubles[r.IntN(len(troubles))])
			s.mu.Unlock()
		case 6:
			go func() {
				tok, err := p.src.Token(t.Context())
				if err == nil {
					p.src.Renew(t.Context(), tok) //nolint:errcheck // trouble
				}
			}()
		case 7:
			s.mu.Lock()
			s.delay = time.Duration(r.IntN(3)) * time.Second
			s.mu.Unlock()
		default:
			for _, p := range fleet {
				go p.src.Token(t.Context()) //nolint:errcheck // trouble
			}
		}
		time.Sleep(time.Duration(r.ExpFloat64() * float64(20*time.Minute)))
		if _, dead, revoked := s.state(); dead || revoked > 0 {
			t.Fatalf("after %s the session is dead", time.Since(begin))
		}
	}
	// The trouble is over.
	for _, store := range stores {
		store.set(func(f *faultyStore) { f.saveFails, f.loadErr = 0, nil })
	}
	s.mu.Lock()
	s.script, s.delay = nil, 0
	s.mu.Unlock()
	time.Sleep(2 * retryRefused)
	for range 3 {
		for _, p := range fleet {
			if _, err := p.src.Token(t.Context()); err != nil && !errors.Is(err, ErrRefused) {
				t.Errorf("after the trouble: %v", err)
			}
		}
		time.Sleep(30 * time.Minute)
	}
	s.invariant(t, shared)
	for _, p := range fleet {
		p.stop(t)
	}
	current, _, _ := s.state()
	return current - before, s.requests()
}
