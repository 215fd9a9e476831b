package sandbox

import (
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

// overLimit counts a request of a client against the limits.
func (s *Sandbox) overLimit(client string) (wait time.Duration, over bool) {
	if len(s.set.limits) == 0 {
		return 0, false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.limits[client]
	if l == nil {
		l = newLimiter(s.set.limits)
		s.limits[client] = l
	}
	return l.take(time.Now())
}
