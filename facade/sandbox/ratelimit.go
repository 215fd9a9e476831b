package sandbox

import (
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/credkit/credkit-go/api/spec"
)

// limiter keeps exact rolling limits: the times of the last requests that
// passed, for each limit as many as it allows.
type limiter struct{ windows []window }

type window struct {
	spec.RateLimit
	passed []time.Time // a ring
	next   int         // where the next one goes: the oldest
}

func newLimiter(limits []spec.RateLimit) *limiter {
	l := &limiter{}
	for _, limit := range limits {
		l.windows = append(l.windows, window{RateLimit: limit, passed: make([]time.Time, limit.Requests)})
	}
	return l
}

// take lets a request pass, or says how long until one may. A refused request
// does not count.
func (l *limiter) take(now time.Time) (wait time.Duration, over bool) {
	for i := range l.windows {
		w := &l.windows[i]
		if oldest := w.passed[w.next]; !oldest.IsZero() {
			wait = max(wait, oldest.Add(w.Window).Sub(now))
		}
	}
	if wait > 0 {
		return wait, true
	}
	for i := range l.windows {
		w := &l.windows[i]
		w.passed[w.next] = now
		w.next = (w.next + 1) % len(w.passed)
	}
	return 0, false
}

// overLimit counts a request of a client of a service against the limits.
func (s *Sandbox) overLimit(v *service, client string, limits []spec.RateLimit) (wait time.Duration, over bool) {
	if len(limits) == 0 {
		return 0, false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	key := v.table.Name + " " + client
	l := s.limits[key]
	if l == nil {
		l = newLimiter(limits)
		s.limits[key] = l
	}
	return l.take(time.Now())
}

// throttled counts a response with status 429, and sets its Retry-After: whole
// seconds, rounded up.
func (s *Sandbox) throttled(w http.ResponseWriter, wait time.Duration) (seconds int64) {
	s.log.count(func(c *Counters) { c.RateLimited++ })
	seconds = int64(math.Ceil(wait.Seconds()))
	if !s.set.noRetryAfter {
		w.Header().Set("Retry-After", strconv.FormatInt(seconds, 10))
	}
	return seconds
}
