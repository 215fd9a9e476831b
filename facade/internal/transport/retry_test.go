package transport

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/credkit/credkit-go/api/cosmic"
	"github.com/credkit/credkit-go/api/spec"
	"github.com/credkit/credkit-go/facade/internal/safehttp"
)

// responding gives each status in turn, the last one for ever.
func responding(header http.Header, body func() io.ReadCloser, statuses ...int) (client *http.Client, sent *int) {
	sent = new(int)
	return &http.Client{Transport: safehttp.RoundTripFunc(func(r *http.Request) (*http.Response, error) {
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

// A response that is not wanted may come as slowly as it likes.
func TestNobodyWaitsLongForAResponseThatIsNotWanted(t *testing.T) {
	for name, stream := range map[string]bool{"a list": true, "a call": false} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				client, sent := responding(nil, func() io.ReadCloser { return &stalling{delay: 100 * time.Millisecond} }, 503)
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
					t.Errorf("the last response was read for %v: %v", time.Since(start), err)
				}
				_ = resp.Body.Close()
			})
		})
	}
}

func TestNoTimeIsLostOnAContextThatHasEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		limiter := &counting{}
		client, sent := responding(nil, nothing, 200)
		h := New(Config{Origin: "https://a.test", Source: &renewing{token: "t"}, HTTPClient: client, Budget: NewBudget(0), MaxResponseBytes: 1, Limiter: NewRateLimiter(nil, limiter)})
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
		"for its turn":     {func() (*http.Client, *int) { return responding(nil, nothing, 200) }, true},
		"to try again":     {func() (*http.Client, *int) { return responding(http.Header{"Retry-After": {"30"}}, nothing, 429) }, false},
		"for the response": {func() (*http.Client, *int) { return hanging(), new(int) }, false},
		"for the body": {func() (*http.Client, *int) {
			return responding(nil, func() io.ReadCloser { return &stalling{delay: time.Hour} }, 200)
		}, false},
		"for a body unasked": {func() (*http.Client, *int) {
			return responding(nil, func() io.ReadCloser { return &stalling{delay: 7 * time.Second} }, 503)
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				limiter := NewRateLimiter([]spec.RateLimit{{Requests: 1, Window: time.Hour}}, nil)
				if test.usedUp {
					_ = limiter.Wait(t.Context())
				}
				client, _ := test.client()
				h := New(Config{Origin: "https://a.test", Source: &renewing{token: "t"}, HTTPClient: client, Budget: NewBudget(0), MaxResponseBytes: 1 << 10, Limiter: limiter})
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
	return &http.Client{Transport: safehttp.RoundTripFunc(func(r *http.Request) (*http.Response, error) {
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
			client, _ := responding(http.Header{"Retry-After": {"20"}}, nothing, 429, 200)
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
		client, _ := responding(nil, nothing, 503, 200)
		h := New(Config{Origin: "https://a.test", Source: &renewing{token: "t"}, HTTPClient: client, Budget: NewBudget(0), MaxResponseBytes: 1,
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
		client := &http.Client{Transport: safehttp.RoundTripFunc(func(*http.Request) (*http.Response, error) { return nil, errors.New(text) })}
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
	client, _ := responding(nil, func() io.ReadCloser { return io.NopCloser(endless{}) }, 200)
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

// What will fail in the same way each time is tried once.
func TestAConnectionThatCannotBeTrustedIsTriedOnce(t *testing.T) {
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	defer server.Close()
	plain := httptest.NewServer(http.NotFoundHandler())
	defer plain.Close()
	trusting := x509.NewCertPool()
	trusting.AddCert(server.Certificate())
	proxy := func(*http.Request) (*url.URL, error) { return url.Parse("http://proxy.test:3128") }
	for name, test := range map[string]struct {
		origin    string
		transport *http.Transport
		address   string // that is dialled, whatever was to be; empty for a proxy that responds with 407
	}{
		"an authority that nobody knows":  {"https://example.com", &http.Transport{}, server.Listener.Addr().String()},
		"the certificate of another host": {"https://other.test", &http.Transport{TLSClientConfig: &tls.Config{RootCAs: trusting}}, server.Listener.Addr().String()},
		"a certificate that has expired":  {"https://example.com", &http.Transport{TLSClientConfig: &tls.Config{RootCAs: trusting, Time: func() time.Time { return time.Date(2999, 1, 1, 0, 0, 0, 0, time.UTC) }}}, server.Listener.Addr().String()},
		"no TLS":                          {"https://example.com", &http.Transport{}, plain.Listener.Addr().String()},
		"a proxy that wants credentials":  {"https://example.com", &http.Transport{Proxy: proxy}, ""},
		"a proxy of http that wants them": {"http://example.com", &http.Transport{Proxy: proxy}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			var dials atomic.Int32
			test.transport.DialContext = func(ctx context.Context, network, _ string) (net.Conn, error) {
				dials.Add(1)
				if test.address != "" {
					return new(net.Dialer).DialContext(ctx, network, test.address)
				}
				near, far := net.Pipe()
				go func() {
					defer func() { _ = far.Close() }()
					if _, err := http.ReadRequest(bufio.NewReader(far)); err == nil {
						_, _ = io.WriteString(far, "HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic\r\nContent-Length: 0\r\n\r\n")
					}
				}()
				return near, nil
			}
			defer test.transport.CloseIdleConnections()
			call := read(t, test.origin, cosmic.OpGetMe)
			resp, err := chain(t, test.origin, &http.Client{Transport: test.transport})(t.Context(), call)
			if resp != nil {
				discard(resp)
			}
			if resp != nil && resp.StatusCode != http.StatusProxyAuthRequired || resp == nil && err == nil || call.Attempts != 1 || dials.Load() != 1 {
				t.Errorf("%v, %v; %d attempts, %d connections", resp, err, call.Attempts, dials.Load())
			}
		})
	}
}

// A retry costs one, a success earns a tenth, up to the size; what is no
// success earns nothing, and a 429 costs nothing.
func TestTheBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for name, test := range map[string]struct {
			size     int
			statuses []int
			calls    int
			left     float64
		}{
			"full stays full":          {2, []int{200}, 30, 2},
			"the default":              {0, []int{200}, 1, 50},
			"a retry":                  {2, []int{503, 404}, 1, 1},
			"a success earns":          {2, []int{503, 200}, 1, 1.1},
			"up to the size":           {2, []int{503, 503, 200}, 30, 2},
			"not found earns nothing":  {2, []int{503, 404}, 30, 1},
			"forbidden earns nothing":  {2, []int{503, 403}, 30, 1},
			"a redirect earns nothing": {2, []int{503, 302}, 30, 1},
			"used up":                  {2, []int{503, 503, 503, 404}, 1, 0},
			"a 429 costs nothing":      {2, []int{429, 429, 429, 429, 429, 404}, 1, 2},
		} {
			client, sent := responding(nil, nothing, test.statuses...)
			budget := NewBudget(test.size)
			h := New(Config{Origin: "https://a.test", Source: &renewing{token: "t"}, HTTPClient: client, Budget: budget, MaxResponseBytes: 1 << 10})
			for range test.calls {
				if _, err := h(t.Context(), read(t, "https://a.test", cosmic.OpGetMe)); err != nil {
					t.Errorf("%s: %v", name, err)
				}
			}
			if math.Abs(budget.left-test.left) > 1e-6 {
				t.Errorf("%s: %v is left after %d requests, want %v", name, budget.left, *sent, test.left)
			}
		}
	})
}

// A call that is refused again and again while others are not has a limit of
// its own: it ends, in time.
func TestACallThatAloneIsRefusedEnds(t *testing.T) {
	for after, want := range map[string][2]int{"5": {manyRefusals, manyRefusals}, "1": {40, 62}} {
		synctest.Test(t, func(t *testing.T) {
			limiter := NewRateLimiter(nil, nil)
			client, sent := responding(http.Header{"Retry-After": {after}}, nothing, 429)
			budget := NewBudget(0)
			h := New(Config{Origin: "https://a.test", Source: &renewing{token: "t"}, HTTPClient: client, Budget: budget, MaxResponseBytes: 1 << 10, Limiter: limiter})
			done := make(chan struct{})
			go func() { // others of the same client
				for {
					select {
					case <-done:
						return
					case <-time.After(time.Second):
						limiter.accepted()
					}
				}
			}()
			start := time.Now()
			call := read(t, "https://a.test", cosmic.OpGetMe)
			resp, err := h(t.Context(), call)
			close(done)
			if err != nil || resp.StatusCode != 429 || *sent < want[0] || *sent > want[1] || call.GaveUp == "" || budget.left != 50 || time.Since(start) > 5*time.Minute {
				t.Errorf("%v, %v after %d requests in %v: %s", resp, err, *sent, time.Since(start), call.GaveUp)
			}
		})
	}
}

// A context that ends while a body is read is nobody's fault: the call is not
// taken for one that could be sent again.
func TestAContextThatEndsDuringABodyIsNoNetworkError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, sent := responding(nil, func() io.ReadCloser { return &stalling{delay: time.Hour} }, 200)
		budget := NewBudget(0)
		h := New(Config{Origin: "https://a.test", Source: &renewing{token: "t"}, HTTPClient: client, Budget: budget, MaxResponseBytes: 1 << 10})
		for _, end := range []func(context.Context) (context.Context, context.CancelFunc){
			func(ctx context.Context) (context.Context, context.CancelFunc) {
				return context.WithTimeout(ctx, time.Second)
			},
			func(ctx context.Context) (context.Context, context.CancelFunc) {
				ctx, cancel := context.WithCancel(ctx)
				time.AfterFunc(time.Second, cancel)
				return ctx, cancel
			},
		} {
			*sent = 0
			ctx, cancel := end(t.Context())
			call := read(t, "https://a.test", cosmic.OpGetMe)
			_, err := h(ctx, call)
			var network *NetworkError
			if err == nil || errors.As(err, &network) || !errors.Is(err, ctx.Err()) || call.GaveUp != "" || *sent != 1 || budget.left != 50 {
				t.Errorf("%v; %q, %d sent, budget %v", err, call.GaveUp, *sent, budget.left)
			}
			cancel()
		}
	})
}
