package facade_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	api "github.com/credkit/credkit-go/api/cosmic"
	"github.com/credkit/credkit-go/facade"
	"github.com/credkit/credkit-go/facade/auth"
	"github.com/credkit/credkit-go/facade/internal/safehttp"
)

var unchecked = facade.WithScopeCheck(facade.CheckNever)

// What no constructor made, and a call without a context, is told and no crash.
func TestEmptyClientsAndNilContextsAreErrors(t *testing.T) {
	var noContext context.Context
	var cosmic facade.Cosmic
	var certn facade.Certn
	var certs facade.List[facade.Certification]
	s := &script{replies: []reply{jsonReply(someone)}}
	good := newCosmic(t, s)
	for name, f := range map[string]func(ctx context.Context, c *facade.Cosmic) error{
		"Me":      func(ctx context.Context, c *facade.Cosmic) error { _, err := c.Me(ctx); return err },
		"Scopes":  func(ctx context.Context, c *facade.Cosmic) error { _, err := c.Scopes(ctx); return err },
		"Require": func(ctx context.Context, c *facade.Cosmic) error { return c.Require(ctx, facade.ListCertifications) },
		"All": func(ctx context.Context, c *facade.Cosmic) error {
			_, _, err := drain(ctx, c.Certifications().PageSize(2))
			return err
		},
		"Pages": func(ctx context.Context, c *facade.Cosmic) error {
			for _, err := range c.Certifications().Pages(ctx) {
				return err
			}
			return nil
		},
		"Find": func(ctx context.Context, c *facade.Cosmic) error {
			_, err := c.FindCertification(ctx, facade.CertificationID(uuid1))
			return err
		},
		"Create": func(ctx context.Context, c *facade.Cosmic) error {
			_, err := c.CreateCertification(ctx, facade.CertificationCreate{})
			return err
		},
		"Users": func(ctx context.Context, _ *facade.Cosmic) error { _, err := certn.Users().First(ctx); return err },
		"List": func(ctx context.Context, _ *facade.Cosmic) error {
			_, err := certs.Where().From("x").Collect(ctx, 1)
			return err
		},
	} {
		if err := f(t.Context(), &cosmic); !errors.Is(err, facade.ErrInvalid) || !strings.Contains(err.Error(), "is empty") {
			t.Errorf("%s of an empty client: %v", name, err)
		}
		if err := f(noContext, good); !errors.Is(err, facade.ErrInvalid) {
			t.Errorf("%s without a context: %v", name, err)
		}
	}
	if _, err := cosmic.For(auth.StaticToken("x")); err == nil {
		t.Error("For of an empty client")
	}
	if _, err := certn.For(auth.StaticToken("x")); err == nil {
		t.Error("For of an empty client")
	}
	if len(cosmic.Operations()) != len(api.Service.Operations) || s.count() != 0 {
		t.Errorf("%v, %d requests", cosmic.Operations(), s.count())
	}
	if _, err := good.Certifications().Collect(t.Context(), -1); !errors.Is(err, facade.ErrInvalid) {
		t.Error(err)
	}
	if _, err := newCertn(t, s).Users().PageSize(0).First(t.Context()); !errors.Is(err, facade.ErrInvalid) || strings.Contains(err.Error(), "and 0") {
		t.Error(err)
	}
}

func TestIdsThatNameNothingNeverLeaveTheProcess(t *testing.T) {
	s := &script{replies: []reply{jsonReply(`{"results":[]}`)}}
	for _, id := range []string{"", " ", ".", "..", "/", "../" + uuid1, uuid1 + "/..", "00000000-0000-0000-0000-000000000000", "%2e%2e"} {
		if _, err := newCosmic(t, s).FindCertification(t.Context(), facade.CertificationID(id)); !errors.Is(err, facade.ErrInvalid) {
			t.Errorf("%q: %v", id, err)
		}
		if _, err := newCertn(t, s).FindUser(t.Context(), facade.ByID(id)); !errors.Is(err, facade.ErrInvalid) {
			t.Errorf("%q: %v", id, err)
		}
	}
	if s.count() != 0 {
		t.Errorf("%d requests", s.count())
	}
}

// One List in many hands: nested, at once, pulled, left and ranged over again.
func TestOneListServesManyRanges(t *testing.T) {
	everyReader(t, func(t *testing.T, opts ...facade.Option) {
		s := &script{replies: []reply{jsonReply(`{"data":[` + certs(uuid1, uuid2, uuid3) + `]}`)}}
		l := newCosmic(t, s, append(opts, unchecked)...).Certifications()
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				n := 0
				for range l.All(t.Context()) {
					for range l.Where(facade.CertificationID(uuid2)).All(t.Context()) {
						n++
						break
					}
				}
				next, stop := iter.Pull2(l.All(t.Context()))
				if _, err, ok := next(); err != nil || !ok {
					t.Error(err, ok)
				}
				stop()
				if n != 3 {
					t.Errorf("%d inner ranges", n)
				}
			})
		}
		wg.Wait()
		if s.count() != 8*5 {
			t.Errorf("%d requests", s.count())
		}
	})
}

