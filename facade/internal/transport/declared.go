package transport

import (
	"fmt"
	"slices"
	"time"

	"github.com/credkit/credkit-go/api/spec"
)

// window is one limit: free returns when a request may go that has others
// ahead of it, count counts one that goes, String says what the limit is.
type window interface {
	free(now time.Time, ahead int) time.Time
	count(now time.Time)
	String() string
}

// ring remembers when each of the last requests went, for short windows.
type ring struct {
	limit spec.RateLimit
	at    []time.Time
	next  int // the oldest of them
}

func (r *ring) free(now time.Time, ahead int) time.Time {
	rounds, place := ahead/len(r.at), ahead%len(r.at)
	free := now
	if before := r.at[(r.next+place)%len(r.at)]; !before.IsZero() && before.Add(r.limit.Window).After(now) {
		free = before.Add(r.limit.Window)
	}
	return free.Add(time.Duration(rounds) * r.limit.Window)
}

func (r *ring) count(now time.Time) {
	r.at[r.next] = now
	r.next = (r.next + 1) % len(r.at)
}

func (r *ring) String() string { return limitText(r.limit) }

// hours counts by the hour, for long windows: an hour that the window has
// partly left still counts whole, so that the count is never too low.
type hours struct {
	limit spec.RateLimit
	sent  tally
}

func (h *hours) free(now time.Time, ahead int) time.Time {
	h.sent.forget(now)
	sum := ahead
	for _, row := range h.sent.rows {
		sum += row.count
	}
	for _, row := range h.sent.rows {
		if sum < h.limit.Requests {
			break
		}
		sum -= row.count
		now = row.start.Add(h.sent.keep)
	}
	return now
}

func (h *hours) count(now time.Time) { h.sent.add(now, 1) }

func (h *hours) String() string { return limitText(h.limit) }

func limitText(l spec.RateLimit) string {
	return fmt.Sprintf("the limit of %d requests in %v", l.Requests, l.Window)
}

// tally counts by units of time, and forgets a unit when keep has passed since
// its beginning.
type tally struct {
	unit, keep time.Duration
	rows       []row
}

type row struct {
	start time.Time
	count int
}

func (t *tally) add(now time.Time, n int) {
	if last := len(t.rows) - 1; last >= 0 && now.Sub(t.rows[last].start) < t.unit {
		t.rows[last].count += n
		return
	}
	t.forget(now)
	t.rows = append(t.rows, row{start: now, count: n})
}

func (t *tally) forget(now time.Time) {
	t.rows = slices.DeleteFunc(t.rows, func(r row) bool { return now.Sub(r.start) >= t.keep })
}

// since returns the count of the units that had not ended at that time.
func (t *tally) since(at time.Time) (n int) {
	for _, row := range t.rows {
		if row.start.Add(t.unit).After(at) {
			n += row.count
		}
	}
	return n
}
