package transport

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/credkit/credkit-go/api/cosmic"
	"github.com/credkit/credkit-go/api/spec"
	"github.com/credkit/credkit-go/facade/auth"
	"github.com/credkit/credkit-go/facade/internal/safehttp"
)

func operation(t *testing.T, id spec.OperationID) *spec.Operation {
	t.Helper()
	op, ok := cosmic.Service.Operation(id)
	if !ok {
		t.Fatal(id)
	}
	return op
}

func chain(t *testing.T, origin string, client *http.Client) Handler {
	t.Helper()
	source, err := auth.StaticToken("the-token").Source(auth.Endpoint{Service: "cosmic", Origin: origin})
	if err != nil {
		t.Fatal(err)
	}
	return New(Config{Service: "cosmic", Origin: origin, Source: source, HTTPClient: client, Budget: NewBudget(0), MaxResponseBytes: 1 << 20})
}

func create(t *testing.T, base string) *Call {
	t.Helper()
	req, err := http.NewRequest(http.MethodPost, base+"/v1/certifications", bytes.NewReader([]byte(`{"serial_number":"1"}`)))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Idempotency-Key", "one")
	return &Call{Operation: operation(t, cosmic.OpCreateCertification), Request: req}
}

// A keep-alive connection that the server closes when the next request comes
// is the case in which net/http by itself sends a request with an
// Idempotency-Key twice. The server counts what it read: once.
func TestACreateOnADyingConnectionIsSentOnce(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	var creates atomic.Int32
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer func() { _ = conn.Close() }()
				r := bufio.NewReader(conn)
				for {
					req, err := http.ReadRequest(r)
					if err != nil {
						return
					}
					_, _ = io.Copy(io.Discard, req.Body)
					if req.Method == http.MethodPost {
						creates.Add(1)
						return // closed without a word
					}
					_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}")
				}
			}()
		}
	}()
	origin := "http://" + listener.Addr().String()
	h := chain(t, origin, &http.Client{Transport: &http.Transport{}})
	get, _ := http.NewRequest(http.MethodGet, origin+"/v1/me", http.NoBody)
	resp, err := h(t.Context(), &Call{Operation: operation(t, cosmic.OpGetMe), Request: get})
	if err != nil {
		t.Fatal(err)
	}
	discard(resp)

	call := create(t, origin)
	_, err = h(t.Context(), call)
	var network *NetworkError
	if !errors.As(err, &network) || network.Unsent || call.Attempts != 1 || creates.Load() != 1 {
		t.Errorf("the server saw %d creates in %d attempts: %v", creates.Load(), call.Attempts, err)
	}
}

// A connection that cannot be made has sent nothing: the create is tried again.
func TestACreateThatWasNeverSentIsSentAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dials := 0
		client := &http.Client{Transport: &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) {
			dials++
			return nil, &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
		}}}
		call := create(t, "http://127.0.0.1:8080")
		_, err := chain(t, "http://127.0.0.1:8080", client)(t.Context(), call)
		var network *NetworkError
		if !errors.As(err, &network) || !network.Unsent || call.Attempts != 4 || dials != 4 {
			t.Errorf("%d attempts, %d dials: %v", call.Attempts, dials, err)
		}
	})
}

// A transport that reports nothing of its progress may have sent anything.
func TestATransportThatSaysNothingIsNotTrusted(t *testing.T) {
	sent := 0
	client := &http.Client{Transport: safehttp.RoundTripFunc(func(*http.Request) (*http.Response, error) {
		sent++
		return nil, errors.New("gone")
	})}
	if _, err := chain(t, "https://a.test", client)(t.Context(), create(t, "https://a.test")); err == nil || sent != 1 {
		t.Errorf("sent %d times: %v", sent, err)
	}
}

func TestATokenGoesToItsOriginAlone(t *testing.T) {
	sent := 0
	client := &http.Client{Transport: safehttp.RoundTripFunc(func(r *http.Request) (*http.Response, error) {
		sent++
		return &http.Response{StatusCode: 200, Body: http.NoBody, Request: r, Header: http.Header{}}, nil
	})}
	h := chain(t, "https://a.test", client)
	for _, base := range []string{"https://b.test", "http://a.test", "https://a.test:444", "https://a.test.evil.test"} {
		if _, err := h(t.Context(), create(t, base)); err == nil || sent != 0 {
			t.Errorf("%s was sent a token: %v", base, err)
		}
	}
	call := create(t, "https://a.test")
	call.Request.Host = "b.test"
	if _, err := h(t.Context(), call); err == nil || sent != 0 {
		t.Errorf("another Host was sent a token: %v", err)
	}
	if _, err := h(t.Context(), create(t, "https://A.test:443")); err != nil || sent != 1 {
		t.Errorf("the same origin, otherwise written: %v", err)
	}
}

