package facade_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/credkit/credkit-go/facade"
	"github.com/credkit/credkit-go/facade/auth"
	"github.com/credkit/credkit-go/facade/auth/signin"
	"github.com/credkit/credkit-go/facade/internal/safehttp"
	"github.com/credkit/credkit-go/facade/roster"
	"github.com/credkit/credkit-go/facade/sandbox"
)

const someone = `{"user":{"email":"ada@example.com"},"scopes":[]}`

func TestErrorsSayWhatKindTheyAre(t *testing.T) {
	for name, test := range map[string]struct {
		reply   reply
		kind    error
		message string
		fields  map[string][]string
	}{
		"field errors":     {reply{status: 400, body: `{"page_size":["A valid integer is required."],"team":{"name":["Too long.","Bad."]},"non_field_errors":["No."]}`}, facade.ErrInvalid, "page_size: A valid integer is required.", map[string][]string{"page_size": {"A valid integer is required."}, "team.name": {"Too long.", "Bad."}, "non_field_errors": {"No."}}},
		"detail":           {reply{status: 401, body: `{"detail": "Authentication credentials were not provided."}`}, facade.ErrUnauthorized, "Authentication credentials were not provided.", nil},
		"forbidden":        {reply{status: 403, body: `{"detail":"No."}`}, facade.ErrForbidden, "No.", nil},
		"not found":        {reply{status: 404, body: `{"error":{"code":"nope","message":"Nothing here"}}`}, facade.ErrNotFound, "(nope): Nothing here", nil},
		"details of old":   {reply{status: 405, body: `{"details":"Method not allowed."}`}, nil, "Method not allowed.", nil},
		"gone":             {reply{status: 410}, facade.ErrRetired, "CertnCentric", nil},
		"unprocessable":    {reply{status: 422, body: `{"message":"odd"}`}, facade.ErrInvalid, "odd", nil},
		"throttled":        {reply{status: 429, header: map[string]string{"Retry-After": "3600"}, body: `{"detail":"Request was throttled."}`}, facade.ErrRateLimited, "asks to wait 1h0m0s", nil},
		"HTML of a proxy":  {reply{status: 404, header: map[string]string{"Content-Type": "text/html"}, body: "<h1>nope</h1>"}, facade.ErrNotFound, "<h1>nope</h1>", nil},
		"an error, a word": {reply{status: 404, body: `{"error":"gone_fishing"}`}, facade.ErrNotFound, "(gone_fishing)", nil},
		"a request id":     {reply{status: 404, header: map[string]string{"X-Request-Id": "r-1"}}, facade.ErrNotFound, "[request id r-1]", nil},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := newCertn(t, &script{replies: []reply{test.reply}}).Users().First(t.Context())
			var e *facade.Error
			if !errors.As(err, &e) || e.Service != "certn" || e.Operation != facade.ListUsers || e.Attempts != 1 || e.Status != test.reply.status {
				t.Fatalf("%#v", err)
			}
			if test.kind != nil && !errors.Is(err, test.kind) {
				t.Errorf("not %v: %v", test.kind, err)
			}
			if !strings.Contains(err.Error(), test.message) {
				t.Errorf("%q has not %q", err, test.message)
			}
			if diff := cmp.Diff(test.fields, e.Fields); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestAResponseIsAValueOrAnError(t *testing.T) {
	for name, r := range map[string]reply{
		"null":       jsonReply(`null`),
		"nothing":    jsonReply(``),
		"{}":         jsonReply(`{}`),
		"an array":   jsonReply(`[]`),
		"a string":   jsonReply(`"ok"`),
		"truncated":  jsonReply(`{"user":{"email":"a@b.c"}`),
		"trailing":   jsonReply(someone + `x`),
		"wrong type": jsonReply(`{"user":{"email":7}}`),
		"twice":      jsonReply(`{"user":{"email":"a@b.c","email":"d@e.f"}}`),
		"too deep":   jsonReply(`{"user":{"email":"a@b.c"},"x":` + strings.Repeat("[", 11_000) + strings.Repeat("]", 11_000) + `}`),
		"too large":  jsonReply(`{"user":{"email":"` + strings.Repeat("a", 1<<16) + `"}}`),
		"HTML":       {body: "<html>please sign in</html>", header: map[string]string{"Content-Type": "text/html; charset=utf-8"}},
		"no content": {status: 204},
		"redirect":   {status: 307, header: map[string]string{"Location": "https://evil.test/v1/me"}},
		"cut":        {body: `{"user":`, cut: true},
	} {
		t.Run(name, func(t *testing.T) {
			s := &script{replies: []reply{r}}
			fast := facade.WithRetry(facade.RetryPolicy{FirstDelay: 1})
			me, err := newCosmic(t, s, facade.WithMaxResponseBytes(1<<16-1), fast).Me(t.Context())
			var e *facade.Error
			want := 1
			if r.cut {
				want = 4 // no response, so it is asked for again
			}
			if me != nil || !errors.Is(err, facade.ErrInvalidResponse) || !errors.As(err, &e) || s.count() != want {
				t.Errorf("%v, %v after %d requests", me, err, s.count())
			}
			if err != nil && len(err.Error()) > 600 {
				t.Errorf("an error of %d bytes", len(err.Error()))
			}
		})
	}
	me, err := newCosmic(t, &script{replies: []reply{jsonReply("{\"user\":{\"email\":\"a\xffb\"},\"new\":{\"x\":[1]}}")}}).Me(t.Context())
	if err != nil || me.User.Email != "a\ufffdb" {
		t.Errorf("broken UTF-8: %+v, %v", me, err)
	}
}

func TestReadsAreSentAgainAndCreatesAreNot(t *testing.T) {
	refused := &net.OpError{Op: "dial", Err: errors.New("connection refused")}
	const forAMinute = -1 // as long as MaxRetryAfter, with growing pauses
	sent := func(n, want int) bool { return n == want || want == forAMinute && n > 4 && n < 20 }
	for name, test := range map[string]struct {
		reply          reply
		reads, creates int
	}{
		"408":               {reply{status: 408}, 4, 1},
		"429":               {reply{status: 429}, forAMinute, forAMinute},
		"500":               {reply{status: 500}, 4, 1},
		"501":               {reply{status: 501}, 1, 1},
		"503":               {reply{status: 503}, 4, 1},
		"400":               {reply{status: 400}, 1, 1},
		"no connection":     {reply{err: refused}, 4, 4},
		"a reset":           {reply{err: errors.New("connection reset")}, 4, 1},
		"retry after":       {reply{status: 503, header: map[string]string{"Retry-After": "7"}}, 4, 1},
		"retry after, long": {reply{status: 429, header: map[string]string{"Retry-After": "61"}}, 1, 1},
		"retry after, date": {reply{status: 429, header: map[string]string{"Retry-After": "Fri, 31 Dec 2100 23:59:59 GMT"}}, 1, 1},
		"retry after, odd":  {reply{status: 429, header: map[string]string{"Retry-After": "NaN"}}, forAMinute, forAMinute},
		"retry after, past": {reply{status: 429, header: map[string]string{"Retry-After": "-5"}}, forAMinute, forAMinute},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &script{replies: []reply{test.reply}, me: ""}
				c := newCosmic(t, s, facade.WithScopeCheck(facade.CheckNever), facade.WithLogger(discardLogger()))
				if _, err := c.Me(t.Context()); err == nil || !sent(s.count(), test.reads) {
					t.Errorf("a read was sent %d times, want %d: %v", s.count(), test.reads, err)
				}
				s.requests = nil
				c = newCosmic(t, s, facade.WithScopeCheck(facade.CheckNever)) // which nothing is known of yet
				key := facade.WithIdempotencyKey("one")
				if _, err := c.CreateCertification(t.Context(), facade.CertificationCreate{}, key); err == nil || !sent(s.count(), test.creates) {
					t.Errorf("a create was sent %d times, want %d: %v", s.count(), test.creates, err)
				}
			})
		})
	}
}

func TestRetryAfterIsWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		s := &script{replies: []reply{{status: 429, header: map[string]string{"Retry-After": "30"}}, jsonReply(someone)}}
		var r facade.Response
		if _, err := newCosmic(t, s).Me(t.Context(), facade.WithResponse(&r)); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(start); took < 30*time.Second || took > 31*time.Second || r.Attempts != 2 || r.Status != 200 {
			t.Errorf("took %v, %+v", took, r)
		}
	})
}

func TestAWaitThatCannotEndInTimeFailsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		start := time.Now()
		s := &script{replies: []reply{{status: 429, header: map[string]string{"Retry-After": "30"}}}}
		_, err := newCosmic(t, s).Me(ctx)
		if time.Since(start) != 0 || !errors.Is(err, facade.ErrRateLimited) || !strings.Contains(err.Error(), "deadline") {
			t.Errorf("after %v: %v", time.Since(start), err)
		}
	})
}

func TestAReadThatIsCutOffIsAskedForAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{replies: []reply{{body: someone[:20], cut: true}, jsonReply(someone)}}
		if me, err := newCosmic(t, s).Me(t.Context()); err != nil || me.User.Email != "ada@example.com" || s.count() != 2 {
			t.Errorf("%v, %v after %d requests", me, err, s.count())
		}
		s = &script{replies: []reply{{body: someone[:20], cut: true}}}
		if me, err := newCosmic(t, s).Me(t.Context()); me != nil || !errors.Is(err, facade.ErrTruncated) || !errors.Is(err, facade.ErrInvalidResponse) {
			t.Errorf("a cut has no name of its own: %v", err)
		}
		s = &script{replies: []reply{jsonReply(someone[:20])}}
		if _, err := newCosmic(t, s).Me(t.Context()); errors.Is(err, facade.ErrTruncated) || !errors.Is(err, facade.ErrInvalidResponse) {
			t.Errorf("JSON that ends early in a complete response: %v", err)
		}
		s = &script{replies: []reply{{status: 201, body: `{"data":`, cut: true}}, me: someone}
		if c, err := newCosmic(t, s).CreateCertification(t.Context(), facade.CertificationCreate{}); c != nil || !errors.Is(err, facade.ErrInvalidResponse) || s.count() != 1 {
			t.Errorf("a create that may have been done: %v, %v after %d requests", c, err, s.count())
		}
	})
}

func TestTheRetryBudgetEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{replies: []reply{{status: 503}}}
		c := newCosmic(t, s)
		var err error
		for range 100 {
			_, err = c.Me(t.Context())
		}
		if s.count() != 150 || !strings.Contains(err.Error(), "budget") {
			t.Errorf("%d requests for 100 calls, %v", s.count(), err)
		}
	})
}

func TestASlowServerIsGivenUpAndASlowCallerIsNot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hang := safehttp.RoundTripFunc(func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		})
		client := &http.Client{Transport: hang, Timeout: 5 * time.Second}
		c := newCosmic(t, &script{}, facade.WithHTTPClient(client), facade.WithRetry(facade.RetryPolicy{MaxAttempts: 1}))
		start := time.Now()
		_, err := c.Me(t.Context())
		if time.Since(start) != 5*time.Second || !errors.Is(err, context.DeadlineExceeded) && !strings.Contains(err.Error(), "did not go on") {
			t.Errorf("after %v: %v", time.Since(start), err)
		}
		if client.CheckRedirect != nil || client.Timeout != 5*time.Second || client.Transport == nil {
			t.Error("the caller's client was changed")
		}

		s := &script{replies: []reply{{reader: io.NopCloser(io.MultiReader(strings.NewReader(`{"data":[`+certs(uuid1)+`,`), slowly{time.Second, strings.NewReader(certs(uuid2) + "]}")}))}}}
		l := newCosmic(t, s, facade.WithHTTPClient(&http.Client{Transport: s, Timeout: 5 * time.Second}), facade.WithScopeCheck(facade.CheckNever)).Certifications()
		n := 0
		for _, err := range l.All(t.Context()) {
			if err != nil {
				t.Fatal(err)
			}
			n++
			time.Sleep(time.Hour)
		}
		if n != 2 {
			t.Errorf("%d elements", n)
		}

		s = &script{replies: []reply{{}}}
		s.replies[0].reader = &stallUntilCancelled{Reader: strings.NewReader(`{"data":[` + certs(uuid1) + `,`)}
		stall := safehttp.RoundTripFunc(func(r *http.Request) (*http.Response, error) {
			resp, err := s.RoundTrip(r)
			resp.Body.(*stallUntilCancelled).ctx = r.Context()
			return resp, err
		})
		l = newCosmic(t, s, facade.WithHTTPClient(&http.Client{Transport: stall, Timeout: 5 * time.Second}),
			facade.WithScopeCheck(facade.CheckNever), facade.WithRetry(facade.RetryPolicy{MaxAttempts: 1})).Certifications()
		start = time.Now()
		items, _, err := drain(t.Context(), l)
		if len(items) != 1 || err == nil || time.Since(start) != 5*time.Second {
			t.Errorf("%d elements, then %v after %v", len(items), err, time.Since(start))
		}
	})
}

