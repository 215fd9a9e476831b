package transport

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/credkit/credkit-go/api/certn"
	"github.com/credkit/credkit-go/api/spec"
)

// In no window of a limit's length are more requests let through than it
// allows, however they come.
func TestWindowsAreExact(t *testing.T) {
	limits := []spec.RateLimit{{Requests: 24, Window: time.Minute}, {Requests: 300, Window: 24 * time.Hour}}
	for seed := range uint64(5) {
		synctest.Test(t, func(t *testing.T) {
			dice := rand.New(rand.NewPCG(seed, 1))
			w := NewWindows(limits, nil)
			var sent []time.Time
			for range 1000 {
				time.Sleep(time.Duration(dice.ExpFloat64() * float64(5*time.Second)))
				if dice.IntN(50) == 0 {
					time.Sleep(time.Duration(dice.IntN(5)) * time.Hour)
				}
				if err := w.Wait(t.Context()); err != nil {
					t.Fatal(err)
				}
				sent = append(sent, time.Now())
			}
			for _, limit := range limits {
				for i := limit.Requests; i < len(sent); i++ {
					if sent[i].Sub(sent[i-limit.Requests]) < limit.Window {
						t.Fatalf("%d requests within %v", limit.Requests+1, limit.Window)
					}
				}
			}
		})
	}
}

// A full speed run through Certn's limits: 240 at once, the next a minute
// later, 14,400 in a day and no more for the next.
func TestCertnsLimitsAreUsedUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := NewWindows(certn.Service.RateLimits, nil)
		start := time.Now()
		for i := range 14_401 {
			if err := w.Wait(t.Context()); err != nil {
				t.Fatal(err)
			}
			switch took := time.Since(start); {
			case i < 240 && took != 0, i == 240 && took != time.Minute:
				t.Fatalf("request %d went after %v", i, took)
			case i == 14_399 && took != 59*time.Minute:
				t.Fatalf("the day's last request went after %v", took)
			case i == 14_400 && (took < 24*time.Hour || took > 25*time.Hour):
				t.Fatalf("the next day's first request went after %v", took)
			}
		}
	})
}

func TestAWaitPastTheDeadlineFailsAtOnceAndCountsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := NewWindows([]spec.RateLimit{{Requests: 1, Window: time.Minute}}, nil)
		if err := w.Wait(t.Context()); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 59*time.Second)
		defer cancel()
		start := time.Now()
		var limit *LimitError
		if err := w.Wait(ctx); !errors.As(err, &limit) || limit.Wait != time.Minute || time.Since(start) != 0 {
			t.Fatalf("%v after %v", err, time.Since(start))
		}
		ctx, stop := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, stop)
		if err := w.Wait(ctx); !errors.Is(err, context.Canceled) || time.Since(start) != time.Second {
			t.Fatalf("%v after %v", err, time.Since(start))
		}
		if err := w.Wait(t.Context()); err != nil || time.Since(start) != time.Minute {
			t.Fatalf("%v after %v", err, time.Since(start))
		}
	})
}

func TestA429HoldsEverybodyBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := NewWindows([]spec.RateLimit{{Requests: 100, Window: time.Minute}}, nil)
		start := time.Now()
		w.Refused(30 * time.Second)
		w.Refused(time.Second) // a shorter wish does not shorten it
		if err := w.Wait(t.Context()); err != nil || time.Since(start) != 30*time.Second {
			t.Fatalf("%v after %v", err, time.Since(start))
		}
	})
}

// A 429 in spite of the count says that others use the same key: half as much
// is let through, and twice as much again after each quiet window.
func TestA429DrawsTheWindowIn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := NewWindows([]spec.RateLimit{{Requests: 80, Window: time.Minute}}, nil)
		inAWindow := func() (n int) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute-1)
			defer cancel()
			for w.Wait(ctx) == nil {
				n++
			}
			return n
		}
		for range 7 { // all that were under way are refused together
			w.Refused(0)
		}
		if n := inAWindow(); n != 40 {
			t.Errorf("%d requests after a 429, want 40", n)
		}
		time.Sleep(time.Minute)
		w.Refused(0)
		if n := inAWindow(); n != 40 {
			t.Errorf("%d requests after a quiet minute and another 429, want 40", n)
		}
		time.Sleep(time.Minute)
		if n := inAWindow(); n != 80 {
			t.Errorf("%d requests after a quiet minute, want 80", n)
		}
		for range 20 {
			time.Sleep(time.Minute)
			w.Refused(0)
			w.Refused(0)
		}
		time.Sleep(59 * time.Second)
		if n := inAWindow(); n < 1 {
			t.Error("nothing goes any more")
		}
	})
}

func TestWhoWaitsIsServedInTheOrderOfComing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := NewWindows([]spec.RateLimit{{Requests: 3, Window: time.Minute}}, nil)
		var mu sync.Mutex
		var order []int
		var wg sync.WaitGroup
		for i := range 30 {
			wg.Go(func() {
				if err := w.Wait(t.Context()); err != nil {
					t.Error(err)
				}
				mu.Lock()
				order = append(order, i)
				mu.Unlock()
			})
			synctest.Wait()
			time.Sleep(time.Second)
		}
		wg.Wait()
		for at := 0; at < len(order); at += 3 { // three go at once
			group := slices.Sorted(slices.Values(order[at : at+3]))
			if group[0] != at || group[2] != at+2 {
				t.Fatalf("out of order: %v", order)
			}
		}
	})
}

// With others waiting already, the wait that cannot end in time is known at
// once; and those who give up leave their places.
func TestTheQueueIsCountedAndThoseWhoLeaveItEatNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := NewWindows([]spec.RateLimit{{Requests: 2, Window: time.Minute}}, nil)
		for range 2 {
			_ = w.Wait(t.Context())
		}
		start := time.Now()
		crowd, leave := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		for range 10 {
			wg.Go(func() {
				if err := w.Wait(crowd); !errors.Is(err, context.Canceled) {
					t.Errorf("%v", err)
				}
			})
		}
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), 6*time.Minute-1)
		defer cancel()
		var limit *LimitError
		if err := w.Wait(ctx); !errors.As(err, &limit) || limit.Wait != 6*time.Minute || time.Since(start) != 0 {
			t.Errorf("behind ten others: %v after %v", err, time.Since(start))
		}
		leave()
		wg.Wait()
		if time.Since(start) != 0 {
			t.Errorf("leaving took %v", time.Since(start))
		}
		gone, cancelled := context.WithCancel(t.Context())
		cancelled()
		time.Sleep(time.Minute)
		for range 5 {
			if err := w.Wait(gone); !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
		}
		for range 2 {
			if err := w.Wait(t.Context()); err != nil || time.Since(start) != time.Minute {
				t.Errorf("%v after %v: a place was eaten", err, time.Since(start))
			}
		}
	})
}

func TestA429ThatMovesTheTurnPastADeadlineIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := NewWindows([]spec.RateLimit{{Requests: 1, Window: time.Minute}}, nil)
		_ = w.Wait(t.Context())
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
		defer cancel()
		start := time.Now()
		time.AfterFunc(time.Second, func() { w.Refused(time.Hour) })
		var limit *LimitError
		if err := w.Wait(ctx); !errors.As(err, &limit) || time.Since(start) != time.Minute {
			t.Errorf("%v after %v", err, time.Since(start))
		}
	})
}