// A filter that lets nothing through does not make the reader run on.
func TestWhatAFilterLeavesOutCountsAsReadAhead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{replies: []reply{{reader: io.NopCloser(&drip{})}}}
		read := 0
		first := facade.Matching("the first", func(facade.Certification) bool { read++; return read == 1 })
		for range newCosmic(t, s, unchecked, facade.WithReadAhead(100, 1<<20)).Certifications().Where(first).All(t.Context()) {
			synctest.Wait()
			break
		}
		if read > 110 {
			t.Errorf("%d elements were read for the first", read)
		}
	})
}

func TestAFilterThatLeavesItsGoroutineIsNoEnd(t *testing.T) {
	s := &script{replies: []reply{jsonReply(`{"data":[],"page":{"next_cursor":"a","has_more":true}}`), jsonReply(`{"data":[` + certs(uuid1) + `]}`)}}
	m := facade.Matching("none", func(facade.Certification) bool { runtime.Goexit(); return false })
	if _, _, err := drain(t.Context(), newCosmic(t, s, unchecked).Certifications().Where(m)); err == nil {
		t.Error("an end without an error")
	}
}

func TestTheCallersTransportServesTokensTooAndIsNotChanged(t *testing.T) {
	var paths []string
	rt := safehttp.RoundTripFunc(func(r *http.Request) (*http.Response, error) {
		paths = append(paths, r.URL.EscapedPath())
		if strings.HasSuffix(r.URL.Path, "/token/") {
			return respond(r, jsonReply(`{"access_token":"t","token_type":"Bearer","expires_in":3600}`)), nil
		}
		return respond(r, jsonReply(`{"results":[]}`)), nil
	})
	client := &http.Client{Transport: rt, Timeout: time.Minute}
	before := fmt.Sprintf("%#v", *client)
	c, err := facade.NewCertn(auth.ClientCredentials("id", "secret"), facade.WithBaseURL("https://certn.test/a%2Fb/"), facade.WithHTTPClient(client),
		facade.WithMiddleware(func(next http.RoundTripper) http.RoundTripper { return next }))
	if err != nil {
		t.Fatal(err)
	}
	if fmt.Sprintf("%#v", *client) != before {
		t.Error("the caller's client was changed")
	}
	client.Transport = nil // its owner may do with it what they like
	if _, err := c.Users().Collect(t.Context(), 1); err != nil || fmt.Sprint(paths) != "[/a%2Fb/token/ /a%2Fb/api/v1/users/]" {
		t.Errorf("%v, %v", err, paths)
	}
	if _, err := facade.NewCosmic(auth.StaticToken("x"), facade.WithMiddleware(func(http.RoundTripper) http.RoundTripper { return nil })); err == nil {
		t.Error("a middleware that returns nothing")
	}
}

// taking is a limiter of somebody's own.
type taking struct {
	waits   int
	refused []time.Duration
}

func (l *taking) Wait(context.Context) error  { l.waits++; return nil }
func (l *taking) Refused(after time.Duration) { l.refused = append(l.refused, after) }
func (l *taking) String() string              { return "taking" }
func logTo(b *strings.Builder) facade.Option {
	return facade.WithLogger(slog.New(slog.NewTextHandler(b, &slog.HandlerOptions{Level: slog.LevelDebug})))
}
func contains(text string, words ...string) bool {
	for _, word := range words {
		if !strings.Contains(text, word) {
			return false
		}
	}
	return true
}

func TestAttemptsAreToldToTheLoggerAndTheLimiter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log strings.Builder
		limiter := &taking{}
		s := &script{replies: []reply{{status: 429, header: map[string]string{"Retry-After": "3"}}, {status: 503}, jsonReply(`{"count":1,"next":"/?page=2&token=hunter2hunter2","results":[]}`), jsonReply(`{"count":2,"results":[]}`)}}
		if _, err := newCertn(t, s, logTo(&log), facade.WithLimiter(limiter)).Users().Collect(t.Context(), 1); err != nil {
			t.Fatal(err)
		}
		if limiter.waits != 4 || len(limiter.refused) != 1 || limiter.refused[0] != 3*time.Second {
			t.Errorf("%+v", limiter)
		}
		text := log.String()
		if !contains(text, "attempt=1", "attempt=2", "attempt=3", "status=429", "status=503", "status=200", `msg="sending a call again"`, "operation=listUsers",
			`msg="a list changed while it was read"`, "count_before=1", "count_now=2") {
			t.Error(text)
		}
		if strings.Contains(text, "hunter2") || strings.Contains(text, "access-token-of-the-test") {
			t.Errorf("a secret in the log: %s", text)
		}
	})
}