type slowly struct {
	by time.Duration
	io.Reader
}

func (s slowly) Read(p []byte) (int, error) {
	time.Sleep(s.by)
	return s.Reader.Read(p[:min(7, len(p))])
}

type stallUntilCancelled struct {
	io.Reader
	ctx context.Context
}

func (s *stallUntilCancelled) Read(p []byte) (int, error) {
	if n, err := s.Reader.Read(p); err == nil {
		return n, nil
	}
	<-s.ctx.Done()
	return 0, s.ctx.Err()
}

func (s *stallUntilCancelled) Close() error { return nil }

func TestCreateSendsWhatWasSetAndNothingElse(t *testing.T) {
	s := &script{replies: []reply{{status: 201, body: `{"data":{"id":"` + uuid1 + `","issuer_name":"TÜV","colour":"red"}}`}}, me: someone}
	expires, _ := facade.ParseDate("2027-02-28")
	c, err := newCosmic(t, s).CreateCertification(t.Context(),
		facade.CertificationCreate{IssuerName: "TÜV", ExpiresOn: expires}, facade.WithIdempotencyKey("key-1"), facade.WithHeader("x-trace", "t"))
	if err != nil || c.ID.String() != uuid1 || string(c.Extra["colour"]) != `"red"` {
		t.Fatal(c, err)
	}
	if diff := cmp.Diff(`{"expires_on":"2027-02-28","issuer_name":"TÜV"}`, s.bodies[0]); diff != "" {
		t.Error(diff)
	}
	h := s.requests[0].Header
	want := map[string]string{"Idempotency-Key": "key-1", "X-Trace": "t", "Authorization": "Bearer access-token-of-the-test", "Accept": "application/json", "User-Agent": "credkit-go/" + facade.Version, "Content-Type": "application/json"}
	for name, value := range want {
		if h.Get(name) != value {
			t.Errorf("%s: %q", name, h.Get(name))
		}
	}
	for name, body := range map[string]string{"no envelope": `{"id":"` + uuid1 + `"}`, "null": `{"data":null}`, "no id": `{"data":{}}`} {
		s := &script{replies: []reply{{status: 201, body: body}}, me: someone}
		if c, err := newCosmic(t, s).CreateCertification(t.Context(), facade.CertificationCreate{}); c != nil || !errors.Is(err, facade.ErrInvalidResponse) {
			t.Errorf("%s: %v, %v", name, c, err)
		}
	}
}

