package auth

import (
	"errors"
	"net"
	"net/http"
	"time"

	"github.com/credkit/credkit-go/facade/internal/safehttp"
)

// An outcome is what a token request came to, and decides what happens to the
// session that it was made for.
//
//	outcome        what happened                           session    again
//	granted        2xx with a token                        saved      -
//	unsent         it never left this process              kept       after a pause
//	throttled      429                                     kept       after Retry-After, at most 15 min
//	ambiguous      timeout, cut, 408, 5xx, unreadable 2xx  kept       after a pause, if the record is unchanged
//	dead           a code that says the session is over    ended      never
//	misconfigured  invalid_client and the like             kept       not by itself
//	rejected       any other answer, redirects among them  kept       not by itself
type outcome int

const (
	granted outcome = iota
	unsent
	throttled
	ambiguous
	dead
	misconfigured
	rejected
)

// again reports whether the same request may help a moment later.
func (o outcome) again() bool { return o == unsent || o == throttled || o == ambiguous }

// invalidCredentials is said of a session and, it seems, of a client with a
// wrong secret alike.
const invalidCredentials = "invalid_credentials"

// The codes that decide. COSMIC's sign-in service has two error shapes, both
// with status 400; the second (error_code) never says invalid_grant.
var codes = map[string]outcome{
	"invalid_grant":              dead, // RFC 6749 section 5.2
	"refresh_token_not_found":    dead,
	"refresh_token_already_used": dead,
	"session_not_found":          dead,
	"session_expired":            dead,
	invalidCredentials:           dead, // but see judge

	"invalid_client":         misconfigured,
	"unauthorized_client":    misconfigured,
	"unsupported_grant_type": misconfigured,
	"invalid_request":        misconfigured,
	"invalid_scope":          misconfigured,
}

// A reply is what came back of one token request.
type reply struct {
	status int
	header http.Header
	body   []byte
	err    error // of the request, or of reading the body; post redacts it
	sent   bool  // false only if it is certain that nothing was
}

// judge classifies a reply. The error is nil for granted alone. What could
// as well be said of the client's own secret, if it is confidential, ends no
// session: one wrong setting would end all of them.
func judge(r reply, url, grant string, confidential bool, now time.Time) (outcome, answer, *TokenError) {
	e := &TokenError{URL: url, Grant: grant, Status: r.status, err: r.err}
	fail := func(o outcome, problem string) (outcome, answer, *TokenError) {
		e.outcome, e.Problem = o, problem
		return o, answer{}, e
	}
	if r.status == 0 {
		if !r.sent {
			return fail(unsent, "the endpoint could not be reached")
		}
		return fail(ambiguous, "no answer came back")
	}
	a := readAnswer(r.body, r.err == nil)
	e.Code = a.code
	refusal, known := codes[a.code]
	if confidential && a.code == invalidCredentials {
		refusal = misconfigured
	}
	if after, ok := safehttp.RetryAfter(r.header, now); ok {
		e.RetryAfter = after
	}
	switch {
	case r.status >= 200 && r.status < 300:
		if a.refresh != "" || (a.access != "" && a.whole) {
			return granted, a, nil
		}
		if known {
			return fail(refusal, "the endpoint refused") // some servers say 200 to everything
		}
		var tooLarge *safehttp.TooLargeError
		switch {
		case errors.As(r.err, &tooLarge):
			return fail(ambiguous, "the answer is too long to be a token")
		case r.err != nil:
			return fail(ambiguous, "the answer was cut")
		}
		return fail(ambiguous, "the answer holds no token")
	case r.status == http.StatusTooManyRequests:
		return fail(throttled, "the endpoint asks for patience")
	case r.status >= 500 || r.status == http.StatusRequestTimeout:
		return fail(ambiguous, "the endpoint failed")
	case r.status >= 300 && r.status < 400:
		return fail(rejected, "the endpoint answered with a redirect, which is never followed: check the base URL")
	}
	if known {
		return fail(refusal, "the endpoint refused")
	}
	if r.status == http.StatusUnauthorized {
		return fail(misconfigured, "the endpoint does not accept the client")
	}
	return fail(rejected, "the endpoint refused")
}

// neverLeft reports whether err proves that no byte of a request was written.
func neverLeft(err error) bool {
	var dns *net.DNSError
	var op *net.OpError
	return errors.As(err, &dns) || (errors.As(err, &op) && op.Op == "dial")
}
