package main_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/oauth2"

	"github.com/credkit/credkit-go/facade/auth"
)

// tokenServer responds to token requests from memory.
type tokenServer struct {
	life  time.Duration // what the responses say
	delay time.Duration
	asked atomic.Int64
}

// RoundTrip implements http.RoundTripper.
func (s *tokenServer) RoundTrip(req *http.Request) (*http.Response, error) {
	n := s.asked.Add(1)
	time.Sleep(s.delay)
	body := fmt.Sprintf(`{"access_token":"access-%d","token_type":"bearer","expires_in":%d,"refresh_token":"refresh-%d"}`, n, int(s.life.Seconds()), n)
	return &http.Response{
		StatusCode: http.StatusOK, Status: "200 OK",
		Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader(body)), Request: req,
	}, nil
}

// source returns a source of client credentials.
func (s *tokenServer) source(b *testing.B) auth.Source {
	b.Helper()
	source, err := auth.ClientCredentials("bench", "secret").Source(auth.Endpoint{
		Service: "certn", Origin: "https://sign-in.test", TokenURL: "https://sign-in.test/token", HTTPClient: &http.Client{Transport: s},
	})
	if err != nil {
		b.Fatal(err)
	}
	return source
}

// BenchmarkToken asks for a token that is at hand, from several goroutines at
// once.
func BenchmarkToken(b *testing.B) {
	session, _ := signedIn(b)
	credentials := (&tokenServer{life: time.Hour}).source(b)
	have := &oauth2.Token{AccessToken: "access", Expiry: time.Now().Add(time.Hour)}
	reuse := oauth2.ReuseTokenSource(have, oauth2.StaticTokenSource(have))
	for _, goroutines := range []int{1, 64} {
		for _, c := range []struct {
			name string
			ask  func(context.Context) error
		}{
			{"credkit", func(ctx context.Context) error { _, err := session.Token(ctx); return err }},
			{"credkit-client-credentials", func(ctx context.Context) error { _, err := credentials.Token(ctx); return err }},
			{"x-oauth2", func(context.Context) error { _, err := reuse.Token(); return err }},
		} {
			b.Run(fmt.Sprintf("goroutines=%d/client=%s", goroutines, c.name), func(b *testing.B) {
				b.ReportAllocs()
				ask := func(p *testing.PB) {
					for p == nil && b.Loop() || p != nil && p.Next() {
						if err := c.ask(b.Context()); err != nil {
							b.Error(err)
						}
					}
				}
				if goroutines == 1 {
					ask(nil)
					return
				}
				b.SetParallelism(goroutines / runtime.GOMAXPROCS(0))
				b.RunParallel(ask)
			})
		}
	}
}

// signedIn returns the source of a session with a token for an hour, and the
// session's record as the library saves it.
func signedIn(b *testing.B) (auth.Source, []byte) {
	b.Helper()
	const base = "https://sign-in.test"
	endpoint := auth.Endpoint{Service: "cosmic", Origin: base, AuthorizeURL: base + "/authorize", TokenURL: base + "/token"}
	store, app := auth.NewMemoryStore(), auth.App{ClientID: "bench"}
	sessions, err := auth.NewSessions(store, app)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { sessions.Close(context.Background()) })
	grant, err := auth.NewGrant(endpoint, app, &oauth2.Token{AccessToken: strings.Repeat("a", 1000), RefreshToken: "refresh", Expiry: time.Now().Add(time.Hour)})
	if err != nil {
		b.Fatal(err)
	}
	if err := sessions.SignIn(b.Context(), "worker", grant); err != nil {
		b.Fatal(err)
	}
	source, err := sessions.Key("worker").Source(endpoint)
	if err != nil {
		b.Fatal(err)
	}
	record, err := store.Load(b.Context(), "worker")
	if err != nil {
		b.Fatal(err)
	}
	return source, record
}

// BenchmarkExpiry lets many goroutines use a token over its end, and reports
// how many requests that made and how many goroutines waited for one.
func BenchmarkExpiry(b *testing.B) {
	const (
		goroutines = 10_000
		life       = 8 * time.Second
		until      = life + life/4 // the second token's advisory window is yet to come
	)
	b.Run("client=credkit", func(b *testing.B) {
		server := &tokenServer{life: life}
		source := server.source(b)
		if _, err := source.Token(b.Context()); err != nil {
			b.Fatal(err)
		}
		server.delay = 300 * time.Millisecond // whoever waits for the next token waits this long
		var waited atomic.Int64
		for b.Loop() {
			start := time.Now()
			var all sync.WaitGroup
			for range goroutines {
				all.Go(func() {
					for time.Since(start) < until {
						asked := time.Now()
						if _, err := source.Token(b.Context()); err != nil {
							b.Error(err)
							return
						}
						if time.Since(asked) >= server.delay*3/4 {
							waited.Add(1)
						}
						time.Sleep(300 * time.Millisecond)
					}
				})
			}
			all.Wait()
		}
		b.ReportMetric(float64(server.asked.Load()-1), "requests")
		b.ReportMetric(float64(waited.Load()), "waits")
	})
}
