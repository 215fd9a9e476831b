package transport

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/credkit/credkit-go/api/cosmic"
	"github.com/credkit/credkit-go/api/spec"
	"github.com/credkit/credkit-go/facade/auth"
	"github.com/credkit/credkit-go/facade/internal/safehttp"
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

// only responds with 401 to any token but one.
func only(token string, seen *[]string) *http.Client {
	return &http.Client{Transport: safehttp.RoundTripFunc(func(r *http.Request) (*http.Response, error) {
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
			h := New(Config{Origin: "https://a.test", Source: test.source, HTTPClient: only(test.accepts, &seen), Budget: NewBudget(0), MaxResponseBytes: 1 << 20, Limiter: NewRateLimiter(nil, limiter)})
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
	h := New(Config{Origin: "https://a.test", Source: source, HTTPClient: only("t!", &seen), Budget: NewBudget(0), MaxResponseBytes: 1 << 20})
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
	h := New(Config{Origin: "https://a.test", Source: &renewing{err: broken}, HTTPClient: only("t", &seen), Budget: NewBudget(0), MaxResponseBytes: 1 << 20, Limiter: NewRateLimiter(nil, limiter)})
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

// A failing source takes no turn, so that it cannot use up a limit, also when
// the renewal after a 401 fails.
func TestCredentialsThatFailUseUpNoLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		limiter := NewRateLimiter([]spec.RateLimit{{Requests: 2, Window: time.Hour}}, nil)
		source := &renewing{err: errors.New("no session")}
		var seen []string
		h := New(Config{Origin: "https://a.test", Source: source, HTTPClient: only("t", &seen), Budget: NewBudget(0), MaxResponseBytes: 1 << 20, Limiter: limiter})
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		for range 10 {
			if _, err := h(ctx, read(t, "https://a.test", cosmic.OpGetMe)); !errors.Is(err, source.err) {
				t.Error(err)
			}
			if _, err := h(ctx, read(t, "https://elsewhere.test", cosmic.OpGetMe)); err == nil {
				t.Error("a request to another origin")
			}
		}
		source.err, source.token = nil, "old"
		renewal := errors.New("no renewal")
		refusing := refusingRenewal{source, renewal}
		h = New(Config{Origin: "https://a.test", Source: refusing, HTTPClient: only("t", &seen), Budget: NewBudget(0), MaxResponseBytes: 1 << 20, Limiter: limiter})
		for i := range 3 { // each uses one turn: that of its only request
			_, err := h(ctx, read(t, "https://a.test", cosmic.OpGetMe))
			var limit *LimitError
			if i < 2 && !errors.Is(err, renewal) || i == 2 && !errors.As(err, &limit) {
				t.Errorf("call %d: %v", i, err)
			}
		}
		if len(seen) != 2 {
			t.Errorf("sent %q", seen)
		}
	})
}

type refusingRenewal struct {
	*renewing
	err error
}

func (r refusingRenewal) Renew(context.Context, auth.Token) (auth.Token, error) {
	return auth.Token{}, r.err
}

// A token that ends while its call waits for its turn is replaced before it is
// sent, and not by a 401.
func TestATokenThatEndsInTheQueueIsReplaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		limiter := NewRateLimiter([]spec.RateLimit{{Requests: 1, Window: time.Hour}}, nil)
		var seen []string
		h := New(Config{Origin: "https://a.test", Source: hourly{}, HTTPClient: only("10", &seen), Budget: NewBudget(0), MaxResponseBytes: 1 << 20, Limiter: limiter})
		time.Sleep(time.Until(time.Date(2000, 1, 1, 9, 30, 0, 0, time.UTC)))
		_ = limiter.Wait(t.Context())
		if resp, err := h(t.Context(), read(t, "https://a.test", cosmic.OpGetMe)); err != nil || resp.StatusCode != 200 || len(seen) != 1 {
			t.Errorf("%v, %v; sent %q", resp, err, seen)
		}
	})
}

// hourly has a token for each hour.
type hourly struct{}

func (hourly) Token(context.Context) (auth.Token, error) {
	now := time.Now().UTC()
	return auth.NewToken(now.Format("15"), now.Truncate(time.Hour).Add(time.Hour)), nil
}
