package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
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

func (s *tokenServer) endpoint() auth.Endpoint {
	const base = "https://sign-in.test"
	return auth.Endpoint{
		Service: "cosmic", Origin: base, AuthorizeURL: base + "/authorize", TokenURL: base + "/token",
		HTTPClient: &http.Client{Transport: s},
	}
}

// tokens asks for a token that is at hand, from several goroutines at once.
func tokens(ctx context.Context, turns int) ([]line, error) {
	endpoint := (&tokenServer{life: time.Hour}).endpoint()
	app := auth.App{ClientID: "bench"}
	workers, err := auth.NewSessions(auth.NewMemoryStore(), app)
	if err != nil {
		return nil, err
	}
	defer workers.Close(ctx) //nolint:errcheck // a memory store has nothing to save
	have := &oauth2.Token{AccessToken: "access", RefreshToken: "refresh", TokenType: "bearer", Expiry: time.Now().Add(time.Hour)}
	grant, err := auth.NewGrant(endpoint, app, have)
	if err != nil {
		return nil, err
	}
	if err := workers.SignIn(ctx, "worker", grant); err != nil {
		return nil, err
	}
	session, err := workers.Key("worker").Source(endpoint)
	if err != nil {
		return nil, err
	}
	endpoint.AuthorizeURL = "" // of a service that has client credentials
	credentials, err := auth.ClientCredentials("bench", "secret").Source(endpoint)
	if err != nil {
		return nil, err
	}
	reuse := oauth2.ReuseTokenSource(have, oauth2.StaticTokenSource(have))

	contestants := []struct {
		name string
		ask  func() error
	}{
		{"a session", func() error { _, err := session.Token(ctx); return err }},
		{"client credentials", func() error { _, err := credentials.Token(ctx); return err }},
		{"oauth2.ReuseTokenSource", func() error { _, err := reuse.Token(); return err }},
	}
	var lines []line
	for _, goroutines := range []int{1, 2, 64} {
		const calls = 1 << 20
		var all []contestant
		for _, c := range contestants {
			all = append(all, contestant{c.name, func() error { return together(goroutines, calls/goroutines, c.ask) }})
		}
		costs, err := measure(turns, all...)
		if err != nil {
			return nil, err
		}
		last := costs[len(costs)-1]
		for i, c := range costs[:len(costs)-1] {
			most := map[int]float64{1: 0.6, 64: 0.35}[goroutines]
			l := line{
				what:   fmt.Sprintf("a token at hand, goroutines: %d, of %s", goroutines, contestants[i].name),
				ours:   perCall(c, calls),
				peer:   "`oauth2.ReuseTokenSource`",
				theirs: perCall(last, calls),
				ratio:  fmt.Sprintf("%.2f × its time", ratio(c.time, last.time)),
			}
			if most > 0 {
				l.reach = fmt.Sprintf("≤ %.2f ×, 0 allocations", most)
				l.reached = ratio(c.time, last.time) <= most && c.allocs/calls == 0
			}
			lines = append(lines, l)
		}
	}
	return lines, nil
}

// perCall is what one of so many calls took. The goroutines' own allocations
// are far fewer than the calls.
func perCall(c cost, calls uint64) string {
	return fmt.Sprintf("%.1f ns, %d allocations", float64(c.time)/float64(calls), c.allocs/calls)
}

// together calls f so many times in each of several goroutines.
func together(goroutines, calls int, f func() error) error {
	if goroutines == 1 {
		return repeat(calls, f)
	}
	errs := make(chan error, goroutines)
	var all sync.WaitGroup
	for range goroutines {
		all.Go(func() {
			if err := repeat(calls, f); err != nil {
				errs <- err
			}
		})
	}
	all.Wait()
	select {
	case err := <-errs:
		return err
	default:
		return nil
	}
}

func repeat(calls int, f func() error) error {
	for range calls {
		if err := f(); err != nil {
			return err
		}
	}
	return nil
}
