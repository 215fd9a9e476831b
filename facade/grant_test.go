package facade_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/credkit/credkit-go/facade"
	"github.com/credkit/credkit-go/facade/auth"
	"github.com/credkit/credkit-go/facade/internal/safehttp"
)

// A hundred callers that meet a /v1/me that fails ask it once and not a
// hundred times.
func TestAGrantThatFailsIsAskedForOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &granted{}
		c, _ := withGrant(t, g)
		listAtOnce(t, c)
		if g.asked != 1 || g.listed != 100 {
			t.Errorf("asked %d times for %d lists", g.asked, g.listed)
		}
	})
}

// changing is a service whose page n is responded to with statuses[n].
type changing struct {
	granted
	pages    int
	statuses []int
	tokens   []string
	rotate   func()
}

func (s *changing) RoundTrip(r *http.Request) (*http.Response, error) {
	if strings.HasSuffix(r.URL.Path, "/v1/me") {
		return s.granted.RoundTrip(r)
	}
	status := s.statuses[s.pages]
	s.pages++
	s.tokens = append(s.tokens, strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "))
	if s.rotate != nil {
		s.rotate()
	}
	next := ""
	if s.pages < len(s.statuses) {
		next = `,"page":{"next_cursor":"` + strings.Repeat("x", s.pages) + `"}`
	}
	return respond(r, reply{status: status, body: `{"data":[` + certs(uuid1) + `]` + next + `}`}), nil
}

func TestA403InTheMiddleOfAListIsAScopeErrorAfterItsElements(t *testing.T) {
	s := &changing{statuses: []int{200, 403, 200}}
	s.scopes = map[string]string{"one": `{"scopes":["certification_records:read"]}`}
	c, err := facade.NewCosmic(&rotating{token: "one"}, facade.WithHTTPClient(&http.Client{Transport: s}))
	if err != nil {
		t.Fatal(err)
	}
	items, _, err := drain(t.Context(), c.Certifications())
	var scope *facade.ScopeError
	if len(items) != 1 || !errors.As(err, &scope) || !scope.Refused {
		t.Errorf("%d elements, %v", len(items), err)
	}
	if _, err := c.Scopes(t.Context()); err != nil || s.asked != 2 {
		t.Errorf("the grant was not forgotten: %v, asked %d times", err, s.asked)
	}
}

func TestEachPageCarriesTheTokenOfItsMoment(t *testing.T) {
	source := &rotating{token: "one"}
	s := &changing{statuses: []int{200, 200, 200}}
	s.rotate = func() { source.set(strings.Repeat("next", s.pages)) }
	c, err := facade.NewCosmic(source, unchecked, facade.WithHTTPClient(&http.Client{Transport: s}))
	if err != nil {
		t.Fatal(err)
	}
	if items, err := c.Certifications().Collect(t.Context(), 9); err != nil || len(items) != 3 {
		t.Error(len(items), err)
	}
	if got := strings.Join(s.tokens, " "); got != "one next nextnext" {
		t.Error(got)
	}
}

// The grant is that of the token which was sent, also if it was renewed on
// the way.
func TestTheGrantIsThatOfTheTokenThatWasSent(t *testing.T) {
	g := &granted{scopes: map[string]string{"one": `{"scopes":["organizations:read"]}`}}
	source := &rotating{token: "one"}
	c, err := facade.NewCosmic(source, facade.WithHTTPClient(&http.Client{Transport: safehttp.RoundTripFunc(func(r *http.Request) (*http.Response, error) {
		resp, err := g.RoundTrip(r)
		source.set("two") // while the response is under way
		return resp, err
	})}))
	if err != nil {
		t.Fatal(err)
	}
	if scopes, err := c.Scopes(t.Context()); err != nil || len(scopes) != 1 {
		t.Error(scopes, err)
	}
	g.scopes["two"] = `{"scopes":["certification_records:read"]}`
	if err := list(t.Context(), c); err != nil || g.asked != 2 {
		t.Errorf("the grant of an older token refused a call: %v, asked %d times", err, g.asked)
	}
}

// Calls, grants that come and go, and tokens that change, all at once: for the
// race detector.
func TestGrantsComeAndGoAtOnce(t *testing.T) {
	g := &granted{scopes: map[string]string{"one": `{"scopes":["certification_records:read"]}`, "two": `{"scopes":["certification_records:read","organizations:read"]}`}}
	var calls atomic.Int64
	source := &rotating{token: "one"}
	c, err := facade.NewCosmic(source, facade.WithHTTPClient(&http.Client{Transport: safehttp.RoundTripFunc(func(r *http.Request) (*http.Response, error) {
		if n := calls.Add(1); n%5 == 0 && !strings.HasSuffix(r.URL.Path, "/v1/me") {
			return respond(r, reply{status: 403}), nil
		}
		return g.RoundTrip(r)
	})}))
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			for range 20 {
				source.set([]string{"one", "two"}[i%2])
				if err := list(t.Context(), c); err != nil && !errors.Is(err, facade.ErrForbidden) {
					t.Error(err)
				}
				if _, err := c.Scopes(t.Context()); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
}

func TestAnErrorMatchesItsCauses(t *testing.T) {
	why := errors.New("closing time")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(why)
	everyReader(t, func(t *testing.T, opts ...facade.Option) {
		_, _, err := drain(ctx, newCosmic(t, &script{replies: []reply{jsonReply(someone)}}, opts...).Certifications())
		if !errors.Is(err, context.Canceled) || !errors.Is(err, why) {
			t.Errorf("a context's cause: %v", err)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		hang := safehttp.RoundTripFunc(func(r *http.Request) (*http.Response, error) { <-r.Context().Done(); return nil, r.Context().Err() })
		c, err := facade.NewCosmic(auth.StaticToken("x"), facade.WithHTTPClient(&http.Client{Transport: hang}))
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		_, err = c.Me(ctx)
		var e *facade.Error
		if !errors.Is(err, context.DeadlineExceeded) || !errors.As(err, &e) || e.Attempts != 1 || time.Since(start) != time.Second {
			t.Errorf("%v after %v", err, time.Since(start))
		}
		_ = list(ctx, c)
		var timeout interface{ Timeout() bool }
		_, err = c.Me(t.Context())
		if !errors.As(err, &timeout) || !timeout.Timeout() || errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a server's silence: %v", err)
		}
	})
}

// A session without a sign-in takes no request to find that out, so its scopes
// are asked for as soon as somebody has signed in.
func TestScopesAreCheckedAfterASignInAtOnce(t *testing.T) {
	source := &rotating{}
	s := &script{me: `{"scopes":["job_roles:read"]}`, replies: []reply{jsonReply(`{"data":[]}`)}}
	c := newCosmicFor(t, s, source)
	if _, err := c.Certifications().Collect(t.Context(), 1); !errors.Is(err, facade.ErrUnauthorized) {
		t.Fatal(err)
	}
	source.set("one")
	var scope *facade.ScopeError
	if _, err := c.Certifications().Collect(t.Context(), 1); !errors.As(err, &scope) || scope.Refused || s.count() != 0 {
		t.Errorf("%v after %d requests", err, s.count())
	}
}
