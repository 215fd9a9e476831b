package safehttp_test

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/credkit/credkit-go/facade/internal/safehttp"
)

func TestDefaultTransportReusesConnections(t *testing.T) {
	const parallel, rounds = 32, 40
	var opened atomic.Int64
	var arrived sync.WaitGroup
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, _ *http.Request) {
		arrived.Done()
		arrived.Wait() // all requests of a round are in flight together
	}))
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			opened.Add(1)
		}
	}
	server.Start()
	defer server.Close()
	client := safehttp.Client(nil)
	for range rounds {
		arrived.Add(parallel)
		var all sync.WaitGroup
		for range parallel {
			all.Go(func() {
				resp, err := client.Get(server.URL)
				if err != nil {
					t.Error(err)
					return
				}
				_, _ = io.Copy(io.Discard, resp.Body)
				_ = resp.Body.Close()
			})
		}
		all.Wait()
	}
	if n := opened.Load(); n > 2*parallel { // http.DefaultTransport opens parallel-2 more in each round
		t.Errorf("%d connections for %d requests, %d at a time", n, parallel*rounds, parallel)
	}
}

func TestDefaultTransportIsACopyOfTheProgramsOwn(t *testing.T) {
	original := http.DefaultTransport
	defer func() { http.DefaultTransport = original }()

	first := safehttp.DefaultTransport()
	if first == original || first != safehttp.DefaultTransport() {
		t.Error("want one copy, the same each time")
	}
	if original.(*http.Transport).MaxIdleConnsPerHost != 0 {
		t.Error("http.DefaultTransport was changed")
	}
	replaced := &http.Transport{MaxIdleConnsPerHost: 3}
	http.DefaultTransport = replaced
	if got, ok := safehttp.DefaultTransport().(*http.Transport); !ok || got == replaced || got.MaxIdleConnsPerHost != 3 {
		t.Errorf("want a copy of the program's transport, with its bound: %+v", got)
	}
	type other struct{ http.RoundTripper }
	http.DefaultTransport = other{original}
	if _, ok := safehttp.DefaultTransport().(other); !ok {
		t.Error("want a transport of another type as it is")
	}
}
