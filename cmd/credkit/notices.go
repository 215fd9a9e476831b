package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"time"

	"github.com/credkit/credkit-go/facade/safetext"
)

// notices is a log handler that tells a person why a command waits: the library
// logs a call that waits for the rate limit (wait) or before it is sent again
// (after). With -v the whole log is written instead.
type notices struct {
	to   io.Writer
	line *progressLine // if there is one, it is told of rate limits, and to is not written to
}

// minNotice is the shortest wait that is reported.
const minNotice = time.Second

// Enabled reports whether waits are logged at a level: from [slog.LevelInfo] on.
func (n notices) Enabled(_ context.Context, level slog.Level) bool { return level >= slog.LevelInfo }

// Handle writes a line if the record is of a long wait.
func (n notices) Handle(_ context.Context, r slog.Record) error {
	var wait time.Duration
	var operation, reason string
	r.Attrs(func(a slog.Attr) bool {
		switch {
		case (a.Key == "wait" || a.Key == "after" && n.line == nil) && a.Value.Kind() == slog.KindDuration:
			wait = a.Value.Duration()
		case a.Key == "operation":
			operation = a.Value.String()
		case a.Key == "reason":
			reason = a.Value.String()
		}
		return true
	})
	switch {
	case wait < minNotice:
		return nil
	case n.line != nil:
		n.line.wait(wait)
		return nil
	}
	var b strings.Builder
	fmt.Fprintf(&b, "credkit: %s", r.Message)
	if operation != "" {
		fmt.Fprintf(&b, " (%s)", operation)
	}
	fmt.Fprintf(&b, ": %v", wait.Round(time.Second))
	if reason != "" {
		fmt.Fprintf(&b, ", reason: %s", reason)
	}
	_, err := io.WriteString(n.to, wrap(safetext.Line(b.String()), terminalWidth(n.to))+"\n")
	return err
}

// WithAttrs returns n: the records of waits have all that is printed.
func (n notices) WithAttrs([]slog.Attr) slog.Handler { return n }

// WithGroup returns n.
func (n notices) WithGroup(string) slog.Handler { return n }
