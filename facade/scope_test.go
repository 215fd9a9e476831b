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

	"github.com/google/go-cmp/cmp"

	"github.com/credkit/credkit-go/facade"
	"github.com/credkit/credkit-go/facade/auth"
	"github.com/credkit/credkit-go/facade/internal/safehttp"
)

// granted serves /v1/me with the scopes of the token it is asked with.
type granted struct {
	mu     sync.Mutex
	scopes map[string]string // by token: the JSON of the response; empty fails
	asked  int
	listed int
	status int // of the list
}

func (g *granted) RoundTrip(r *http.Request) (*http.Response, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if strings.HasSuffix(r.URL.Path, "/v1/me") {
		g.asked++
		body := g.scopes[strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")]
		if body == "" {
			return respond(r, reply{status: 400}), nil
		}
		return respond(r, jsonReply(body)), nil
	}
	g.listed++
	return respond(r, reply{status: g.status, body: `{"data":[` + certs(uuid1) + `]}`}), nil
}

// rotating is a source whose token a test changes.
type rotating struct {
	mu    sync.Mutex
	token string
}

func (r *rotating) Source(auth.Endpoint) (auth.Source, error) { return r, nil }

func (r *rotating) Token(context.Context) (auth.Token, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.token == "" { // nobody is signed in
		return auth.Token{}, &auth.ReauthError{Key: "worker-42"}
	}
	return auth.NewToken(r.token, time.Time{}), nil
}

func (r *rotating) set(token string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.token = token
}

func withGrant(t *testing.T, g *granted, opts ...facade.Option) (*facade.Cosmic, *rotating) {
	t.Helper()
	source := &rotating{token: "one"}
	c, err := facade.NewCosmic(source, append(opts, facade.WithHTTPClient(&http.Client{Transport: g}))...)
	if err != nil {
		t.Fatal(err)
	}
	return c, source
}

func list(ctx context.Context, c *facade.Cosmic) error {
	_, err := c.Certifications().Collect(ctx, 10)
	return err
}

// listAtOnce lists from a hundred goroutines; none may fail.
func listAtOnce(t *testing.T, c *facade.Cosmic) {
	t.Helper()
	var wg sync.WaitGroup
	for range 100 {
		wg.Go(func() {
			if err := list(t.Context(), c); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

func TestAMissingScopeIsToldBeforeTheCall(t *testing.T) {
	g := &granted{scopes: map[string]string{
		"one": `{"scopes":["organizations:read","job-roles:read"],"user":{"email":"a"}}`,
		"two": `{"scopes":["certifications:read"]}`, // an older name
	}}
	c, source := withGrant(t, g)
	err := list(t.Context(), c)
	var scope *facade.ScopeError
	if !errors.As(err, &scope) || !errors.Is(err, facade.ErrForbidden) || g.listed != 0 {
		t.Fatal(err, g.listed)
	}
	want := &facade.ScopeError{Operation: facade.ListCertifications, Need: []string{"certification_records:read"}, Have: []string{"job_roles:read", "organizations:read"}, Missing: []string{"certification_records:read"}}
	if diff := cmp.Diff(want, scope); diff != "" {
		t.Error(diff)
	}
	_ = list(t.Context(), c)
	if g.asked != 1 {
		t.Errorf("asked %d times for the grant of one token", g.asked)
	}
	source.set("two") // the session was renewed, with another grant
	if err := list(t.Context(), c); err != nil || g.asked != 2 || g.listed != 1 {
		t.Error(err, g.asked, g.listed)
	}
	source.set("one") // a remembered grant may let a call through
	if err := list(t.Context(), c); err != nil || g.asked != 2 || g.listed != 2 {
		t.Error(err, g.asked, g.listed)
	}
}

func TestTheServerDecidesWhereTheGrantSaysNothing(t *testing.T) {
	for name, body := range map[string]string{
		"a first-party session": `{"user":{"email":"a"},"scopes":[]}`, "scopes are null": `{"user":{"email":"a"},"scopes":null}`,
		"the older form": `{"organizations":[]}`, "no response": "",
	} {
		g := &granted{scopes: map[string]string{"one": body}}
		c, _ := withGrant(t, g)
		if err := list(t.Context(), c); err != nil || g.listed != 1 {
			t.Errorf("%s: %v", name, err)
		}
	}
	g := &granted{}
	c, _ := withGrant(t, g, facade.WithScopeCheck(facade.CheckNever))
	if err := list(t.Context(), c); err != nil || g.asked != 0 {
		t.Errorf("never checked: %v, asked %d times", err, g.asked)
	}
}

func TestAGrantThatCannotBeHadHoldsNobodyUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &granted{scopes: map[string]string{"one": `{"scopes":["certification_records:read"],"user":{"email":"a"}}`}}
		var down atomic.Bool
		down.Store(true)
		transport := safehttp.RoundTripFunc(func(r *http.Request) (*http.Response, error) {
			if down.Load() && strings.HasSuffix(r.URL.Path, "/v1/me") {
				<-r.Context().Done()
				return nil, r.Context().Err()
			}
			return g.RoundTrip(r)
		})
		c, _ := withGrant(t, g, facade.WithMiddleware(func(http.RoundTripper) http.RoundTripper { return transport }))
		start := time.Now()
		listAtOnce(t, c)
		if took := time.Since(start); took != 10*time.Second || g.listed != 100 {
			t.Errorf("%d lists took %v", g.listed, took)
		}
		if err := list(t.Context(), c); err != nil || time.Since(start) != 10*time.Second {
			t.Errorf("the next one, after %v: %v", time.Since(start), err)
		}
		down.Store(false)
		time.Sleep(time.Minute)
		if err := list(t.Context(), c); err != nil || g.asked != 1 {
			t.Errorf("asked %d times: %v", g.asked, err)
		}
	})
}

func TestA403IsAScopeErrorToldApartAndForgetsTheGrant(t *testing.T) {
	g := &granted{status: 403, scopes: map[string]string{"one": `{"scopes":["certification_records:read"],"user":{"email":"a"}}`}}
	c, _ := withGrant(t, g)
	err := list(t.Context(), c)
	var scope *facade.ScopeError
	var apiErr *facade.Error
	if !errors.As(err, &scope) || !scope.Refused || scope.Missing != nil || !errors.As(err, &apiErr) || apiErr.Status != 403 || !errors.Is(err, facade.ErrForbidden) {
		t.Fatalf("%#v", err)
	}
	if !strings.Contains(err.Error(), "membership") {
		t.Error(err)
	}
	g.status = 200
	if err := list(t.Context(), c); err != nil || g.asked != 2 {
		t.Errorf("the grant was not forgotten: %v, asked %d times", err, g.asked)
	}
}

// The scopes that a token before had say nothing of the one that was refused.
func TestA403OfATokenWhoseGrantIsNotKnownNamesNoScopes(t *testing.T) {
	g := &granted{scopes: map[string]string{"one": `{"scopes":["certification_records:read"],"user":{"email":"a"}}`}}
	c, source := withGrant(t, g)
	if err := list(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	source.set("two") // the scope was taken from the app
	g.status = 403
	var scope *facade.ScopeError
	if err := list(t.Context(), c); !errors.As(err, &scope) || !scope.Refused || scope.Have != nil || scope.Missing != nil {
		t.Errorf("%#v", err)
	}
}

func TestRequireChecksAWholeProgram(t *testing.T) {
	g := &granted{scopes: map[string]string{"one": `{"scopes":["certification_records:read"],"user":{"email":"a"}}`}}
	c, _ := withGrant(t, g)
	if err := c.Require(t.Context(), facade.GetMe, facade.ListCertifications); err != nil {
		t.Error(err)
	}
	var scope *facade.ScopeError
	if err := c.Require(t.Context(), facade.ListCertifications, facade.CreateCertification); !errors.As(err, &scope) || scope.Operation != facade.CreateCertification {
		t.Error(err)
	}
	if err := c.Require(t.Context(), "listUnicorns"); !errors.Is(err, facade.ErrInvalid) || !strings.Contains(err.Error(), "createCertification") {
		t.Error(err)
	}
	g.scopes = nil
	other, _ := withGrant(t, g)
	if err := other.Require(t.Context(), facade.ListCertifications); err == nil {
		t.Error("a grant that cannot be had passed")
	}
}

func TestOneFetchOfTheGrantServesAll(t *testing.T) {
	g := &granted{scopes: map[string]string{"one": `{"scopes":["certification_records:read"],"user":{"email":"a"}}`}}
	c, _ := withGrant(t, g)
	listAtOnce(t, c)
	if g.asked != 1 {
		t.Errorf("asked %d times", g.asked)
	}
	scopes, err := c.Scopes(t.Context())
	if err != nil || !cmp.Equal(scopes, []string{"certification_records:read"}) {
		t.Error(scopes, err)
	}
}

func TestForHasAGrantOfItsOwn(t *testing.T) {
	g := &granted{scopes: map[string]string{
		"one": `{"scopes":["certification_records:read"],"user":{"email":"a"}}`, "two": `{"scopes":["organizations:read"],"user":{"email":"b"}}`,
	}}
	c, _ := withGrant(t, g)
	other, err := c.For(&rotating{token: "two"})
	if err != nil {
		t.Fatal(err)
	}
	if err := list(t.Context(), c); err != nil {
		t.Error(err)
	}
	if err := list(t.Context(), other); !errors.Is(err, facade.ErrForbidden) {
		t.Error(err)
	}
}
