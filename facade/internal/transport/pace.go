package transport

import (
	"fmt"
	"time"
)

// pace is a limit that nobody has declared, learned from the 429s of a server:
// after the pause that follows a 429, requests go one by one, at the rate that
// the server accepted before. While that goes well the rate rises by a quarter
// at a time; if a rise brings a 429, the rate before it is kept for twice as
// long as the last time. That is how TCP finds out what a network carries (RFC
// 5681), with the difference that the rate which was accepted is known.
//
// The zero value lets everything go until the first 429.
type pace struct {
	interval time.Duration // between two requests; zero: no limit is known
	at       time.Time     // when the next may go
	sent     tally         // requests that went and were not refused

	// The running series of 429s: when it began, the time over which what was
	// accepted before it is counted, and the intervals before it.
	since          time.Time
	span           time.Duration
	before, proven time.Duration

	raisedFrom time.Duration // the interval before the last rise; zero if no rise since the last 429
	changed    time.Time     // when the interval was last changed
	calm       int           // requests since then
	hold       time.Duration // how long the interval is kept before it rises
}

const (
	// defaultInterval is the pace after a 429 before which too few requests
	// were accepted to learn anything from.
	defaultInterval = 100 * time.Millisecond
	fewest          = 8 // requests that something can be learned from
	// A server counts by seconds or by minutes. Over less than a second the
	// accepted requests would be a burst and no rate.
	shortestSpan, longestSpan = time.Second, time.Minute
	firstHold, longestHold    = 5 * time.Second, 5 * time.Minute
	riseHold                  = time.Second // after a rise that went well
	// slack is how late a request may go without the next ones going later:
	// timers are late, and the rate would be lower than it is said to be.
	slack = 10 * time.Millisecond
)

func (p *pace) free(now time.Time, ahead int) time.Time {
	p.rise(now)
	if p.interval == 0 {
		return now
	}
	return later(now, p.at).Add(time.Duration(ahead) * p.interval)
}

func (p *pace) count(now time.Time) {
	if p.sent.unit == 0 {
		p.sent = tally{unit: shortestSpan / 4, keep: longestSpan + shortestSpan}
	}
	p.sent.add(now, 1)
	p.calm++
	p.at = later(p.at, now.Add(-slack)).Add(p.interval)
}

// rise raises the rate once it has gone well for long enough.
func (p *pace) rise(now time.Time) {
	hold := p.hold
	if p.raisedFrom > 0 {
		hold = riseHold
	}
	if p.interval == 0 || p.calm < fewest || now.Sub(p.changed) < hold {
		return
	}
	if p.raisedFrom > 0 {
		p.hold = firstHold
	}
	p.raisedFrom, p.interval = p.interval, p.interval*4/5
	p.changed, p.calm = now, 0
}

// refused notes a 429: the first of a series, or a further one. until is the
// end of the pause. span is the time since the series began, or what the
// server asks for if that is longer.
func (p *pace) refused(now, until time.Time, first bool, span time.Duration) {
	p.sent.add(now, -1)
	if first {
		p.since, p.span, p.before, p.proven = now, 0, p.interval, p.raisedFrom
		p.hold = max(p.hold, firstHold)
		if p.raisedFrom > 0 {
			p.hold = min(2*p.hold, longestHold)
		}
		p.raisedFrom = 0
	}
	p.span = max(p.span, min(max(span, shortestSpan), longestSpan))
	p.interval = p.learn()
	p.changed, p.calm = until, 0
}

// learn returns the interval after a 429.
func (p *pace) learn() time.Duration {
	var accepted time.Duration
	if n := p.sent.since(p.since.Add(-p.span)); n >= fewest {
		accepted = p.span / time.Duration(n)
		accepted += accepted / 32 // the last few per cent cost a pause each time the network is uneven
	}
	switch {
	case p.before == 0:
		if accepted == 0 {
			return defaultInterval
		}
		return accepted
	case p.proven > 0: // the rise was too much
		return max(p.proven, accepted)
	default: // others use the limit too, or it was lowered
		return max(min(p.before+p.before/10, p.span), accepted)
	}
}

func (p *pace) String() string {
	return fmt.Sprintf("a request each %v, which is what the server accepted before it responded with 429", p.interval.Round(time.Microsecond))
}
