package facade_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/credkit/credkit-go/facade"
	"github.com/credkit/credkit-go/facade/auth"
)

// reply is one scripted response.
type reply struct {
	status int
	header map[string]string
	body   string
	err    error         // instead of a response
	cut    bool          // the body ends in io.ErrUnexpectedEOF
	reader io.ReadCloser // instead of body
}

func jsonReply(body string) reply { return reply{status: 200, body: body} }

// script is a server that responds in turn, the last reply for ever, and keeps
// what it was asked.
type script struct {
	mu       sync.Mutex
	replies  []reply
	requests []*http.Request
	bodies   []string
	me       string // the response of /v1/me; not counted
}

func (s *script) RoundTrip(req *http.Request) (*http.Response, error) {
	if err := req.Context().Err(); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.me != "" && strings.HasSuffix(req.URL.Path, "/v1/me") {
		return respond(req, jsonReply(s.me)), nil
	}
	body := ""
	if req.Body != nil {
		b, _ := io.ReadAll(req.Body)
		body = string(b)
	}
	s.requests, s.bodies = append(s.requests, req), append(s.bodies, body)
	r := s.replies[0]
	if len(s.replies) > 1 {
		s.replies = s.replies[1:]
	}
	if r.err != nil {
		return nil, r.err
	}
	return respond(req, r), nil
}

func (s *script) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.requests)
}

func respond(req *http.Request, r reply) *http.Response {
	h := http.Header{"Content-Type": {"application/json"}}
	for name, value := range r.header {
		h.Set(name, value)
	}
	body := r.reader
	if body == nil {
		body = io.NopCloser(strings.NewReader(r.body))
		if r.cut {
			body = io.NopCloser(io.MultiReader(strings.NewReader(r.body), failing{io.ErrUnexpectedEOF}))
		}
	}
	if r.status == 0 {
		r.status = 200
	}
	return &http.Response{StatusCode: r.status, Status: http.StatusText(r.status), Header: h, Body: body, Request: req}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

func newCosmic(t *testing.T, s *script, opts ...facade.Option) *facade.Cosmic {
	t.Helper()
	return newCosmicFor(t, s, auth.StaticToken("access-token-of-the-test"), opts...)
}

func newCosmicFor(t *testing.T, s *script, credentials auth.Credentials, opts ...facade.Option) *facade.Cosmic {
	t.Helper()
	opts = append([]facade.Option{
		facade.WithBaseURL("https://cosmic.test/prefix"), facade.WithHTTPClient(&http.Client{Transport: s}),
	}, opts...)
	c, err := facade.NewCosmic(credentials, opts...)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func newCertn(t *testing.T, s *script, opts ...facade.Option) *facade.Certn {
	t.Helper()
	opts = append([]facade.Option{
		facade.WithBaseURL("https://certn.test/prefix"), facade.WithHTTPClient(&http.Client{Transport: s}),
	}, opts...)
	c, err := facade.NewCertn(auth.StaticToken("access-token-of-the-test"), opts...)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// keyed are the credentials of one session, without a store.
type keyed struct{ key string }

func (k keyed) Source(auth.Endpoint) (auth.Source, error) { return k, nil }
func (k keyed) SessionKey() string                        { return k.key }
func (k keyed) Token(context.Context) (auth.Token, error) {
	return auth.NewToken("access-token-of-"+k.key, time.Time{}), nil
}

// drain ranges over a list and returns its elements, the elements that did
// not fit, and the error it ended in.
func drain[T any](ctx context.Context, l *facade.List[T]) (items []T, mismatches []*facade.ElementError, err error) {
	for v, e := range l.All(ctx) {
		var bad *facade.ElementError
		switch {
		case errors.As(e, &bad):
			mismatches = append(mismatches, bad)
		case e != nil:
			return items, mismatches, e
		default:
			items = append(items, v)
		}
	}
	return items, mismatches, nil
}

func discardLogger() *slog.Logger { return slog.New(slog.DiscardHandler) }

const (
	uuid1 = "3c90c3cc-0d44-4b50-8888-8dd25736052a"
	uuid2 = "123e4567-e89b-12d3-a456-426614174000"
	uuid3 = "0b7c4d7e-6c43-4f6e-9f0e-1d5c1a1f0c55"
)

func certs(ids ...string) string {
	var b strings.Builder
	for i, id := range ids {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(`{"id":"` + id + `"}`)
	}
	return b.String()
}
