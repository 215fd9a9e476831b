package main

import (
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"github.com/credkit/credkit-go/facade/roster"
)

// progressLine is a line on stderr, where that is a terminal, that says how far
// a roster has come and until when it waits for a limit. With -v it is silent:
// the log says more.
type progressLine struct {
	mu    sync.Mutex
	to    io.Writer // nil: silent
	now   func() time.Time
	state roster.Progress
	until time.Time // of the last wait that was logged
	shown time.Time
}

// newProgressLine takes the place of the notices of waits.
func newProgressLine(p *program) *progressLine {
	l := &progressLine{now: p.now}
	if p.logger == nil {
		return l
	}
	if _, terminal := p.logger.Handler().(notices); terminal {
		l.to = p.stderr
		p.logger = slog.New(notices{line: l})
	}
	return l
}

// redraw is how often the line changes at most.
const redraw = 100 * time.Millisecond

func (l *progressLine) show(state roster.Progress) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.state = state
	if now := l.now(); now.Sub(l.shown) >= redraw {
		l.draw(now)
	}
}

func (l *progressLine) wait(d time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	if until := now.Add(d); until.After(l.until) {
		l.until = until
		l.draw(now)
	}
}

func (l *progressLine) draw(now time.Time) {
	if l.to == nil {
		return
	}
	l.shown = now
	_, _ = fmt.Fprintf(l.to, "\r\x1b[K%s", l.text(now)) // nobody may be listening
}

func (l *progressLine) text(now time.Time) string {
	of := ""
	if l.state.Total > 0 {
		of = fmt.Sprintf(" of %d", l.state.Total)
	}
	text := fmt.Sprintf("%d%s workers, %d failed, %.0f/s", l.state.Done, of, l.state.Failed, l.state.Rate())
	if l.until.After(now) {
		text += ", waiting for the rate limit until " + l.until.Format("15:04:05")
	}
	return text
}

// close takes the line away.
func (l *progressLine) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.to != nil {
		_, _ = io.WriteString(l.to, "\r\x1b[K")
		l.to = nil
	}
}
