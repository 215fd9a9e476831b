package memnet

import (
	"errors"
	"io"
	"net"
	"net/http"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// The most specific listener gets the request, and knows what was dialled.
func TestARequestReachesItsListener(t *testing.T) {
	var n Network
	for _, address := range []string{"a.test", "a.test:8080", ""} {
		l, err := n.Listen(address)
		if err != nil {
			t.Fatal(err)
		}
		server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			local, _ := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
			_, _ = io.WriteString(w, address+" by "+local.String())
		})}
		done := make(chan struct{})
		go func() { defer close(done); _ = server.Serve(l) }() // until Close
		t.Cleanup(func() { _ = server.Close(); <-done })
		if _, err := n.Listen(address); err == nil {
			t.Errorf("%q has two listeners", address)
		}
	}
	client := &http.Client{Transport: n.Transport()}
	t.Cleanup(client.CloseIdleConnections)
	for url, want := range map[string]string{
		"http://a.test":       "a.test by a.test:80",
		"https://A.test":      "a.test by a.test:443",
		"http://a.test:8080":  "a.test:8080 by a.test:8080",
		"https://b.test:4443": " by b.test:4443",
	} {
		resp, err := client.Get(url)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if err != nil || string(body) != want {
			t.Errorf("%s: %q, %v; want %q", url, body, err, want)
		}
	}
}

func TestADialThatReachesNobodyFails(t *testing.T) {
	var n Network
	var unknown *net.DNSError
	if _, err := n.Dial(t.Context(), "tcp", "nobody.test:80"); !errors.As(err, &unknown) || !unknown.IsNotFound {
		t.Errorf("%v", err)
	}
	l, err := n.Listen("closed.test")
	if err != nil {
		t.Fatal(err)
	}
	_ = l.Close()
	if _, err := n.Dial(t.Context(), "tcp", "closed.test:80"); !errors.Is(err, net.ErrClosed) {
		t.Errorf("%v", err)
	}
	if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("%v", err)
	}
}