func TestOptionsThatCannotBeRightAreErrors(t *testing.T) {
	token := auth.StaticToken("x")
	for name, opt := range map[string]facade.Option{
		"http": facade.WithBaseURL("http://api.example.com"), "no URL": facade.WithBaseURL("::"), "user": facade.WithBaseURL("https://a:b@c"),
		"no client": facade.WithHTTPClient(nil), "agent": facade.WithUserAgent("a\nb"), "middleware": facade.WithMiddleware(nil), "scope check": facade.WithScopeCheck(7),
		"retry": facade.WithRetry(facade.RetryPolicy{MaxAttempts: -1}), "response": facade.WithMaxResponseBytes(0), "ahead": facade.WithReadAhead(-1, 1), "pages": facade.WithMaxPages(0),
	} {
		if c, err := facade.NewCosmic(token, opt); c != nil || err == nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if c, err := facade.NewCosmic(nil); c != nil || err == nil {
		t.Error("nil credentials")
	}
	s := &script{replies: []reply{jsonReply(someone)}}
	for name, opt := range map[string]facade.CallOption{
		"response": facade.WithResponse(nil), "token": facade.WithHeader("authorization", "Bearer x"), "name": facade.WithHeader("a b", "c"), "empty": facade.WithHeader("", "c"),
		"value": facade.WithHeader("a", "b\r\nc: d"), "key": facade.WithIdempotencyKey("ü"), "no key": facade.WithIdempotencyKey(""), "key here": facade.WithIdempotencyKey("k"),
	} {
		if _, err := newCosmic(t, s).Me(t.Context(), opt); !errors.Is(err, facade.ErrInvalid) || s.count() != 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, size := range []int{0, -1, 201, math.MaxInt} {
		if _, err := newCosmic(t, s).Certifications().PageSize(size).First(t.Context()); !errors.Is(err, facade.ErrInvalid) {
			t.Errorf("page size %d: %v", size, err)
		}
	}
}

func TestANilOptionOrLoggerChangesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sb := sandbox.Test(t, nil, sandbox.WithLogger(nil))
		sessions, err := auth.NewSessions(auth.NewMemoryStore(), sb.AuthApp(), nil, auth.WithLogger(nil))
		if err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := sessions.Close(t.Context()); err != nil {
				t.Error(err)
			}
		}()
		grant, err := sb.Grant(sandbox.SignIn{})
		if err != nil {
			t.Fatal(err)
		}
		if err := sessions.SignIn(t.Context(), "k", grant); err != nil {
			t.Error(err)
		}
		c, err := facade.NewCosmic(sessions.Key("k"), append(sb.CosmicOptions(), nil, facade.WithLogger(nil))...)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Me(t.Context(), nil); err != nil {
			t.Error(err)
		}
		for w := range roster.Workers(t.Context(), c, sessions, nil) {
			if w.Err != nil {
				t.Error(w.Err)
			}
		}
		id, secret := sb.CertnClient()
		if _, err := facade.NewCertn(auth.ClientCredentials(id, secret, nil), append(sb.CertnOptions(), nil)...); err != nil {
			t.Error(err)
		}
		endpoint, err := facade.CosmicEndpoint(append(sb.CosmicOptions(), nil)...)
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := signin.Begin(endpoint, sb.AuthApp(), sb.App().RedirectURIs[0], nil); err != nil {
			t.Error(err)
		}
	})
}

func TestMiddlewareSeesCallsInOrder(t *testing.T) {
	var order []string
	mark := func(name string) func(http.RoundTripper) http.RoundTripper {
		return func(next http.RoundTripper) http.RoundTripper {
			return safehttp.RoundTripFunc(func(r *http.Request) (*http.Response, error) {
				order = append(order, name)
				return next.RoundTrip(r)
			})
		}
	}
	s := &script{replies: []reply{jsonReply(someone)}}
	if _, err := newCosmic(t, s, facade.WithMiddleware(mark("a"), mark("b")), facade.WithMiddleware(mark("c"))).Me(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(order); got != "[a b c]" {
		t.Error(got)
	}
}