// The Timeout of the caller's client bounds the wait for a response and each
// read that stalls, and not the reading of a long list.
func TestTheClientsTimeoutCutsNoLongList(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, _ := responding(nil, func() io.ReadCloser { return &stalling{delay: 3 * time.Second} }, 200)
		client.Timeout = 5 * time.Second
		call := read(t, "https://a.test", cosmic.OpListCertifications)
		call.Stream = true
		resp, err := chain(t, "https://a.test", client)(t.Context(), call)
		if err != nil {
			t.Fatal(err)
		}
		for range 100 {
			if n, err := resp.Body.Read(make([]byte, 8)); n == 0 || err != nil {
				t.Fatalf("%d bytes, %v", n, err)
			}
			time.Sleep(time.Minute)
		}
		if err := resp.Body.Close(); err != nil {
			t.Error(err)
		}
	})
}

// Whoever may change a request gets one of its own: the next attempt is sent
// as the call was built. What was sent is not changed by us.
func TestEachAttemptIsSentAsItWasBuilt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var sent []*http.Request
		client := &http.Client{Transport: safehttp.RoundTripFunc(func(r *http.Request) (*http.Response, error) {
			if len(r.Header) != 3 || r.URL.RawQuery != "" || r.Header.Get("User-Agent") != "credkit" || !strings.HasPrefix(r.Header.Get("Authorization"), "Bearer t") {
				t.Errorf("attempt %d: %v %v", len(sent)+1, r.URL, r.Header)
			}
			sent = append(sent, r)
			r.Header.Set("X-Traced", "yes")
			r.Header["Authorization"][0] = "Basic x"
			r.Header["User-Agent"][0] = "x"
			r.URL.RawQuery = "traced=yes"
			return &http.Response{StatusCode: []int{503, 401, 200}[len(sent)-1], Body: http.NoBody, Request: r, Header: http.Header{}}, nil
		})}
		h := New(Config{Origin: "https://a.test", Source: &renewing{token: "t"}, HTTPClient: client, Budget: NewBudget(0), MaxResponseBytes: 1 << 20, UserAgent: "credkit"})
		call := create(t, "https://a.test")
		call.Operation = operation(t, cosmic.OpGetMe)
		call.Request.Header.Del("Content-Type")
		if resp, err := h(t.Context(), call); err != nil || resp.StatusCode != 200 || len(sent) != 3 {
			t.Errorf("%v, %v, %d sent", resp, err, len(sent))
		}
	})
}

// A cookie jar works, and its cookies do not pile up from one attempt to the next.
func TestACookieJarIsAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		jar, _ := cookiejar.New(nil)
		var cookies []string
		client := &http.Client{Jar: jar, Transport: safehttp.RoundTripFunc(func(r *http.Request) (*http.Response, error) {
			cookies = append(cookies, r.Header.Get("Cookie"))
			return &http.Response{StatusCode: []int{503, 503, 200}[len(cookies)-1], Body: http.NoBody, Request: r, Header: http.Header{"Set-Cookie": {"a=1"}}}, nil
		})}
		if _, err := chain(t, "https://a.test", client)(t.Context(), read(t, "https://a.test", cosmic.OpGetMe)); err != nil || !slices.Equal(cookies, []string{"", "a=1", "a=1"}) {
			t.Errorf("%v, cookies %q", err, cookies)
		}
	})
}

// http.Transport may read a request after it has failed: the next attempt must
// not change it under its hands.
func TestARequestThatWasSentIsNotChanged(t *testing.T) {
	var held []*http.Request
	h := send(&http.Client{Transport: safehttp.RoundTripFunc(func(r *http.Request) (*http.Response, error) {
		held = append(held, r)
		return &http.Response{StatusCode: 401, Body: http.NoBody, Request: r, Header: http.Header{}}, nil
	})}, time.Minute, "credkit")
	shared := func(ctx context.Context, call *Call) (*http.Response, error) { // as for http.Transport
		call.Attempts++
		held = append(held, call.Request)
		return &http.Response{StatusCode: 401, Body: http.NoBody, Header: http.Header{}}, nil
	}
	for _, next := range []Handler{h, shared} {
		held = nil
		if _, err := authorize(next, &renewing{token: "t"})(t.Context(), read(t, "https://a.test", cosmic.OpGetMe)); err != nil || len(held) != 2 {
			t.Fatal(err, len(held))
		}
		if a, b := held[0].Header.Get("Authorization"), held[1].Header.Get("Authorization"); a != "Bearer t" || b != "Bearer t!" {
			t.Errorf("sent %q and %q", a, b)
		}
	}
}
