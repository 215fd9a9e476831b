package safehttp

import (
	"net/http"
	"sync"
)

// idleConns is how many idle connections are kept, to one host too:
// http.DefaultTransport keeps two a host, so that work on many sessions at a
// time opens a connection for most requests.
const idleConns = 256

var pool struct {
	mu       sync.Mutex
	original *http.Transport // the http.DefaultTransport that shared is a copy of
	shared   *http.Transport
}

// DefaultTransport returns what carries requests where the caller gave no
// transport: a copy of http.DefaultTransport with room for idleConns idle
// connections, one for the whole process as the original is. An
// http.DefaultTransport that the program has replaced is copied anew; one of
// another type is returned as it is.
func DefaultTransport() http.RoundTripper {
	original, ok := http.DefaultTransport.(*http.Transport)
	if !ok {
		return http.DefaultTransport
	}
	pool.mu.Lock()
	defer pool.mu.Unlock()
	if pool.original != original {
		pool.original, pool.shared = original, original.Clone()
		if pool.shared.MaxIdleConnsPerHost == 0 {
			pool.shared.MaxIdleConnsPerHost = idleConns
		}
		if pool.shared.MaxIdleConns != 0 { // 0 is no bound
			pool.shared.MaxIdleConns = max(pool.shared.MaxIdleConns, idleConns)
		}
	}
	return pool.shared
}
