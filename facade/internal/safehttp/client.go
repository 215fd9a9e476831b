// Package safehttp holds what calls and token requests must agree on to be
// safe: which URLs may see a secret, that no redirect is followed, how much
// of a response is read, how long a server may ask for patience, and what of
// a response may be printed.
package safehttp

import "net/http"

// Client returns a copy of base that never follows a redirect: the redirect
// response itself comes back, so that no credential travels on to another
// place. A nil base means http.DefaultClient. base is not changed; its
// transport, cookie jar and timeout are shared. Without a transport the copy
// has [DefaultTransport].
func Client(base *http.Client) *http.Client {
	if base == nil {
		base = http.DefaultClient
	}
	c := *base
	c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	if c.Transport == nil {
		c.Transport = DefaultTransport()
	}
	return &c
}
