package transport

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/credkit/credkit-go/api/cosmic"
	"github.com/credkit/credkit-go/api/spec"
)

// answering gives each status in turn, the last one for ever.
func answering(header http.Header, body func() io.ReadCloser, statuses ...int) (client *http.Client, sent *int) {
	sent = new(int)
	return &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
		if err := r.Context().Err(); err != nil {
			return nil, err
		}
		status := statuses[min(*sent, len(statuses)-1)]
		*sent++
		rc := body()
		if s, ok := rc.(*stalling); ok {
			s.ctx = r.Context()
		}
		return &http.Response{StatusCode: status, Header: header.Clone(), Body: rc, Request: r}, nil
	})}, sent
}

// stalling is a body of which a byte comes each time the delay has passed.
type stalling struct {
	ctx   context.Context
	delay time.Duration
}

func (s *stalling) Read(p []byte) (int, error) {
	if err := sleep(s.ctx, s.delay); err != nil {
		return 0, err
	}
	return copy(p, " "), nil
}

func (s *stalling) Close() error { return nil }

func nothing() io.ReadCloser { return http.NoBody }

func read(t *testing.T, base string, id spec.OperationID) *Call {
	t.Helper()
	req, err := http.NewRequest(http.MethodGet, base+"/x", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	return &Call{Operation: operation(t, id), Request: req}
}

// An answer that is not wanted may come as slowly as it likes.
func TestNobodyWaitsLongForAnAnswerThatIsNotWanted(t *testing.T) {
	for name, stream := range map[string]bool{"a list": true, "a call": false} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				client, sent := answering(nil, func() io.ReadCloser { return &stalling{delay: 100 * time.Millisecond} }, 503)
				start := time.Now()
				call := read(t, "https://a.test", cosmic.OpListCertifications)
				call.Stream = stream
				resp, err := chain(t, "https://a.test", client)(t.Context(), call)
				if err != nil || *sent != 4 || time.Since(start) > 6*time.Second {
					t.Fatalf("%v, %d sent in %v", err, *sent, time.Since(start))
				}
				start = time.Now()
				_, err = io.ReadAll(resp.Body)
				var timeout *TimeoutError
				if !errors.As(err, &timeout) || time.Since(start) != DefaultTimeout {
					t.Errorf("the last answer was read for %v: %v", time.Since(start), err)
				}
				_ = resp.Body.Close()
			})
		})
	}
}

func TestNoTimeIsLostOnAContextThatHasEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		limiter := &counting{}
		client, sent := answering(nil, nothing, 200)
		h := New(Config{Origin: "https://a.test", Source: &renewing{token: "t"}, HTTPClient: client, Budget: NewBudget(0), MaxAnswer: 1, Limiter: NewWindows(nil, limiter)})
		why := errors.New("the shop is closed")
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(why)
		call := read(t, "https://a.test", cosmic.OpGetMe)
		_, err := h(ctx, call)
		if !errors.Is(err, context.Canceled) || !errors.Is(err, why) || *sent != 0 || limiter.n != 0 || call.Attempts != 0 {
			t.Errorf("%v; %d sent, %d through the limiter, %d attempts", err, *sent, limiter.n, call.Attempts)
		}
	})
}

// Wherever a call waits, it ends with its context and no later.
func TestEveryWaitEndsWithItsContext(t *testing.T) {
	for name, test := range map[string]struct {
		client func() (*http.Client, *int)
		usedUp bool // whether the limit is
	}{
		"for its turn":   {func() (*http.Client, *int) { return answering(nil, nothing, 200) }, true},
		"to try again":   {func() (*http.Client, *int) { return answering(http.Header{"Retry-After": {"30"}}, nothing, 429) }, false},
		"for the answer": {func() (*http.Client, *int) { return hanging(), new(int) }, false},
		"for the body": {func() (*http.Client, *int) {
			return answering(nil, func() io.ReadCloser { return &stalling{delay: time.Hour} }, 200)
		}, false},
		"for a body unasked": {func() (*http.Client, *int) {
			return answering(nil, func() io.ReadCloser { return &stalling{delay: 7 * time.Second} }, 503)
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				limiter := NewWindows([]spec.RateLimit{{Requests: 1, Window: time.Hour}}, nil)
				if test.usedUp {
					_ = limiter.Wait(t.Context())
				}
				client, _ := test.client()
				h := New(Config{Origin: "https://a.test", Source: &renewing{token: "t"}, HTTPClient: client, Budget: NewBudget(0), MaxAnswer: 1 << 10, Limiter: limiter})
				ctx, cancel := context.WithCancel(t.Context())
				start := time.Now()
				const when = 777 * time.Millisecond
				time.AfterFunc(when, cancel)
				_, err := h(ctx, read(t, "https://a.test", cosmic.OpGetMe))
				if !errors.Is(err, context.Canceled) || time.Since(start) != when {
					t.Errorf("after %v: %v", time.Since(start), err)
				}
			})
		})
	}
}

