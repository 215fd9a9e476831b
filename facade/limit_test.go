package facade_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/credkit/credkit-go/facade"
	"github.com/credkit/credkit-go/facade/auth"
	"github.com/credkit/credkit-go/facade/sandbox"
)

// A 429 whose Retry-After is a day fails that call and those after it, each at
// once and by name, also without a deadline.
func TestADaysRetryAfterSilencesNoClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for name, after := range map[string]string{"seconds": "86400", "a date": "Fri, 31 Dec 2100 23:59:59 GMT", "huge": "1e999", "never": "inf"} {
			s := &script{replies: []reply{{status: 429, header: map[string]string{"Retry-After": after}}, jsonReply(`{"results":[]}`)}}
			c := newCertn(t, s)
			start := time.Now()
			for i := range 10 {
				_, err := c.Users().Collect(t.Context(), 1)
				var e *facade.Error
				if !errors.As(err, &e) || e.RetryAfter != 24*time.Hour || !errors.Is(err, facade.ErrRateLimited) || time.Since(start) != 0 || s.count() != 1 || !strings.Contains(err.Error(), "24h0m0s") {
					t.Fatalf("%s, call %d: %v after %v and %d requests", name, i, err, time.Since(start), s.count())
				}
			}
			time.Sleep(24 * time.Hour)
			if _, err := c.Users().Collect(t.Context(), 1); err != nil || s.count() != 2 {
				t.Errorf("%s: a day later: %v after %d requests", name, err, s.count())
			}
		}
	})
}

// Whatever limiter a program brings, a 429 pauses all calls of the client, and
// none waits longer than the cap.
func TestA429PausesTheClientWhateverItsLimiter(t *testing.T) {
	for name, limiter := range map[string]facade.Limiter{"its own": &taking{}, "none": nil} {
		synctest.Test(t, func(t *testing.T) {
			s := &script{replies: []reply{{status: 429, header: map[string]string{"Retry-After": "20"}}, jsonReply(someone)}}
			c := newCosmic(t, s, facade.WithLimiter(limiter))
			other, err := c.For(auth.StaticToken("another-workers-token"))
			if err != nil {
				t.Fatal(err)
			}
			start := time.Now()
			var wg sync.WaitGroup
			wg.Go(func() { _, _ = c.Me(t.Context()) })
			synctest.Wait()
			if _, err := other.Me(t.Context()); err != nil || time.Since(start) < 20*time.Second || time.Since(start) > 23*time.Second {
				t.Errorf("%s: %v after %v", name, err, time.Since(start))
			}
			wg.Wait()
			if s.count() != 3 {
				t.Errorf("%s: %d requests", name, s.count())
			}
		})
	}
}

// A service that responds with 429 to everything, and callers who leave: every call
// ends, in time, and nothing is left.
func TestAFleetOutlivesAServiceThatRefusesEverything(t *testing.T) {
	for name, header := range map[string]map[string]string{"silent": nil, "a second": {"Retry-After": "1"}, "a minute": {"Retry-After": "60"}, "odd": {"Retry-After": "-1e99"}} {
		synctest.Test(t, func(t *testing.T) {
			s := &script{replies: []reply{{status: 429, header: header}}}
			c := newCosmic(t, s, facade.WithScopeCheck(facade.CheckNever))
			leaving, leave := context.WithTimeoutCause(t.Context(), 3*time.Second, errors.New("closing time"))
			defer leave()
			start := time.Now()
			var wg sync.WaitGroup
			for i := range 2000 {
				wg.Go(func() {
					ctx, most := t.Context(), 3*time.Minute
					if i%2 == 0 {
						ctx, most = leaving, 3*time.Second
					}
					_, err := c.Me(ctx)
					left := errors.Is(err, context.DeadlineExceeded) && i%2 == 0
					if took := time.Since(start); took > most || !left && !errors.Is(err, facade.ErrRateLimited) {
						t.Errorf("%s: call %d: %v after %v", name, i, err, took)
					}
				})
			}
			wg.Wait()
			if n := s.count(); n > 2300 { // each once, and the probes
				t.Errorf("%s: %d requests", name, n)
			}
		})
	}
}

