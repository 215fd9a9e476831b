package facade_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/credkit/credkit-go/facade"
	"github.com/credkit/credkit-go/facade/auth"
)

// tokenKinds are access tokens of every form that a server may issue. Most
// have none that a pattern knows.
var tokenKinds = map[string]string{
	"short":      "k7pq",
	"lower case": "sesame-opens-no-door",
	"dotted":     "acme.users.ada.3",
	"a UUID":     "3fa85f64-5717-4562-b3fc-2c963f66afa6",
	"a JWT":      "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhZGEifQ.c2lnbmF0dXJl",
	"opaque":     "q7Zk2mPx9Lw4Rb8Tn3Vc6Yd1Fg5Hj0",
	"base64":     "ab/cd+ef/gh==",
}

// printed collects everything that a program could print.
type printed struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (p *printed) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.b.Write(b)
}

func (p *printed) print(values ...any) {
	for _, v := range values {
		for _, x := range []any{v, struct{ X any }{v}, struct{ x any }{v}} {
			for _, verb := range []string{"%v\n", "%+v\n", "%#v\n", "%d\n"} {
				fmt.Fprintf(p, verb, x)
			}
			if b, err := json.Marshal(x); err == nil {
				p.Write(b) //nolint:errcheck // never fails
			}
			slog.New(slog.NewJSONHandler(p, nil)).Info("x", "x", x)
		}
		if err, ok := v.(error); ok {
			for e := errors.Unwrap(err); e != nil; e = errors.Unwrap(e) {
				fmt.Fprintf(p, "%v %+v %#v\n", e, e, e)
			}
			func() {
				defer func() { fmt.Fprintln(p, recover()) }()
				panic(err)
			}()
		}
	}
}

func (p *printed) around(secret string) (string, bool) {
	text := p.b.String()
	i := strings.Index(strings.ToLower(text), strings.ToLower(secret))
	if i < 0 {
		return "", false
	}
	return text[max(0, i-200):min(len(text), i+len(secret)+60)], true
}

// spoken is an error of somebody's transport with a secret in each place.
type spoken struct{ Secret string }

func (s spoken) Error() string { return "trace: sent " + s.Secret }

