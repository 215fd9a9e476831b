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
			w := NewRateLimiter(limits, nil)
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
		w := NewRateLimiter(certn.Service.RateLimits, nil)
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
		w := NewRateLimiter([]spec.RateLimit{{Requests: 1, Window: time.Minute}}, nil)
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
		w := NewRateLimiter([]spec.RateLimit{{Requests: 100, Window: time.Minute}}, nil)
		start := time.Now()
		w.Refused(30 * time.Second)
		until := w.pausedUntil
		time.Sleep(1)
		w.Refused(30 * time.Second) // what comes later shortens nothing,
		w.Refused(time.Second)      // and nor does a shorter wish
		if w.pausedUntil.Before(until) {
			t.Errorf("the pause was %v, and is %v", until.Sub(start), w.pausedUntil.Sub(start))
		}
		if err := w.Wait(t.Context()); err != nil || time.Since(start) < 30*time.Second || time.Since(start) > 31*time.Second {
			t.Fatalf("%v after %v", err, time.Since(start))
		}
	})
}

// A server that asks for more patience than there is silences no call without a
// word: each fails at once, and the first after that waits for the rest.
func TestAPauseBeyondTheCapFailsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := NewRateLimiter([]spec.RateLimit{{Requests: 100, Window: time.Minute}}, nil)
		start := time.Now()
		var waiting sync.WaitGroup
		w.Refused(10 * time.Second)
		for range 100 { // who waits already hears of it, too
			waiting.Go(func() {
				var limit *LimitError
				if err := w.wait(t.Context(), waitOptions{maxPause: time.Minute}); !errors.As(err, &limit) {
					t.Errorf("%v after %v", err, time.Since(start))
				}
			})
		}
		synctest.Wait()
		w.Refused(24 * time.Hour)
		waiting.Wait()
		if time.Since(start) > 12*time.Second {
			t.Errorf("who waited heard of it after %v", time.Since(start))
		}
		start = time.Now()
		var limit *LimitError
		if err := w.wait(t.Context(), waitOptions{maxPause: time.Minute}); !errors.As(err, &limit) || limit.Max != time.Minute || limit.Wait < 23*time.Hour || time.Since(start) != 0 {
			t.Errorf("%v after %v", err, time.Since(start))
		}
		time.Sleep(24*time.Hour - time.Minute)
		start = time.Now()
		if err := w.wait(t.Context(), waitOptions{maxPause: time.Minute}); err != nil || time.Since(start) > 2*time.Minute {
			t.Errorf("%v after %v", err, time.Since(start))
		}
	})
}

// A server that refuses everything is asked now and then, by one call at a
// time, and no call waits for it longer than the cap.
func TestAServerThatRefusesEverythingEndsTheWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := NewRateLimiter(nil, nil)
		start, sent := time.Now(), 0
		var mu sync.Mutex
		var wg sync.WaitGroup
		for range 1000 {
			wg.Go(func() {
				for {
					err := w.wait(t.Context(), waitOptions{maxPause: time.Minute})
					var limit *LimitError
					if errors.As(err, &limit) && limit.Max == time.Minute {
						return
					}
					if err != nil {
						t.Error(err)
						return
					}
					mu.Lock()
					sent++
					mu.Unlock()
					time.Sleep(time.Millisecond)
					w.Refused(0)
				}
			})
		}
		wg.Wait()
		if took := time.Since(start); took < time.Minute || took > 90*time.Second {
			t.Errorf("the last call was given up after %v", took)
		}
		if sent > 1100 { // all at first, and one a pause from then on
			t.Errorf("%d requests were sent", sent)
		}
		time.Sleep(time.Hour)
		if err := w.wait(t.Context(), waitOptions{maxPause: time.Minute}); err != nil { // and then it is asked again
			t.Error(err)
		}
	})
}

// A hundred who wait for the end of a pause do not go in the same moment.
func TestThoseWhoWaitComeBackOneByOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := NewRateLimiter(nil, nil)
		for range 100 {
			_ = w.Wait(t.Context())
		}
		w.Refused(2 * time.Second)
		start := time.Now()
		var mu sync.Mutex
		at := map[time.Duration]int{}
		var wg sync.WaitGroup
		for range 100 {
			wg.Go(func() {
				if err := w.Wait(t.Context()); err != nil {
					t.Error(err)
				}
				mu.Lock()
				defer mu.Unlock()
				at[time.Since(start)]++
			})
		}
		wg.Wait()
		first, last := time.Hour, time.Duration(0)
		for d, n := range at {
			first, last = min(first, d), max(last, d)
			if n > 2 {
				t.Errorf("%d went at %v", n, d)
			}
		}
		// 99 in two seconds were accepted: that is the rate from then on.
		if first < 2*time.Second || last-first < 1900*time.Millisecond || last-first > 2200*time.Millisecond {
			t.Errorf("they went between %v and %v", first, last)
		}
	})
}

