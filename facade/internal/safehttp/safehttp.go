// Package safehttp holds what calls and token requests must agree on to be
// safe: which URLs may see a secret, that no redirect is followed, how much
// of a response is read, how long a server may ask for patience, and what of
// a response may be printed.
package safehttp

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"
)

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

// RoundTripFunc is a function as an [http.RoundTripper].
type RoundTripFunc func(*http.Request) (*http.Response, error)

// RoundTrip calls f.
func (f RoundTripFunc) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// TooLargeError says that a response was longer than its reader allows.
type TooLargeError struct {
	// Limit is the number of bytes that would have been read.
	Limit int64
}

// Error implements error.
func (e *TooLargeError) Error() string {
	return fmt.Sprintf("the response is longer than %d bytes", e.Limit)
}

// ReadAll reads r to its end. Past limit bytes it stops with the first limit
// bytes and a *TooLargeError; any other error comes with what was read so far.
func ReadAll(r io.Reader, limit int64) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(r, limit+1))
	if int64(len(b)) > limit {
		return b[:limit], &TooLargeError{Limit: limit}
	}
	return b, err
}

// largestSize is the longest body for which ReadSized makes room at once: a
// server that only says that much is coming must not cost more.
const largestSize = 64 << 10

// ReadSized is ReadAll for a reader that is said to hold size bytes, which is
// negative if nothing is said: no more memory is used than that, if it is true.
func ReadSized(r io.Reader, size, limit int64) ([]byte, error) {
	if size < 0 || size > min(limit, largestSize) {
		return ReadAll(r, limit)
	}
	b := make([]byte, 0, size+1) // one more, to come to the end
	for len(b) < cap(b) {
		n, err := r.Read(b[len(b):cap(b)])
		b = b[:len(b)+n]
		if err == io.EOF { //nolint:errorlint // one within another error is a failure
			return b, nil
		}
		if err != nil {
			return b, err
		}
	}
	return ReadAll(io.MultiReader(bytes.NewReader(b), r), limit) // more came than was said
}

// maxRetryAfter caps what a server can ask for.
const maxRetryAfter = 24 * time.Hour

// RetryAfter reads the Retry-After header (RFC 9110 section 10.2.3): seconds,
// also with a fraction, or an HTTP date, which is taken relative to now. A
// negative delay or a date in the past is 0; a delay over 24 hours is 24
// hours. It reports false if the header is absent or is neither form.
func RetryAfter(h http.Header, now time.Time) (time.Duration, bool) {
	v := strings.TrimSpace(h.Get("Retry-After"))
	if v == "" {
		return 0, false
	}
	// A number out of range comes back as an infinity together with an error.
	if s, err := strconv.ParseFloat(v, 64); err == nil || math.IsInf(s, 0) {
		switch {
		case math.IsNaN(s):
			return 0, false
		case s <= 0:
			return 0, true
		case s >= maxRetryAfter.Seconds():
			return maxRetryAfter, true
		}
		return time.Duration(s * float64(time.Second)), true
	}
	at, err := http.ParseTime(v)
	if err != nil {
		return 0, false
	}
	return min(max(at.Sub(now), 0), maxRetryAfter), true
}

// UnreadableCode stands for an OAuth error code that is not printed.
const UnreadableCode = "unreadable_code"

// ErrorCode lets through what looks like an OAuth error code (RFC 6749 has
// lower-case letters and underscores), so that nothing that a server repeats gets
// into an error.
func ErrorCode(s string) string {
	if len(s) > 64 || strings.Trim(s, "abcdefghijklmnopqrstuvwxyz_") != "" {
		return UnreadableCode
	}
	return s
}
