package safehttp

import (
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"
)

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
