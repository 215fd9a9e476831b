package facade_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/credkit/credkit-go/facade"
	"github.com/credkit/credkit-go/facade/auth"
)

// hostile is a server that responds to each request on a connection in memory
// with f, and then closes it.
type hostile func(conn io.Writer)

func (h hostile) dial(context.Context, string, string) (net.Conn, error) {
	ours, theirs := net.Pipe()
	go func() {
		defer func() { _ = ours.Close() }()
		req, err := http.ReadRequest(bufio.NewReader(ours))
		if err != nil {
			return
		}
		_, _ = io.Copy(io.Discard, req.Body)
		h(ours)
	}()
	return theirs, nil
}

// client returns a client of the hostile server, through net/http's own
// transport.
func (h hostile) client(t *testing.T, opts ...facade.Option) *facade.Cosmic {
	t.Helper()
	transport := &http.Transport{DialContext: h.dial, DisableKeepAlives: true, MaxResponseHeaderBytes: 1 << 20}
	c, err := facade.NewCosmic(auth.StaticToken("t"), append([]facade.Option{
		facade.WithBaseURL("http://127.0.0.1"), facade.WithHTTPClient(&http.Client{Transport: transport, Timeout: 10 * time.Second}),
		facade.WithScopeCheck(facade.CheckNever), facade.WithMaxResponseBytes(1 << 20),
	}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

const okHead = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"

func send(text string) hostile {
	return func(w io.Writer) { _, _ = io.WriteString(w, text) }
}

// forever writes head, and then more until the client has had enough; slowly
// if there is a delay.
func forever(head, more string, delay time.Duration) hostile {
	return func(w io.Writer) {
		_, err := io.WriteString(w, head)
		for err == nil {
			time.Sleep(delay)
			_, err = io.WriteString(w, more)
		}
	}
}

// gzipped is text, times over: one gzip member each time (RFC 1952 section
// 2.2), so that a large body costs no more to compress than a small one.
func gzipped(text string, times int) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = io.WriteString(w, text)
	_ = w.Close()
	return strings.Repeat(b.String(), times)
}

func zipped(status int, body string) hostile {
	return send(fmt.Sprintf("HTTP/1.1 %d X\r\nContent-Type: application/json\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n%s", status, len(body), body))
}

// Whatever a server does, a call ends in its value or a typed error, in the
// time that its requests and waits may take.
func TestAHostileServerGetsATypedErrorInTime(t *testing.T) {
	zeros := strings.Repeat("0", 1<<20)
	for name, server := range map[string]hostile{
		"headers without end":                  forever("HTTP/1.1 200 OK\r\n", "X: "+strings.Repeat("y", 4<<10)+"\r\n", 0),
		"a header without end":                 forever("HTTP/1.1 200 OK\r\nX: ", strings.Repeat("y", 4<<10), 0),
		"headers that drip":                    forever("HTTP/1.1 200 OK\r\n", "X: y\r\n", time.Second),
		"early hints without end":              forever("", "HTTP/1.1 103 Early Hints\r\nLink: </x>; rel=preload\r\n\r\n", 0),
		"early hints that drip":                forever("", "HTTP/1.1 103 Early Hints\r\n\r\n", 9*time.Second),
		"no word":                              func(io.Writer) { time.Sleep(time.Hour) },
		"closed without a word":                send(""),
		"no HTTP":                              send("SSH-2.0-OpenSSH_9.9\r\n\r\n"),
		"a length below zero":                  send(okHead + "Content-Length: -1\r\n\r\n{}"),
		"two lengths":                          send(okHead + "Content-Length: 2\r\nContent-Length: 3\r\n\r\n{} "),
		"a body that is cut":                   send(okHead + "Content-Length: 100\r\n\r\n{\"user\":"),
		"chunks without end":                   forever(okHead+"Transfer-Encoding: chunked\r\n\r\n", "1000\r\n"+strings.Repeat(" ", 4<<10)+"\r\n", 0),
		"chunks that drip":                     forever(okHead+"Transfer-Encoding: chunked\r\n\r\n", "1\r\n \r\n", 9*time.Second),
		"a chunk that is no chunk":             send(okHead + "Transfer-Encoding: chunked\r\n\r\nzz\r\n"),
		"a redirect to nowhere":                send("HTTP/1.1 302 Found\r\nLocation: https://evil.test/%zz?token=hunter2hunter2\r\nContent-Length: 0\r\n\r\n"),
		"a redirect elsewhere":                 send("HTTP/1.1 308 Found\r\nLocation: https://evil.test/\r\nContent-Length: 0\r\n\r\n"),
		"another protocol":                     send("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n"),
		"gzip that is none":                    zipped(200, "no gzip at all"),
		"a gzip bomb":                          zipped(200, gzipped(zeros, 64)),
		"a gzip bomb of an error":              zipped(400, gzipped(zeros, 64)),
		"a gzip bomb of white space":           zipped(200, gzipped(strings.Repeat(" ", 1<<20), 64)),
		"an error body that drips":             forever("HTTP/1.1 400 Bad Request\r\n\r\n", " ", 9*time.Second),
		"an error body that drips, to be left": forever("HTTP/1.1 503 Unavailable\r\n\r\n", " ", 9*time.Second),
		"HTML that drips":                      forever("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n", "<", 9*time.Second),
		"an error in a 200":                    send(okHead + "Content-Length: 33\r\n\r\n{\"error\":\"internal\",\"status\":500}"),
		"a status of its own":                  send("HTTP/1.1 999 What\r\nContent-Length: 0\r\n\r\n"),
		"Retry-After of a century":             send("HTTP/1.1 503 X\r\nRetry-After: 99999999999999999999999\r\nContent-Length: 0\r\n\r\n"),
	} {
		for call, f := range map[string]func(context.Context, *facade.Cosmic) error{
			"a call": func(ctx context.Context, c *facade.Cosmic) error { _, err := c.Me(ctx); return err },
			"a list": func(ctx context.Context, c *facade.Cosmic) error {
				_, _, err := drain(ctx, c.Certifications())
				return err
			},
			"a create": func(ctx context.Context, c *facade.Cosmic) error {
				_, err := c.CreateCertification(ctx, facade.CertificationCreate{SerialNumber: "1"})
				return err
			},
		} {
			t.Run(name+", "+call, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					defer time.Sleep(2 * time.Hour) // until the server has noticed
					start := time.Now()
					ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
					defer cancel()
					err := f(ctx, server.client(t))
					var e *facade.Error
					if !errors.As(err, &e) || e.Attempts < 1 {
						t.Fatalf("%v", err)
					}
					if took := time.Since(start); took > time.Minute && !(strings.Contains(name, "chunks that drip") && call == "a list") {
						t.Errorf("took %v: %v", took, err)
					}
					if len(err.Error()) > 800 || strings.Contains(err.Error(), "hunter2") {
						t.Errorf("%d bytes of error: %.900s", len(err.Error()), err)
					}
				})
			})
		}
	}
}