// Clients that are not made of one another share a limiter, with what it has
// learned and with its limits.
func TestClientsShareALimiter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		limiter, err := facade.NewLimiter(facade.Limit{Requests: 2, Window: time.Minute})
		if err != nil {
			t.Fatal(err)
		}
		s := &script{replies: []reply{jsonReply(someone)}}
		a, b := newCosmic(t, s, facade.WithLimiter(limiter)), newCosmic(t, s, facade.WithLimiter(limiter))
		start := time.Now()
		for i, c := range []*facade.Cosmic{a, b, a} {
			if _, err := c.Me(t.Context()); err != nil || time.Since(start) != time.Duration(i/2)*time.Minute {
				t.Errorf("call %d: %v after %v", i, err, time.Since(start))
			}
		}
		limiter.Refused(30 * time.Second)
		time.Sleep(time.Minute)
		limiter.Refused(24 * time.Hour)
		for _, c := range []*facade.Cosmic{a, b} {
			if _, err := c.Me(t.Context()); !errors.Is(err, facade.ErrRateLimited) {
				t.Error(err)
			}
		}
	})
	for _, limit := range []facade.Limit{{}, {Requests: -1, Window: time.Second}, {Requests: 1}, {Requests: 1, Window: -1}, {Requests: 1 << 30, Window: time.Second}} {
		if l, err := facade.NewLimiter(limit); l != nil || err == nil {
			t.Errorf("%+v: %v, %v", limit, l, err)
		}
		l, _ := facade.NewLimiter(limit)
		if _, err := facade.NewCosmic(auth.StaticToken("x"), facade.WithLimiter(l)); err != nil {
			t.Errorf("nil keeps no limits: %v", err)
		}
	}
}

// A call that waits for the rate limit is logged, with its wait and its reason:
// call 14,401 of a day waits until the next.
func TestAWaitForTheRateLimitIsLogged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log strings.Builder
		s := &script{replies: []reply{jsonReply(`{"results":[]}`)}}
		limiter, err := facade.NewLimiter(facade.Limit{Requests: 3, Window: 24 * time.Hour})
		if err != nil {
			t.Fatal(err)
		}
		c := newCertn(t, s, logTo(&log), facade.WithLimiter(limiter))
		for range 3 {
			if _, err := c.Users().Collect(t.Context(), 1); err != nil {
				t.Fatal(err)
			}
		}
		if strings.Contains(log.String(), "rate limit") {
			t.Error(log.String())
		}
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		if _, err := c.Users().Collect(ctx, 1); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		if !contains(log.String(), "level=WARN", `msg="waiting for the rate limit"`, "wait=25h0m0s", "operation=listUsers", "3 requests in 24h0m0s") {
			t.Error(log.String())
		}
	})
}

// Credentials that fail use up no limit.
func TestCredentialsThatFailUseUpNoLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sb, err := sandbox.New(sandbox.WithCertnRateLimits())
		if err != nil {
			t.Fatal(err)
		}
		defer sb.Close()
		limiter := &taking{}
		c, err := facade.NewCertn(auth.ClientCredentials("nobody", "wrong"), facade.WithBaseURL(sb.CertnURL()), facade.WithHTTPClient(sb.Client()), facade.WithLimiter(limiter))
		if err != nil {
			t.Fatal(err)
		}
		for range 5 {
			if _, err := c.Users().Collect(t.Context(), 1); err == nil || limiter.waits != 0 {
				t.Errorf("%v; %d turns were taken", err, limiter.waits)
			}
		}
	})
}

// A small response that unpacks to a large one is refused at 1 MiB, and costs
// little more than that.
func TestAResponseThatUnpacksToAnythingIsBounded(t *testing.T) {
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	_, _ = io.WriteString(z, `{"user":{"email":"`)
	blank := strings.Repeat("a", 1<<20)
	for range 8 {
		_, _ = io.WriteString(z, blank)
	}
	_, _ = io.WriteString(z, `"}}`)
	_ = z.Close()
	server := sandboxOf(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Encoding", "gzip")
		_, _ = w.Write(packed.Bytes())
	})
	c, err := facade.NewCosmic(auth.StaticToken("t"), facade.WithBaseURL("https://large.test"), facade.WithHTTPClient(server))
	if err != nil {
		t.Fatal(err)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err = c.Me(t.Context())
	runtime.ReadMemStats(&after)
	if !errors.Is(err, facade.ErrInvalidResponse) || !strings.Contains(err.Error(), "WithMaxResponseBytes") {
		t.Error(err)
	}
	if allocated := after.TotalAlloc - before.TotalAlloc; allocated > 6<<20 {
		t.Errorf("%d KiB were allocated for %d KiB received", allocated>>10, packed.Len()>>10)
	}
	c, err = facade.NewCosmic(auth.StaticToken("t"), facade.WithBaseURL("https://large.test"), facade.WithHTTPClient(server), facade.WithMaxResponseBytes(32<<20))
	if err != nil {
		t.Fatal(err)
	}
	if me, err := c.Me(t.Context()); err != nil || len(me.User.Email) != 8<<20 {
		t.Errorf("with the bound raised: %v", err)
	}
}

// sandboxOf returns a client of a server in memory that responds to everything at
// large.test with h.
func sandboxOf(t *testing.T, h http.HandlerFunc) *http.Client {
	t.Helper()
	sb, err := sandbox.New(sandbox.WithHost("large.test", h))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sb.Close)
	return sb.Client()
}