// A server, a proxy or a transport that repeats the access token, wherever and
// in whatever form, does not get it printed.
func TestTheAccessTokenIsNeverRepeated(t *testing.T) {
	for kind, token := range tokenKinds {
		quoted, _ := json.Marshal(token)
		q := string(quoted)
		body := func(status int, format string) reply {
			return reply{status: status, body: strings.ReplaceAll(strings.ReplaceAll(format, `"TOKEN"`, q), "TOKEN", token)}
		}
		page := func(status int, format string) reply {
			r := body(status, format)
			r.header = map[string]string{"Content-Type": "text/html"}
			return r
		}
		for where, r := range map[string]reply{
			"the message":             body(401, `{"detail":"TOKEN"}`),
			"a sentence":              body(403, `{"message":"the token TOKEN may not"}`),
			"the code":                body(500, `{"code":"TOKEN","message":"no"}`),
			"the error":               body(503, `{"error":"TOKEN"}`),
			"a nested error":          body(429, `{"error":{"code":"x","message":"TOKEN"}}`),
			"a field's name":          body(400, `{"TOKEN":["is bad"]}`),
			"a field's sentence":      body(422, `{"email":["TOKEN","x TOKEN"]}`),
			"a nested field":          body(400, `{"a":{"TOKEN":["x TOKEN"]}}`),
			"a list of errors":        body(400, `["TOKEN"]`),
			"an unknown member":       body(500, `{"x":{"y":"TOKEN"}}`),
			"a member's name":         body(500, `{"TOKEN":1}`),
			"text":                    body(502, `upstream said TOKEN`),
			"a page":                  page(502, `<p>TOKEN</p>`),
			"a good page":             page(200, `<p>TOKEN</p>`),
			"a good page that is cut": page(200, strings.Repeat("<p>TOKEN</p>", 40)+"<p>"+token[:len(token)-1]),
			"a page of any length":    page(500, strings.Repeat("TOKEN ", 3000)),
			"after spaces":            page(500, strings.Repeat(" ", 8185)+"TOKEN"),
			"the content type":        {status: 200, header: map[string]string{"Content-Type": "text/html; x=" + token}, body: "x"},
			"a strange content type":  {status: 200, header: map[string]string{"Content-Type": token}, body: "x"},
			"the request id":          {status: 500, header: map[string]string{"X-Request-Id": token}},
			"another request id":      {status: 500, header: map[string]string{"Cf-Ray": "x-" + token}},
			"a good request id":       {status: 200, header: map[string]string{"X-Request-Id": token, "X-Echo": "Bearer " + token}, body: someone},
			"a redirect":              {status: 302, header: map[string]string{"Location": "https://h/?x=" + token}},
			"a redirect to nowhere":   {status: 302, header: map[string]string{"Location": "https://h/%zz" + token}},
			"Retry-After":             {status: 503, header: map[string]string{"Retry-After": token}},
			"a transport's error":     {err: spoken{token}},
			"a body's error":          {reader: io.NopCloser(io.MultiReader(strings.NewReader(`{"data":[{`), failing{spoken{token}}))},
			"an error body's error":   {status: 500, reader: io.NopCloser(failing{spoken{token}})},
			"a name of a wrong type":  body(200, `{"data":[{"TOKEN":{"id":1}, "id":5}],"results":[{"id":{"TOKEN":1},"team":{"TOKEN":1}}],"user":{"TOKEN":1,"id":5}}`),
			"a value of a wrong type": body(200, `{"data":[{"id":"TOKEN"}],"results":[{"id":"TOKEN"}],"user":{"id":"TOKEN"},"scopes":"TOKEN"}`),
			"a name twice":            body(200, `{"data":[{"TOKEN":1,"TOKEN":2}],"results":[{"TOKEN":1,"TOKEN":2}],"TOKEN":1,"TOKEN":2}`),
			"no JSON":                 body(200, `TOKEN`),
			"a string for an object":  body(200, `"TOKEN"`),
			"a link to nowhere":       body(200, `{"count":9,"next":"https://h/%zz?TOKEN","results":[],"data":[],"page":{"has_more":true,"next_cursor":"TOKEN"}}`),
			"a link to a query":       body(200, `{"count":9,"next":"https://h/?a;TOKEN","results":[]}`),
		} {
			if kind == "short" && where == "a good page that is cut" {
				continue // three bytes of a token are none
			}
			t.Run(kind+" in "+where, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					var out printed
					logger := slog.New(slog.NewJSONHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug}))
					opts := []facade.Option{
						facade.WithHTTPClient(&http.Client{Transport: &script{replies: []reply{r}}}), facade.WithLogger(logger),
						facade.WithBaseURL("https://api.test"), unchecked, facade.WithMaxPages(3),
					}
					cosmic, err := facade.NewCosmic(auth.StaticToken(token), opts...)
					if err != nil {
						t.Fatal(err)
					}
					certn, err := facade.NewCertn(auth.StaticToken(token), opts...)
					if err != nil {
						t.Fatal(err)
					}
					ctx := t.Context()
					var response facade.Response
					with := facade.WithResponse(&response)
					_, err = cosmic.Me(ctx, with)
					out.print(err, response, &response)
					out.print(cosmic.Require(ctx, facade.ListCertifications))
					_, bad, err := drain(ctx, cosmic.Certifications(with))
					out.print(err, bad, response)
					for _, e := range bad {
						out.print(e)
					}
					_, err = cosmic.CreateCertification(ctx, facade.CertificationCreate{}, with)
					out.print(err, response)
					_, users, err := drain(ctx, certn.Users(with))
					out.print(err, response)
					for _, e := range users {
						out.print(e)
					}
					out.print(cosmic, *cosmic, certn, *certn, cosmic.Certifications(), auth.StaticToken(token))
					for _, o := range opts {
						out.print(o)
					}
					synctest.Wait()
					if text, found := out.around(token); found {
						t.Errorf("%s", text)
					}
				})
			})
		}
	}
}

// The host and the cause of a failed call are in its error.
func TestANetworkErrorNamesHostAndCause(t *testing.T) {
	for _, cause := range []string{"EOF", "dial tcp 10.0.0.1:443: connect: connection refused", "proxyconnect tcp: EOF", "tls: failed to verify certificate: x509: certificate signed by unknown authority"} {
		synctest.Test(t, func(t *testing.T) {
			_, err := newCosmic(t, &script{replies: []reply{{err: errors.New(cause)}}}).Me(t.Context())
			if err == nil || !strings.Contains(err.Error(), "no complete response from cosmic.test: "+cause) {
				t.Errorf("%v", err)
			}
		})
	}
}