// A page that unpacks to more than may be held is read all the same as long as
// its elements are small, and one element that is larger is not.
func TestAGzipBombInAListIsBoundedByItsElements(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		defer time.Sleep(time.Hour)
		const rows = 50_001
		body := gzipped(`{"data":[`, 1) + gzipped(strings.Repeat(certs(uuid1)+",", 1000), 50) + gzipped(certs(uuid2)+"]}", 1)
		n := 0
		for _, err := range zipped(200, body).client(t).Certifications().All(t.Context()) {
			if err != nil {
				t.Fatal(err)
			}
			n++
		}
		if n != rows {
			t.Errorf("%d elements of %d", n, rows)
		}
		bomb := gzipped(`{"data":[{"id":"`+uuid1+`","x":"`, 1) + gzipped(strings.Repeat("0", 1<<20), 64)
		if _, _, err := drain(t.Context(), zipped(200, bomb).client(t).Certifications()); !errors.Is(err, facade.ErrInvalidResponse) {
			t.Error(err)
		}
	})
}

func TestABrokenParameterOfTheContentTypeIsNoMatter(t *testing.T) {
	for header, good := range map[string]bool{
		"application/json": true, "application/JSON; charset": true, "application/json;": true, "application/problem+json; charset=utf-8": true,
		"text/html": false, "text/json-not": false, "application/xml; a=b": false, "x": false,
	} {
		s := &script{replies: []reply{{body: someone, header: map[string]string{"Content-Type": header}}}}
		if _, err := newCosmic(t, s).Me(t.Context()); good != (err == nil) {
			t.Errorf("%q: %v", header, err)
		}
	}
}

// An error's fields come through whatever else its body says, and are bounded.
func TestFieldErrorsComeThroughBesideAMessage(t *testing.T) {
	s := &script{replies: []reply{{status: 400, body: `{"code":"invalid","message":"Bad.","email":["No."],"name":"Too short.","error":{"x":["y"]}}`}}}
	_, err := newCosmic(t, s).Me(t.Context())
	var e *facade.Error
	if !errors.As(err, &e) || e.Code != "invalid" || e.Message != "Bad." || len(e.Fields) != 2 || e.Fields["email"][0] != "No." || e.Fields["name"][0] != "Too short." {
		t.Errorf("%+v", err)
	}
	many := `{` + strings.Repeat(`"`+strings.Repeat("long", 100)+`\n":[`+strings.Repeat(`"s",`, 5000)+`"s"],`, 1) + `"a":["\u001b[31mred\r\n"]}`
	s = &script{replies: []reply{{status: 400, body: many}}}
	if _, err := newCosmic(t, s).Me(t.Context()); len(err.Error()) > 1000 || strings.ContainsAny(err.Error(), "\r\n\x1b") {
		t.Errorf("%d bytes: %.600q", len(err.Error()), err)
	}
}

// The members of an envelope are remembered, to find one that comes twice: not
// without bound.
func TestAnEnvelopeOfAMillionMembersIsRefused(t *testing.T) {
	var many, long strings.Builder
	many.WriteString(`{"data":[]`)
	long.WriteString(`{"data":[]`)
	for i := range 1_000_000 {
		fmt.Fprintf(&many, `,"k%d":1`, i)
	}
	for i := range 100 {
		fmt.Fprintf(&long, `,"%d%s":1`, i, strings.Repeat("x", 1<<10))
	}
	for name, body := range map[string]string{"many": many.String() + "}", "long": long.String() + "}"} {
		s := &script{replies: []reply{jsonReply(body)}}
		c := newCosmic(t, s, facade.WithScopeCheck(facade.CheckNever), facade.WithMaxResponseBytes(1<<16))
		if _, _, err := drain(t.Context(), c.Certifications()); !errors.Is(err, facade.ErrInvalidResponse) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
