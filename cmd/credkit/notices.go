package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"time"
)

// notices tells a person why a command waits, of what the library logs: a
// call that waits for the rate limit (wait) or before it is sent again
// (after). With -v the whole log is written in its place.
type notices struct{ to io.Writer }

// noticed is the shortest wait that is told of. Whoever sees nothing for longer
// asks what is going on.
const noticed = time.Second

// Enabled reports true for what is worth a line: waits are logged from
// [slog.LevelInfo] on.
func (n notices) Enabled(_ context.Context, level slog.Level) bool { return level >= slog.LevelInfo }

// Handle writes a line if the record is of a long wait.
func (n notices) Handle(_ context.Context, r slog.Record) error {
	var wait time.Duration
	var operation, because string
	r.Attrs(func(a slog.Attr) bool {
		switch {
		case (a.Key == "wait" || a.Key == "after") && a.Value.Kind() == slog.KindDuration:
			wait = a.Value.Duration()
		case a.Key == "operation":
			operation = a.Value.String()
		case a.Key == "reason":
			because = a.Value.String()
		}
		return true
	})
	if wait < noticed {
		return nil
	}
	var b strings.Builder
	fmt.Fprintf(&b, "credkit: %s", r.Message)
	if operation != "" {
		fmt.Fprintf(&b, " (%s)", operation)
	}
	fmt.Fprintf(&b, ": %v", wait.Round(time.Second))
	if because != "" {
		fmt.Fprintf(&b, ", because: %s", because)
	}
	_, err := io.WriteString(n.to, printable(b.String())+"\n")
	return err
}

// WithAttrs returns n: the records of waits have all that is needed.
func (n notices) WithAttrs([]slog.Attr) slog.Handler { return n }

// WithGroup returns n.
func (n notices) WithGroup(string) slog.Handler { return n }
