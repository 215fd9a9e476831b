package transport

import (
	"math"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/credkit/credkit-go/api/cosmic"
	"github.com/credkit/credkit-go/api/spec"
)

// throttler is a server that limits requests: it returns how long until one
// may pass, or zero if it let this one through.
type throttler func(now time.Time) time.Duration

// rolling allows so many requests in any window, as a sandbox does.
func rolling(requests int, window time.Duration, countsRefused bool) throttler {
	var at []time.Time
	return func(now time.Time) time.Duration {
		for len(at) > 0 && now.Sub(at[0]) >= window {
			at = at[1:]
		}
		var wait time.Duration
		if len(at) >= requests {
			wait = at[len(at)-requests].Add(window).Sub(now)
		}
		if wait == 0 || countsRefused {
			at = append(at, now)
		}
		return wait
	}
}

// fixed allows so many requests in each window by the clock.
func fixed(requests int, window time.Duration) throttler {
	var start time.Time
	n := 0
	return func(now time.Time) time.Duration {
		if s := now.Truncate(window); !s.Equal(start) {
			start, n = s, 0
		}
		if n++; n > requests {
			return start.Add(window).Sub(now)
		}
		return 0
	}
}

// bucket is the leaky bucket of a gateway: a rate and a burst.
func bucket(perSecond, burst float64) throttler {
	tokens, last := burst, time.Time{}
	return func(now time.Time) time.Duration {
		if !last.IsZero() {
			tokens = min(burst, tokens+now.Sub(last).Seconds()*perSecond)
		}
		last = now
		if tokens < 1 {
			return time.Duration((1 - tokens) / perSecond * float64(time.Second))
		}
		tokens--
		return 0
	}
}

// changing is one server until a time has passed, and another from then on.
func changing(after time.Duration, first, then throttler) throttler {
	start := time.Now()
	return func(now time.Time) time.Duration {
		if now.Sub(start) < after {
			return first(now)
		}
		return then(now)
	}
}

