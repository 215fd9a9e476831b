package facade_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/credkit/credkit-go/facade"
	"github.com/credkit/credkit-go/facade/auth"
	"github.com/credkit/credkit-go/facade/internal/safehttp"
)

// events keeps what an observer is called with, on a line each.
type events struct {
	mu    sync.Mutex
	lines []string
	all   []facade.CallEvent
}

func (o *events) observe(_ context.Context, e facade.CallEvent) {
	o.mu.Lock()
	defer o.mu.Unlock()
	failed := ""
	if e.Err != nil {
		failed = " failed"
	}
	o.all = append(o.all, e)
	o.lines = append(o.lines, fmt.Sprintf("%s %s %q %d: %d%s", e.Service, e.Operation, e.SessionKey, e.Attempt, e.Status, failed))
}

func TestAnObserverSeesEachRequestOfACall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &events{}
		s := &script{replies: []reply{{status: 503}, {err: errors.New("reset by peer, Bearer access-token-of-worker-1")}, jsonReply(`{"data":[` + certs(uuid1) + `],"page":{"next_cursor":"2"}}`), {status: 404}}}
		c := newCosmicFor(t, s, keyed{"worker-1"}, unchecked, facade.WithObserver(o.observe))
		_, _, err := drain(t.Context(), c.Certifications())
		if !errors.Is(err, facade.ErrNotFound) {
			t.Fatal(err)
		}
		want := []string{
			`cosmic listCertifications "worker-1" 1: 503`, `cosmic listCertifications "worker-1" 2: 0 failed`,
			`cosmic listCertifications "worker-1" 3: 200`, `cosmic listCertifications "worker-1" 1: 404`,
		}
		if d := cmp.Diff(want, o.lines); d != "" {
			t.Error(d)
		}
		for _, e := range o.all {
			if strings.Contains(fmt.Sprintf("%+v", e), "access-token") {
				t.Errorf("an event has the token: %+v", e)
			}
		}
	})
}

func TestAnObserverSeesACallThatMakesNoRequest(t *testing.T) {
	o := &events{}
	s := &script{me: `{"scopes":["other:read"]}`, replies: []reply{jsonReply(`{}`)}}
	c := newCosmic(t, s, facade.WithObserver(o.observe))
	_, _, err := drain(t.Context(), c.Certifications())
	var scope *facade.ScopeError
	if !errors.As(err, &scope) || len(o.all) != 2 || o.lines[1] != `cosmic listCertifications "" 0: 0 failed` || !errors.As(o.all[1].Err, &scope) {
		t.Errorf("%v, %q", err, o.lines)
	}

	o = &events{}
	c = newCosmicFor(t, s, noToken{}, unchecked, facade.WithObserver(o.observe))
	if _, err := c.Me(t.Context()); err == nil || len(o.all) != 1 || o.lines[0] != `cosmic getMe "" 0: 0 failed` {
		t.Errorf("%v, %q", err, o.lines)
	}
}

type noToken struct{}

func (noToken) Source(auth.Endpoint) (auth.Source, error) { return noToken{}, nil }
func (noToken) Token(context.Context) (auth.Token, error) {
	return auth.Token{}, errors.New("no token")
}

func TestAnObserverSeesTokenRequests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &events{}
		transport := safehttp.RoundTripFunc(func(r *http.Request) (*http.Response, error) {
			switch {
			case !strings.Contains(r.URL.Path, "token"):
				return respond(r, jsonReply(`{"results":[],"next":null,"previous":null,"count":0}`)), nil
			case len(o.all) == 0:
				return respond(r, reply{status: 503}), nil
			}
			return respond(r, jsonReply(`{"access_token":"access-1","expires_in":3600}`)), nil
		})
		c, err := facade.NewCertn(auth.ClientCredentials("id", "secret"), facade.WithHTTPClient(&http.Client{Transport: transport}), facade.WithObserver(o.observe))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Users().Collect(t.Context(), 1); err != nil {
			t.Error(err)
		}
		want := []string{`certn token "" 1: 503 failed`, `certn token "" 1: 200`, `certn listUsers "" 1: 200`}
		if d := cmp.Diff(want, o.lines); d != "" {
			t.Error(d)
		}
	})
}

func TestObserversAreAllCalledAndNilIsRefused(t *testing.T) {
	one, two := &events{}, &events{}
	s := &script{replies: []reply{jsonReply(`{"user":{"id":"` + uuid1 + `"}}`)}}
	if _, err := newCosmic(t, s, facade.WithObserver(one.observe), facade.WithObserver(two.observe)).Me(t.Context()); err != nil || len(one.all) != 1 || len(two.all) != 1 {
		t.Errorf("%v, %d and %d events", err, len(one.all), len(two.all))
	}
	if _, err := facade.NewCosmic(auth.StaticToken("t"), facade.WithObserver(nil)); err == nil || !strings.Contains(err.Error(), "WithObserver") {
		t.Errorf("a nil observer: %v", err)
	}
}

func TestMiddlewareLearnsTheOperation(t *testing.T) {
	var seen []facade.OperationID
	s := &script{me: `{"scopes":[]}`, replies: []reply{jsonReply(`{"data":[]}`)}}
	c := newCosmic(t, s, facade.WithMiddleware(func(next http.RoundTripper) http.RoundTripper {
		return safehttp.RoundTripFunc(func(r *http.Request) (*http.Response, error) {
			seen = append(seen, facade.OperationOf(r.Context()))
			return next.RoundTrip(r)
		})
	}))
	if _, err := c.Certifications().Collect(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]facade.OperationID{facade.GetMe, facade.ListCertifications}, seen); d != "" || facade.OperationOf(t.Context()) != "" {
		t.Error(d)
	}
}
