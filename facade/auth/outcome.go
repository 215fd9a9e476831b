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
//	outcome        what happened                              session  again
//	granted        2xx with a token                           saved    -
//	unsent         it never left this process                 kept     after a pause
//	throttled      429                                        kept     after Retry-After, at most 15 min
//	ambiguous      timeout, cut, 408, 409, 5xx, hook_timeout  kept     after a pause, if the record is unchanged
//	               and conflict, 2xx without a usable token
//	dead           a code that says the session is over       ended    never
//	misconfigured  a code about the client: invalid_client,   kept     not by itself
//	               invalid_credentials and the like
//	rejected       anything else: redirects, user_banned      kept     not by itself
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

// String names the outcome, for statistics.
func (o outcome) String() string {
	return [...]string{"granted", "unsent", "throttled", "ambiguous", "dead", "misconfigured", "rejected"}[o]
}

// retryable reports whether the same request may help a moment later.
func (o outcome) retryable() bool { return o == unsent || o == throttled || o == ambiguous }

// The codes that decide. COSMIC's sign-in service has two error shapes; the
// second (error_code) never says invalid_grant.
var codes = map[string]outcome{
	"invalid_grant":              dead, // RFC 6749 section 5.2
	"refresh_token_not_found":    dead,
	"refresh_token_already_used": dead,
	"session_not_found":          dead,
	"session_expired":            dead,
	"validation_failed":          dead, // the token is ahead of a server whose database was restored

	"conflict":                 ambiguous, // another refresh of the session holds the server's lock
	"hook_timeout":             ambiguous,
	"hook_timeout_after_retry": ambiguous,

	"invalid_client":         misconfigured,
	"invalid_credentials":    misconfigured, // wrong or missing client authentication; never about the session
	"unauthorized_client":    misconfigured,
	"unsupported_grant_type": misconfigured,
	"invalid_request":        misconfigured,
	"invalid_scope":          misconfigured,

	"user_banned": rejected, // the session goes on once the ban is lifted
}

// advice says what a code means, and what to do about it, where that is more
// than that the endpoint refused.
var advice = map[string]struct{ problem, remedy string }{
	"conflict":                 {"another refresh of this session was under way at the endpoint", ""},
	"hook_timeout":             {"an extension (hook) of the sign-in service took too long", ""},
	"hook_timeout_after_retry": {"an extension (hook) of the sign-in service took too long", ""},
	"user_banned":              {"the sign-in service has banned this user", "whoever administers its users has to lift the ban; the session is kept and then goes on"},
}

// A rawResponse is what came back of one token request.
type rawResponse struct {
	status int
	header http.Header
	body   []byte
	err    error // of the request, or of reading the body; request redacts it
	sent   bool  // false only if it is certain that nothing was
}

// classify classifies a rawResponse. The error is nil for granted alone.
func classify(r rawResponse, url, grant string, now time.Time) (outcome, response, *TokenError) {
	e := &TokenError{URL: url, Grant: grant, Status: r.status, err: r.err}
	fail := func(o outcome, problem string) (outcome, response, *TokenError) { //nolint:unparam // what classify returns
		e.outcome, e.Problem = o, problem
		return o, response{}, e
	}
	if r.status == 0 {
		if !r.sent {
			return fail(unsent, "the endpoint could not be reached")
		}
		return fail(ambiguous, "no response came back")
	}
	a := parseResponse(r.body, r.err == nil)
	e.Code = a.code
	refusal, known := codes[a.code]
	refused := func() (outcome, response, *TokenError) {
		e.reason = reasonOf(a.code, a.text)
		problem := "the endpoint refused"
		if about, found := advice[a.code]; found {
			problem, e.Remedy = about.problem, about.remedy
		}
		if grant == "authorization_code" && a.code == "invalid_grant" {
			problem, e.Remedy = "the sign-in's code has expired or was used before", "start the sign-in again"
		}
		return fail(refusal, problem)
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
			return refused() // some servers say 200 to everything
		}
		var tooLarge *safehttp.TooLargeError
		switch {
		case errors.As(r.err, &tooLarge):
			return fail(ambiguous, "the response is too long to be a token")
		case r.err != nil:
			return fail(ambiguous, "the response was cut")
		}
		if a.unusable {
			return fail(ambiguous, "the access token of the response holds characters that no token may have (RFC 6750 section 2.1)")
		}
		return fail(ambiguous, "the response holds no token")
	case r.status == http.StatusTooManyRequests:
		return fail(throttled, "the endpoint asks for patience")
	case r.status >= 500 || r.status == http.StatusRequestTimeout:
		return fail(ambiguous, "the endpoint failed")
	case r.status >= 300 && r.status < 400:
		return fail(rejected, "the endpoint responded with a redirect, which is never followed: check the base URL")
	}
	switch {
	case known:
		return refused()
	case r.status == http.StatusUnauthorized:
		return fail(misconfigured, "the endpoint does not accept the client")
	case r.status == http.StatusConflict:
		return fail(ambiguous, "the endpoint is at work on the same thing for another request")
	}
	return fail(rejected, "the endpoint refused")
}

// neverLeft reports whether err proves that no byte of a request was written.
func neverLeft(err error) bool {
	var dns *net.DNSError
	var op *net.OpError
	return errors.As(err, &dns) || (errors.As(err, &op) && op.Op == "dial")
}