// Against servers of every kind that limit requests, nothing fails, and the
// limit is used well.
func TestAnyLimitIsLearned(t *testing.T) {
	for name, test := range map[string]struct {
		server    func() throttler
		silent    bool // no Retry-After
		processes int
		requests  int
		most      time.Duration // the time it may take
	}{
		"a rolling second":               {func() throttler { return rolling(200, time.Second, false) }, false, 1, 4000, 25 * time.Second},
		"a rolling second, silent":       {func() throttler { return rolling(200, time.Second, false) }, true, 1, 4000, 25 * time.Second},
		"refused requests count":         {func() throttler { return rolling(200, time.Second, true) }, false, 1, 4000, 27 * time.Second},
		"refused requests count, silent": {func() throttler { return rolling(200, time.Second, true) }, true, 1, 4000, 27 * time.Second},
		"a second by the clock":          {func() throttler { return fixed(200, time.Second) }, false, 1, 4000, 25 * time.Second},
		"a second by the clock, silent":  {func() throttler { return fixed(200, time.Second) }, true, 1, 4000, 25 * time.Second},
		"a bucket":                       {func() throttler { return bucket(50, 10) }, false, 1, 2000, 60 * time.Second},
		"a bucket, silent":               {func() throttler { return bucket(50, 10) }, true, 1, 2000, 60 * time.Second},
		"a rolling minute":               {func() throttler { return rolling(240, time.Minute, false) }, false, 1, 2000, 11 * time.Minute},
		"a rolling minute, silent":       {func() throttler { return rolling(240, time.Minute, false) }, true, 1, 2000, 12 * time.Minute},
		"a minute by the clock":          {func() throttler { return fixed(240, time.Minute) }, false, 1, 2000, 11 * time.Minute},
		"four a minute":                  {func() throttler { return rolling(4, time.Minute, false) }, false, 1, 40, 14 * time.Minute},
		"ten in a tenth of a second":     {func() throttler { return rolling(10, time.Second/10, false) }, false, 1, 4000, 70 * time.Second},
		"ten thousand a second":          {func() throttler { return rolling(10_000, time.Second, false) }, false, 1, 50_000, 8 * time.Second},
		"four processes":                 {func() throttler { return rolling(200, time.Second, false) }, false, 4, 8000, 60 * time.Second},
		"four processes, silent":         {func() throttler { return rolling(200, time.Second, false) }, true, 4, 8000, 60 * time.Second},
		"a limit that falls": {func() throttler {
			return changing(10*time.Second, rolling(200, time.Second, false), rolling(20, time.Second, false))
		}, false, 1, 4000, 150 * time.Second},
		"a limit that rises": {func() throttler {
			return changing(10*time.Second, rolling(20, time.Second, false), rolling(200, time.Second, false))
		}, false, 1, 8000, 80 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server := test.server()
				var mu sync.Mutex
				var next, refused atomic.Int64
				start := time.Now()
				var wg sync.WaitGroup
				for range test.processes {
					w := NewRateLimiter([]spec.RateLimit{}, nil)
					for range 64 {
						wg.Go(func() {
							for next.Add(1) <= int64(test.requests) {
								for {
									if err := w.wait(t.Context(), waitOptions{maxPause: 2 * time.Minute}); err != nil {
										t.Error(err)
										return
									}
									time.Sleep(2 * time.Millisecond)
									mu.Lock()
									wait := server(time.Now())
									mu.Unlock()
									if wait == 0 {
										w.accepted()
										break
									}
									refused.Add(1)
									if test.silent {
										wait = 0
									}
									w.Refused(time.Duration(math.Ceil(wait.Seconds())) * time.Second)
								}
							}
						})
					}
				}
				wg.Wait()
				took := time.Since(start)
				t.Logf("%d requests, %d refused, in %v", test.requests, refused.Load(), took)
				if took > test.most {
					t.Errorf("took %v, want at most %v", took, test.most)
				}
			})
		})
	}
}

// The pace after a 429 is what the server accepted, less a thirty-second:
// those that were refused do not count, however late they hear of it.
func TestThePaceIsWhatWasAccepted(t *testing.T) {
	for name, test := range map[string]struct {
		sent, refused int
		after         time.Duration
		want          time.Duration
	}{
		"200 in a second":         {300, 100, time.Second, 5 * time.Millisecond},
		"200 in ten seconds":      {300, 100, 10 * time.Second, 50 * time.Millisecond},
		"200 in at most a minute": {300, 100, 24 * time.Hour, 300 * time.Millisecond},
		"200 without Retry-After": {300, 100, 0, 5 * time.Millisecond},
		"too few to know":         {10, 3, time.Second, defaultInterval * 32 / 33},
		"none":                    {3, 3, time.Second, defaultInterval * 32 / 33},
	} {
		synctest.Test(t, func(t *testing.T) {
			w := NewRateLimiter(nil, nil)
			for range test.sent {
				_ = w.Wait(t.Context())
			}
			for range test.refused {
				w.Refused(test.after)
			}
			if got := w.learned.interval; (got - test.want*33/32).Abs() > time.Microsecond {
				t.Errorf("%s: a request each %v, want %v", name, got, test.want*33/32)
			}
		})
	}
}

