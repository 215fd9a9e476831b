package auth_test

import (
	"bytes"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/credkit/credkit-go/facade/auth"
	"github.com/credkit/credkit-go/facade/sandbox"
)

// The outcomes of a token request once more, over sockets and net/http, whose
// ways of failing no double has.

// expired signs in at sb, in an encrypted store, with an access token that is
// over.
func expired(t *testing.T, sb *sandbox.Sandbox, o order) (*auth.Sessions, auth.Renewer) {
	t.Helper()
	k, err := auth.NewEncryptionKey(bytes.Repeat([]byte("k"), 32))
	if err != nil {
		t.Fatal(err)
	}
	store, err := auth.NewEncryptedStore(auth.NewMemoryStore(), k)
	if err != nil {
		t.Fatal(err)
	}
	sessions, err := auth.NewSessions(store, auth.App{ClientID: o.ClientID})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := sessions.Close(t.Context()); err != nil && t.Context().Err() == nil {
			t.Error(err)
		}
	})
	o.signIn(t, sb, sessions)
	src, err := sessions.Key(fleetKey).Source(o.endpoint())
	if err != nil {
		t.Fatal(err)
	}
	return sessions, src.(auth.Renewer)
}

func TestOutcomesOverSockets(t *testing.T) {
	t.Parallel()
	var strayed atomic.Int64
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { strayed.Add(1) }))
	defer elsewhere.Close()
	for name, c := range map[string]struct {
		fault []sandbox.Part
		err   string // of the first caller; "" for success at the second try
		again int    // replays of a parent
	}{
		"503":                       {[]sandbox.Part{sandbox.Status(503)}, "", 0},
		"503 after rotating":        {[]sandbox.Part{sandbox.Processed(), sandbox.Status(503)}, "", 1},
		"HTML":                      {[]sandbox.Part{sandbox.Body("text/html", []byte("<h1>sign in</h1>"))}, "", 0},
		"{}":                        {[]sandbox.Part{sandbox.Body("application/json", []byte("{}"))}, "", 0},
		"10 MB":                     {[]sandbox.Part{sandbox.Body("application/json", bytes.Repeat([]byte(" "), 10<<20))}, "", 0},
		"cut before rotating":       {[]sandbox.Part{sandbox.CutBefore()}, "", 0},
		"reset before rotating":     {[]sandbox.Part{sandbox.CutBefore(), sandbox.Reset()}, "", 0},
		"cut after rotating":        {[]sandbox.Part{sandbox.CutAfterProcessing()}, "", 1},
		"cut after the first bytes": {[]sandbox.Part{sandbox.CutAfter(20)}, "", 1},
		"redirect to another host":  {[]sandbox.Part{sandbox.Redirect(elsewhere.URL + "/token")}, "redirect, which is never followed", 0},
	} {
		t.Run(name, func(t *testing.T) {
			sb, o := setUp(t, "")
			_, src := expired(t, sb, o)
			if err := sb.Fail(append(c.fault, sandbox.On(sandbox.OpToken), sandbox.Times(1))...); err != nil {
				t.Fatal(err)
			}
			_, err := src.Token(t.Context())
			if (err == nil) != (c.err == "") || (err != nil && !strings.Contains(err.Error(), c.err)) {
				t.Errorf("%v, want %q", err, c.err)
			}
			count := sb.Counters()
			if count.FamiliesRevoked != 0 || count.ReplaysRefused != 0 || (err == nil && count.Forgiven != c.again) {
				t.Errorf("%+v", count)
			}
		})
	}
	if n := strayed.Load(); n != 0 {
		t.Errorf("another origin heard %d requests", n)
	}
}

func TestWhatNeverLeftThisMachineIsKnown(t *testing.T) {
	t.Parallel()
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := closed.Close(); err != nil {
		t.Fatal(err)
	}
	unknown := httptest.NewTLSServer(http.NotFoundHandler()) // no client knows its certificate
	defer unknown.Close()
	for name, url := range map[string]string{
		"a closed port": "http://" + closed.Addr().String(), "an unknown certificate": unknown.URL, "no such host": "https://nobody.invalid",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			src, err := auth.ClientCredentials("id", "secret").Source(auth.Endpoint{Service: "certn", TokenURL: url + "/token/"})
			if err != nil {
				t.Fatal(err)
			}
			var te *auth.TokenError
			if _, err := src.Token(t.Context()); !errors.As(err, &te) || te.Status != 0 || te.Problem != "the endpoint could not be reached" {
				t.Errorf("%v", err)
			}
		})
	}
}

func TestCloseLeavesNoGoroutine(t *testing.T) {
	before := goleak.IgnoreCurrent()
	sb, err := sandbox.Start(sandbox.WithApps(sandbox.App{ClientID: "my-app"}), sandbox.WithTokenLifetime(time.Second))
	if err != nil {
		t.Fatal(err)
	}
	o := order{URL: sb.CosmicURL(), ClientID: "my-app"}
	sessions, err := auth.NewSessions(auth.NewMemoryStore(), auth.App{ClientID: o.ClientID})
	if err != nil {
		t.Fatal(err)
	}
	o.signIn(t, sb, sessions)
	e := o.endpoint()
	e.HTTPClient = sb.Client()
	src, err := sessions.Key(fleetKey).Source(e)
	if err != nil {
		t.Fatal(err)
	}
	for range 20 {
		if _, err := src.Token(t.Context()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(50 * time.Millisecond)
	}
	if err := sessions.Close(t.Context()); err != nil {
		t.Error(err)
	}
	sb.Close()
	goleak.VerifyNone(t, before)
}
