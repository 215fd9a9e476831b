package transport

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/credkit/credkit-go/api/cosmic"
	"github.com/credkit/credkit-go/facade/auth"
)

// renewing is a source whose Renew gives one more exclamation mark.
type renewing struct {
	mu      sync.Mutex
	token   string
	renewed int
	err     error
	stuck   bool
}

func (r *renewing) Token(context.Context) (auth.Token, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return auth.NewToken(r.token, time.Time{}), r.err
}

func (r *renewing) Renew(_ context.Context, rejected auth.Token) (auth.Token, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.renewed++
	if !r.stuck && rejected.Value() == r.token {
		r.token += "!"
	}
	return auth.NewToken(r.token, time.Time{}), nil
}

// only answers 401 to any token but one.
func only(token string, seen *[]string) *http.Client {
	return &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
		body := ""
		if r.Body != nil {
			b, _ := io.ReadAll(r.Body)
			body = string(b)
		}
		have := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
		*seen = append(*seen, have+" "+body)
		status := http.StatusOK
		if have != token {
			status = http.StatusUnauthorized
		}
		return &http.Response{StatusCode: status, Body: http.NoBody, Request: r, Header: http.Header{}}, nil
	})}
}

func TestA401RenewsOnceAndReplaysTheBody(t *testing.T) {
	for name, test := range map[string]struct {
		source   *renewing
		accepts  string
		status   int
		requests int
	}{
		"renewed":             {&renewing{token: "t"}, "t!", 200, 2},
		"refused again":       {&renewing{token: "t"}, "never", 401, 2},
		"nothing newer":       {&renewing{token: "t", stuck: true}, "never", 401, 1},
		"good from the start": {&renewing{token: "t"}, "t", 200, 1},
	} {
		t.Run(name, func(t *testing.T) {
			var seen []string
			limiter := &counting{}
			h := New(Config{Origin: "https://a.test", Source: test.source, HTTPClient: only(test.accepts, &seen), Budget: NewBudget(0), MaxAnswer: 1 << 20, Limiter: NewWindows(nil, limiter)})
			call := create(t, "https://a.test")
			resp, err := h(t.Context(), call)
			if err != nil || resp.StatusCode != test.status || len(seen) != test.requests || call.Attempts != test.requests || limiter.n != test.requests {
				t.Fatalf("%v, %v, attempts %d, %d through the limiter: %q", resp, err, call.Attempts, limiter.n, seen)
			}
			for _, s := range seen {
				if !strings.HasSuffix(s, `{"serial_number":"1"}`) {
					t.Errorf("sent %q", s)
				}
			}
		})
	}
}

func TestABodyThatCannotBeSentAgainIsNot(t *testing.T) {
	var seen []string
	source := &renewing{token: "t"}
	h := New(Config{Origin: "https://a.test", Source: source, HTTPClient: only("t!", &seen), Budget: NewBudget(0), MaxAnswer: 1 << 20})
	call := create(t, "https://a.test")
	call.Request.GetBody = nil
	if resp, err := h(t.Context(), call); err != nil || resp.StatusCode != 401 || len(seen) != 1 || source.renewed != 0 {
		t.Errorf("%v, %v, %q", resp, err, seen)
	}
}

func TestNoTokenIsNoRequest(t *testing.T) {
	var seen []string
	broken := errors.New("no session")
	limiter := &counting{}
	h := New(Config{Origin: "https://a.test", Source: &renewing{err: broken}, HTTPClient: only("t", &seen), Budget: NewBudget(0), MaxAnswer: 1 << 20, Limiter: NewWindows(nil, limiter)})
	get, _ := http.NewRequest(http.MethodGet, "https://a.test/v1/me", http.NoBody)
	_, err := h(t.Context(), &Call{Operation: operation(t, cosmic.OpGetMe), Request: get})
	var credentials *CredentialsError
	if !errors.As(err, &credentials) || !errors.Is(err, broken) || len(seen) != 0 || limiter.n != 0 {
		t.Errorf("%v, %q, %d turns taken", err, seen, limiter.n)
	}
}

type counting struct{ n int }

func (c *counting) Wait(context.Context) error { c.n++; return nil }
func (c *counting) Refused(time.Duration)      {}