func TestCertnsLimitIsKeptWithinTheCallersContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{replies: []reply{jsonReply(`{"results":[]}`)}}
		c := newCertn(t, s)
		other, err := c.For(auth.StaticToken("another"))
		if err != nil {
			t.Fatal(err)
		}
		for range 120 {
			_, _ = c.Users().Collect(t.Context(), 1)
			_, _ = other.Users().Collect(t.Context(), 1)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 59*time.Second)
		defer cancel()
		start := time.Now()
		_, err = c.Users().Collect(ctx, 1)
		var e *facade.Error
		if !errors.Is(err, facade.ErrRateLimited) || !errors.As(err, &e) || e.Attempts != 0 || time.Since(start) != 0 || s.count() != 240 {
			t.Errorf("%v after %v and %d requests", err, time.Since(start), s.count())
		}
		if _, err := other.Users().Collect(t.Context(), 1); err != nil || time.Since(start) != time.Minute {
			t.Errorf("%v after %v", err, time.Since(start))
		}
	})
}

// A page that does not move, and one that comes round again, end the range.
func TestAListThatGoesInCirclesEnds(t *testing.T) {
	cursor := func(c string) reply { return jsonReply(`{"data":[],"page":{"next_cursor":"` + c + `"}}`) }
	s := &script{replies: []reply{cursor("a"), cursor("A"), cursor("aA"), cursor("A")}}
	if _, _, err := drain(t.Context(), newCosmic(t, s, unchecked).Certifications()); !errors.Is(err, facade.ErrInvalidResponse) || s.count() != 4 {
		t.Errorf("%v after %d requests", err, s.count())
	}
	for name, links := range map[string][]string{
		"another order":  {"/?page=2&page_size=1", "/?page_size=1&page=2"},
		"another host":   {"https://u:p@evil.test/?page=2#a", "http://evil2.test/?page=2#b"},
		"something else": {"?page=2&x=1", "?page=2&x=2"},
		"a broken query": {"?page=2 HTTP/1.1"},
	} {
		s := &script{}
		for _, link := range links {
			s.replies = append(s.replies, jsonReply(`{"results":[],"next":"`+link+`"}`))
		}
		_, _, err := drain(t.Context(), newCertn(t, s).Users())
		if !errors.Is(err, facade.ErrInvalidResponse) || s.count() != len(links) {
			t.Errorf("%s: %v after %d requests", name, err, s.count())
		}
		for _, r := range s.requests {
			if r.URL.Host != "certn.test" || r.URL.User != nil || r.URL.Fragment != "" {
				t.Errorf("%s: asked %v", name, r.URL)
			}
		}
	}
}

func TestMisfitsAreBounded(t *testing.T) {
	s := &script{replies: []reply{jsonReply(`{"data":[` + strings.Repeat("7,", 5000) + certs(uuid1) + `]}`)}}
	items, err := newCosmic(t, s, unchecked).Certifications().Collect(t.Context(), 10)
	var bad *facade.ElementError
	if len(items) != 1 || !errors.As(err, &bad) || !strings.Contains(err.Error(), "4980 more") || len(err.Error()) > 4000 {
		t.Errorf("%d items, %.300v", len(items), err)
	}
}

func TestNothingPrintsAToken(t *testing.T) {
	const secret = "access-token-of-the-test"
	s := &script{replies: []reply{{status: 401, header: map[string]string{"X-Request-Id": "Bearer " + secret}, body: `{"detail":"no ` + "Bearer " + secret + `"}`}}}
	c, n := newCosmic(t, s), newCertn(t, s)
	_, err := c.Me(t.Context())
	_, _, listErr := drain(t.Context(), n.Users())
	for _, v := range []any{c, *c, n, *n, c.Certifications(), *c.Certifications(), n.Users(), facade.WithMaxPages(1), facade.WithHeader("a", "b"), err, listErr} {
		encoded, _ := json.Marshal(v)
		var log strings.Builder
		slog.New(slog.NewJSONHandler(&log, nil)).Error("x", "v", v)
		for _, text := range []string{fmt.Sprintf("%v", v), fmt.Sprintf("%+v", v), fmt.Sprintf("%#v", v), string(encoded), log.String()} {
			if strings.Contains(text, secret) {
				t.Errorf("%T: %s", v, text)
			}
		}
	}
}
