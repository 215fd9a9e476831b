package transport

import (
	"context"
	"errors"
	"math/rand/v2"
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
			w := NewWindows(limits)
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
		w := NewWindows(certn.Service.RateLimits)
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
		w := NewWindows([]spec.RateLimit{{Requests: 1, Window: time.Minute}})
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
		w := NewWindows([]spec.RateLimit{{Requests: 100, Window: time.Minute}})
		start := time.Now()
		w.Refused(30 * time.Second)
		w.Refused(time.Second) // a shorter wish does not shorten it
		if err := w.Wait(t.Context()); err != nil || time.Since(start) != 30*time.Second {
			t.Fatalf("%v after %v", err, time.Since(start))
		}
	})
}
