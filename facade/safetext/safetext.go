// Package safetext makes text that others have written, a service's people and
// titles for example, fit for where it is shown: a terminal, a spreadsheet, a
// JSON document that a person may look at.
package safetext

import (
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"
)

// Line makes a text one line without control characters.
func Line(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\t' || r == '\n' || r == '\r':
			return ' '
		case isControl(r):
			return -1
		default:
			return r
		}
	}, text)
}

// isControl reports whether a terminal may obey a character in place of showing
// it: the controls C0 and C1 (ECMA-48), and those that change the direction
// of the text around them (Unicode, UAX #9).
func isControl(r rune) bool {
	return r < ' ' || r >= 0x7f && r < 0xa0 || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069
}

// CSVCell makes a text fit for a spreadsheet and a terminal: without
// control characters but tab and line feed, and with an apostrophe before what
// a spreadsheet would take for a formula (OWASP, "CSV Injection"): at the
// beginning, and behind each semicolon, tab and line feed, at which a spreadsheet
// set to another separator begins a cell. A plain number is none, whatever its
// sign.
func CSVCell(text string) string {
	text = strings.ReplaceAll(text, "\r\n", "\n")
	text = strings.Map(func(r rune) rune {
		switch {
		case r == '\r':
			return '\n'
		case r != '\t' && r != '\n' && isControl(r):
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

// JSON returns a JSON document in which each character that a terminal would obey
// is written as an escape, which leaves the document's value as it is.
// Such characters stand in strings alone, but for the line feeds between the
// document's parts.
func JSON(document []byte) []byte {
	var b []byte // nil as long as nothing had to be escaped
	for i := 0; i < len(document); {
		r, size := utf8.DecodeRune(document[i:])
		bad := r == utf8.RuneError && size == 1
		if b == nil && (bad || r != '\n' && isControl(r)) {
			b = append(make([]byte, 0, len(document)+16), document[:i]...)
		}
		switch {
		case b == nil:
		case bad, r != '\n' && isControl(r):
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
