package main

import (
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/term"
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

// printable makes a service's text fit for a terminal: one line, and nothing
// in it that the terminal would obey.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\t' || r == '\n' || r == '\r':
			return ' '
		case commands(r):
			return -1
		default:
			return r
		}
	}, text)
}

// commands reports whether a terminal may obey a character in place of showing
// it: the controls C0 and C1 (ECMA-48), and those that change the direction
// of the text around them (Unicode, UAX #9).
func commands(r rune) bool {
	return r < ' ' || r >= 0x7f && r < 0xa0 || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069
}

// csvCell makes a service's text fit for a spreadsheet and a terminal: without
// control characters but tab and line feed, and with an apostrophe before what
// a spreadsheet would take for a formula (OWASP, "CSV Injection"): at the
// beginning, and behind each semicolon, tab and line feed, at which a spreadsheet
// set to another separator begins a cell. A plain number is none, whatever its
// sign.
func csvCell(text string) string {
	text = strings.ReplaceAll(text, "\r\n", "\n")
	text = strings.Map(func(r rune) rune {
		switch {
		case r == '\r':
			return '\n'
		case r != '\t' && r != '\n' && commands(r):
			return -1
		default:
			return r
		}
	}, text)
	if plainNumber.MatchString(text) {
		return text
	}
	text = innerFormula.ReplaceAllString(text, "$1'$2")
	if first, _ := utf8.DecodeRuneInString(text); strings.ContainsRune("=+-@\t\n＝＋－＠", first) {
		return "'" + text
	}
	return text
}

var innerFormula = regexp.MustCompile(`([;\t\n])([=+@＝＋－＠-])`)

var plainNumber = regexp.MustCompile(`^[+-]?[0-9]+(\.[0-9]+)?$`)

// escaped is a JSON document in which each character that a terminal would obey
// is written as an escape, which leaves the document's value as it is.
// Such characters stand in strings alone, but for the line feeds between the
// document's parts.
func escaped(document []byte) []byte {
	var b []byte // nil as long as nothing had to be escaped
	for i := 0; i < len(document); {
		r, size := utf8.DecodeRune(document[i:])
		bad := r == utf8.RuneError && size == 1
		if b == nil && (bad || r != '\n' && commands(r)) {
			b = append(make([]byte, 0, len(document)+16), document[:i]...)
		}
		switch {
		case b == nil:
		case bad, r != '\n' && commands(r):
			b = fmt.Appendf(b, `\u%04x`, r)
		default:
			b = append(b, document[i:i+size]...)
		}
		i += size
	}
	if b == nil {
		return document
	}
	return b
}
