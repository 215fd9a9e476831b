package main

import (
	"fmt"
	"io"
	"os"
	"slices"

	"golang.org/x/term"

	"github.com/credkit/credkit-go/facade/safetext"
)

// format is how data is printed.
type format string

const (
	asTable format = "table" // for people; columns are chosen and cut to fit
	asJSON  format = "json"  // one document, indented
	asJSONL format = "jsonl" // a document a line, as soon as it is there
	asCSV   format = "csv"   // with a header, also for an empty list
)

// UnmarshalText reads a format's name.
func (f *format) UnmarshalText(text []byte) error {
	known := []format{asTable, asJSON, asJSONL, asCSV}
	if !slices.Contains(known, format(text)) {
		return fmt.Errorf("want table, json, jsonl or csv, got %q", text)
	}
	*f = format(text)
	return nil
}

// format is the one that was asked for, or what suits stdout.
func (p *program) format() format {
	switch {
	case p.output != "":
		return p.output
	case p.isTerminal():
		return asTable
	default:
		return asJSONL
	}
}

// isTerminal reports whether stdout is a terminal.
func (p *program) isTerminal() bool { return p.terminal != nil && isTerminal(p.terminal) }

// isTerminal reports whether what is written leads to a terminal.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd())) //nolint:gosec // a descriptor fits
}

// width is how many columns stdout has; 0 if that is nobody's concern.
func (p *program) width() int {
	if p.terminal == nil {
		return 0
	}
	columns, _, err := term.GetSize(int(p.terminal.Fd())) //nolint:gosec // a descriptor fits
	if err != nil {
		return 0
	}
	return columns
}

// paint colours text for stdout, or leaves it: colour is for terminals, and
// only if nobody said no (no-color.org).
func (p *program) paint() painter {
	return painter(p.isTerminal() && p.env("NO_COLOR") == "" && p.env("TERM") != "dumb")
}

// painter puts terminal colours around text if it is true.
type painter bool

// style is the code of one look (ECMA-48, select graphic rendition).
type style string

const (
	plain  style = ""
	bold   style = "1"
	faint  style = "2"
	red    style = "31"
	green  style = "32"
	yellow style = "33"
	cyan   style = "36"
)

// in returns text in a style.
func (p painter) in(s style, text string) string {
	if !p || s == plain || text == "" {
		return text
	}
	return "\x1b[" + string(s) + "m" + text + "\x1b[0m"
}

// printable makes a service's text fit for a terminal.
func printable(text string) string { return safetext.Line(text) }