// The rate rises while requests go and none is refused; after a rise that was
// too much the rate before it is kept, twice as long as the last time.
func TestTheRateRises(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := NewRateLimiter(nil, nil)
		send := func(n int) time.Duration {
			for range n {
				_ = w.Wait(t.Context())
				w.accepted()
			}
			return w.learned.interval
		}
		send(2000)
		w.Refused(time.Second)
		learned := send(fewest + 1)
		time.Sleep(time.Hour)
		w.learned.calm = 0
		if send(1) != learned {
			t.Errorf("it rose to %v without requests", w.learned.interval)
		}
		send(2000)
		raised := send(fewest)
		if raised != learned*4/5 {
			t.Fatalf("after an hour: %v, before %v", raised, learned)
		}
		for _, hold := range []time.Duration{10 * time.Second, 20 * time.Second, 40 * time.Second} {
			w.Refused(1)
			time.Sleep(time.Until(w.pausedUntil))
			if got := send(fewest + 1); got != learned {
				t.Fatalf("after a rise that was too much: %v, before it %v", got, learned)
			}
			rises := w.learned.changed.Add(hold)
			time.Sleep(time.Until(rises) - 1060*time.Millisecond)
			send(2000)
			time.Sleep(time.Until(rises) - 10*time.Millisecond)
			if got := send(fewest); got != learned {
				t.Errorf("it rose before %v", hold)
			}
			time.Sleep(time.Until(rises))
			if got := send(1); got != raised {
				t.Errorf("it did not rise after %v: %v", hold, got)
			}
		}
		send(fewest)
		time.Sleep(riseHold) // the rise went well: the next one follows soon, and the hold is the first again
		if got := send(1); got != raised*4/5 {
			t.Errorf("after a rise that went well: %v", got)
		}
		if w.learned.hold != firstHold {
			t.Errorf("the hold is %v", w.learned.hold)
		}
	})
}

// A timer that is late by a little does not lower the rate.
func TestALateRequestLowersNoRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &pace{interval: 5 * time.Millisecond}
		start := time.Now()
		for range 1000 {
			time.Sleep(time.Until(p.free(time.Now(), 0)) + 3*time.Millisecond)
			p.calm = 0
			p.count(time.Now())
		}
		if took := time.Since(start); took > 5100*time.Millisecond {
			t.Errorf("1000 requests took %v", took)
		}
	})
}

// Pauses grow only while nothing is accepted in between; who tells of no
// success is taken to have had one if the last 429 is long ago.
func TestPausesGrowWhileNothingIsAccepted(t *testing.T) {
	pauses := func(t *testing.T, between func(w *RateLimiter)) (last time.Duration) {
		w := NewRateLimiter(nil, nil)
		for range 10 {
			w.Refused(0)
			last = time.Until(w.pausedUntil)
			time.Sleep(last)
			between(w)
		}
		return last
	}
	synctest.Test(t, func(t *testing.T) {
		if d := pauses(t, func(*RateLimiter) {}); d < 7*time.Second || d > 13*time.Second {
			t.Errorf("the tenth in a row: %v", d)
		}
		if d := pauses(t, func(w *RateLimiter) { w.accepted() }); d > 250*time.Millisecond {
			t.Errorf("after a success: %v", d)
		}
		if d := pauses(t, func(*RateLimiter) { time.Sleep(time.Minute) }); d > 250*time.Millisecond {
			t.Errorf("after a minute: %v", d)
		}
		client, sent := responding(nil, nothing, 429, 200, 429, 200, 429, 200, 429, 200, 429, 200, 429, 200, 429, 200)
		h := chain(t, "https://a.test", client)
		start := time.Now()
		for range 7 {
			if resp, err := h(t.Context(), read(t, "https://a.test", cosmic.OpGetMe)); err != nil || resp.StatusCode != 200 {
				t.Error(resp, err)
			}
		}
		if took := time.Since(start); took > 3*time.Second || *sent != 14 {
			t.Errorf("seven calls that were refused once: %v, %d requests", took, *sent)
		}
	})
}

// A server that goes on refusing is asked once in the time that it asks for,
// and not less often from one refusal to the next.
func TestThePaceHasAnEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := NewRateLimiter(nil, nil)
		for range 100 {
			w.Refused(2 * time.Second)
			time.Sleep(time.Until(w.pausedUntil))
			w.accepted()
		}
		if w.learned.interval != 2*time.Second {
			t.Errorf("a request each %v", w.learned.interval)
		}
	})
}