// Contexts that end during a pause end the waits at once, and leave nothing.
func TestWhoLeavesDuringAPauseLeavesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // fails if a goroutine is left
		w := NewRateLimiter(nil, nil)
		_ = w.Wait(t.Context())
		w.Refused(30 * time.Second)
		start := time.Now()
		crowd, leave := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		for range 2000 {
			wg.Go(func() {
				if err := w.Wait(crowd); !errors.Is(err, context.Canceled) || time.Since(start) != time.Second {
					t.Errorf("%v after %v", err, time.Since(start))
				}
			})
		}
		time.AfterFunc(time.Second, leave)
		wg.Wait()
		if w.waiting.Load() != 0 || len(w.turn) != 0 {
			t.Errorf("%d still wait, %d have the turn", w.waiting.Load(), len(w.turn))
		}
		if err := w.Wait(t.Context()); err != nil || time.Since(start) < 30*time.Second || time.Since(start) > 35*time.Second {
			t.Errorf("%v after %v", err, time.Since(start))
		}
	})
}

// Retry-After as hostile servers send it neither ends the limiter nor makes
// it wait longer than the cap.
func TestHostilePausesAreHarmless(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, after := range []time.Duration{-time.Hour, -1, 0, 1, time.Nanosecond * 7, 24 * time.Hour, 1<<63 - 1, -1 << 63} {
			w := NewRateLimiter([]spec.RateLimit{{Requests: 1, Window: time.Second}, {Requests: 2, Window: 24 * time.Hour}}, nil)
			for range 3 {
				w.Refused(after)
			}
			start := time.Now()
			err := w.wait(t.Context(), waitOptions{maxPause: time.Minute})
			var limit *LimitError
			if took := time.Since(start); took > time.Minute || err != nil && !errors.As(err, &limit) {
				t.Errorf("Retry-After of %v: %v after %v", after, err, took)
			}
		}
	})
}

// A wait above a second is logged before it begins: once, and again only if
// one is twice as long.
func TestLongWaitsAreTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := NewRateLimiter([]spec.RateLimit{{Requests: 2, Window: 24 * time.Hour}}, nil)
		var mu sync.Mutex
		var told []time.Duration
		tell := waitOptions{maxPause: time.Minute, log: func(wait time.Duration, why string) {
			mu.Lock()
			defer mu.Unlock()
			told = append(told, wait)
			if why != "the limit of 2 requests in 24h0m0s" {
				t.Error(why)
			}
		}}
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		for range 2 {
			_ = w.wait(ctx, tell)
		}
		for range 8 {
			wg.Go(func() { _ = w.wait(ctx, tell) })
			synctest.Wait()
		}
		if len(told) != 1 || told[0] < 24*time.Hour {
			t.Errorf("told of %v", told)
		}
		cancel()
		wg.Wait()
		limited, stop := context.WithTimeout(t.Context(), time.Hour)
		defer stop()
		start := time.Now()
		var limit *LimitError
		if err := w.wait(limited, tell); !errors.As(err, &limit) || limit.Max != 0 || time.Since(start) != 0 || len(told) != 1 {
			t.Errorf("%v after %v, told of %v", err, time.Since(start), told)
		}
	})
}

func TestALaterWaitIsToldAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, told := NewRateLimiter([]spec.RateLimit{{Requests: 1, Window: 2 * time.Second}}, nil), 0
		for range 4 {
			_ = w.wait(t.Context(), waitOptions{log: func(time.Duration, string) { told++ }})
			_ = w.wait(t.Context(), waitOptions{log: func(time.Duration, string) { told++ }})
			time.Sleep(time.Minute)
		}
		if told != 4 {
			t.Errorf("told %d times of four waits", told)
		}
	})
}

// Those ahead count in long windows, too: behind two others the third turn
// is a day later.
func TestTheQueueIsCountedInLongWindows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := NewRateLimiter([]spec.RateLimit{{Requests: 2, Window: 24 * time.Hour}}, nil)
		_ = w.Wait(t.Context())
		time.Sleep(2 * time.Hour)
		_ = w.Wait(t.Context())
		crowd, leave := context.WithCancel(t.Context())
		defer leave()
		go func() { _ = w.Wait(crowd) }()
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), 24*time.Hour)
		defer cancel()
		var limit *LimitError
		if err := w.Wait(ctx); !errors.As(err, &limit) || limit.Wait != 25*time.Hour {
			t.Errorf("behind one other: %v", err)
		}
	})
}

// Callers who come in the same moment are all counted.
func TestWindowsAreExactForACrowd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := NewRateLimiter([]spec.RateLimit{{Requests: 5, Window: time.Second}, {Requests: 60, Window: 2 * time.Hour}}, nil)
		var mu sync.Mutex
		at := map[time.Duration]int{}
		start := time.Now()
		var wg sync.WaitGroup
		for i := range 60 {
			wg.Go(func() {
				time.Sleep(time.Duration(i/10) * time.Second)
				if err := w.Wait(t.Context()); err != nil {
					t.Error(err)
				}
				mu.Lock()
				defer mu.Unlock()
				at[time.Since(start)]++
			})
		}
		wg.Wait()
		for when, n := range at {
			if n != 5 || when%time.Second != 0 {
				t.Errorf("%d went at %v", n, when)
			}
		}
		if len(w.declared[1].(*hours).sent.rows) != 1 || w.declared[1].(*hours).sent.rows[0].count != 60 {
			t.Errorf("%+v", w.declared[1])
		}
	})
}

func TestWhoWaitsIsServedInTheOrderOfComing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := NewRateLimiter([]spec.RateLimit{{Requests: 3, Window: time.Minute}}, nil)
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
		w := NewRateLimiter([]spec.RateLimit{{Requests: 2, Window: time.Minute}}, nil)
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
		w := NewRateLimiter([]spec.RateLimit{{Requests: 1, Window: time.Minute}}, nil)
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