func hanging() *http.Client {
	return &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
		<-r.Context().Done()
		return nil, r.Context().Err()
	})}
}

// All who were told the same Retry-After do not come back in the same moment,
// and none before it.
func TestThoseWhoAreToldToWaitComeBackSpread(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		at := map[time.Duration]int{}
		for range 100 {
			client, _ := answering(http.Header{"Retry-After": {"20"}}, nothing, 429, 200)
			start := time.Now()
			resp, err := chain(t, "https://a.test", client)(t.Context(), read(t, "https://a.test", cosmic.OpGetMe))
			if err != nil || resp.StatusCode != 200 || time.Since(start) < 20*time.Second || time.Since(start) > 21*time.Second {
				t.Fatalf("%v after %v", err, time.Since(start))
			}
			at[time.Since(start).Round(10*time.Millisecond)]++
		}
		if len(at) < 10 {
			t.Errorf("they came back at %v", at)
		}
	})
}

func TestTheFirstWaitKeepsTheLongestDelay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, _ := answering(nil, nothing, 503, 200)
		h := New(Config{Origin: "https://a.test", Source: &renewing{token: "t"}, HTTPClient: client, Budget: NewBudget(0), MaxAnswer: 1,
			Retry: RetryPolicy{FirstDelay: time.Hour, MaxDelay: time.Second}})
		start := time.Now()
		if _, err := h(t.Context(), read(t, "https://a.test", cosmic.OpGetMe)); err != nil || time.Since(start) > 2*time.Second {
			t.Errorf("%v after %v", err, time.Since(start))
		}
	})
}

// What an error quotes of others' texts holds no secret and is short.
func TestANetworkErrorQuotesNoSecret(t *testing.T) {
	for _, text := range []string{
		`failed to parse Location header "https://evil.test/%zz?access_token=hunter2hunter2"`,
		`invalid proxy address "http://user:hunter2hunter2@proxy:3128"`,
		"Authorization: Bearer hunter2hunter2\r\nforged: line",
		strings.Repeat("very long ", 1<<16),
	} {
		client := &http.Client{Transport: roundTrip(func(*http.Request) (*http.Response, error) { return nil, errors.New(text) })}
		_, err := chain(t, "https://a.test", client)(t.Context(), create(t, "https://a.test"))
		if err == nil || strings.Contains(err.Error(), "hunter2") || strings.ContainsAny(err.Error(), "\r\n") || len(err.Error()) > 300 {
			t.Errorf("%.400q", err)
		}
	}
}

// A body of which there is always more, from a transport that minds no
// context, ends with its caller's context all the same.
func TestABodyEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	client, _ := answering(nil, func() io.ReadCloser { return io.NopCloser(endless{}) }, 200)
	call := read(t, "https://a.test", cosmic.OpListCertifications)
	call.Stream = true
	resp, err := chain(t, "https://a.test", client)(ctx, call)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := resp.Body.Read(make([]byte, 8)); err != nil {
		t.Error(err)
	}
	cancel()
	if n, err := resp.Body.Read(make([]byte, 8)); n != 0 || !errors.Is(err, context.Canceled) {
		t.Errorf("%d bytes, %v", n, err)
	}
}

type endless struct{}

func (endless) Read(p []byte) (int, error) { return copy(p, " "), nil }
