package main

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"golang.org/x/term"

	"github.com/jedib0t/go-pretty/v6/text"

	"github.com/credkit/credkit-go/facade/safetext"
)

// format is how data is printed.
type format string

const (
	formatTable format = "table" // for people; columns are chosen and cut to fit
	formatJSON  format = "json"  // one document, indented
	formatJSONL format = "jsonl" // a document a line, each as soon as it arrives
	formatCSV   format = "csv"   // with a header, also for an empty list
	formatHTML  format = "html"  // of a roster alone: a page
	formatICS   format = "ics"   // of a roster alone: a calendar
)

// UnmarshalText reads a format's name.
func (f *format) UnmarshalText(text []byte) error {
	known := []format{formatTable, formatJSON, formatJSONL, formatCSV, formatHTML, formatICS}
	if !slices.Contains(known, format(text)) {
		return fmt.Errorf("want table, json, jsonl or csv, got %q", text)
	}
	*f = format(text)
	return nil
}

// format is that of --output, or the default for stdout.
func (p *program) format() format {
	switch {
	case p.output != "":
		return p.output
	case isTerminal(p.stdoutFile):
		return formatTable
	default:
		return formatJSONL
	}
}

// isTerminal reports whether w is a terminal.
func isTerminal(w any) bool {
	f, ok := w.(*os.File)
	return ok && f != nil && term.IsTerminal(int(f.Fd())) //nolint:gosec // a descriptor fits
}

// terminalWidth is the number of columns of a terminal, 0 if w is none.
func terminalWidth(w io.Writer) int {
	if !isTerminal(w) {
		return 0
	}
	columns, _, err := term.GetSize(int(w.(*os.File).Fd())) //nolint:gosec,errorlint // isTerminal has checked; a descriptor fits
	if err != nil {
		return 0
	}
	return columns
}

// colors reports whether stdout is a terminal that shows colours, and nobody
// has switched them off (no-color.org).
func (p *program) colors() colors {
	return colors(isTerminal(p.stdoutFile) && p.env("NO_COLOR") == "" && p.env("TERM") != "dumb")
}

// colors puts colours around text if it is true.
type colors bool

// style is the parameter of a "select graphic rendition" sequence (ECMA-48).
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

// apply returns text in a style.
func (c colors) apply(s style, text string) string {
	if !c || s == plain || text == "" {
		return text
	}
	return "\x1b[" + string(s) + "m" + text + "\x1b[0m"
}

// rows prints values of one type as they arrive. close ends a complete list. One
// that fails is not closed, so that its JSON is not a valid document.
type rows[T any] interface {
	write(T) error
	close() error
}

// layout has the columns of values of one type in a table and in CSV. JSON needs
// none: it is the value as its service wrote it.
type layout[T any] struct {
	table []column[T]
	csv   []column[T]
}

// column is one column: its header and what a value has in it, which is what
// cell returns or, without it, a member of the value's JSON.
type column[T any] struct {
	name   string
	cell   func(T) string
	member string // certification_type.slug is a member of the object in that member
	// For tables only:
	style    func(T) style // nil is plain
	minWidth int           // may be cut to this width where the terminal is too narrow; 0 is never
	optional bool          // is left out where the terminal is too narrow, before others are cut
}

// members are columns of the members of a value's JSON, under their names.
func members[T any](names ...string) (columns []column[T]) {
	for _, name := range names {
		columns = append(columns, column[T]{name: name, member: name})
	}
	return columns
}

// cells are the texts of a value in each column. Its JSON is made once, and only
// if a column needs a member.
func cells[T any](columns []column[T], v T) ([]string, error) {
	var object map[string]json.RawMessage
	all := make([]string, 0, len(columns))
	for _, c := range columns {
		if c.cell != nil {
			all = append(all, c.cell(v))
			continue
		}
		if object == nil {
			document, err := json.Marshal(v)
			if err == nil {
				err = json.Unmarshal(document, &object)
			}
			if err != nil {
				return nil, err
			}
		}
		all = append(all, memberText(object, c.member))
	}
	return all, nil
}

// memberText is the text of a member, or nothing where it is absent or null.
// Anything but a string is given as its JSON.
func memberText(object map[string]json.RawMessage, path string) string {
	name, below, deeper := strings.Cut(path, ".")
	raw := object[name]
	if deeper {
		var inner map[string]json.RawMessage
		_ = json.Unmarshal(raw, &inner) // anything but an object has no members
		return memberText(inner, below)
	}
	var text string
	if json.Unmarshal(raw, &text) == nil { // also null
		return text
	}
	return string(raw)
}

// newRows prints values to stdout in the format of --output.
func newRows[T any](p *program, l layout[T]) rows[T] {
	switch p.format() {
	case formatTable:
		return &table[T]{to: p.stdout, columns: l.table, width: terminalWidth(p.stdoutFile), colors: p.colors()}
	case formatCSV:
		return &csvRows[T]{to: csv.NewWriter(p.stdout), columns: l.csv}
	case formatJSON:
		return &jsonRows[T]{to: p.stdout}
	default:
		return jsonLines[T]{p.stdout}
	}
}

// jsonLines writes a document a line, without a buffer: whoever reads a pipe
// sees an element as soon as it has arrived.
type jsonLines[T any] struct{ to io.Writer }

func (r jsonLines[T]) write(v T) error {
	line, err := encode(v, "", "")
	if err != nil {
		return err
	}
	_, err = r.to.Write(line)
	return err
}

func (r jsonLines[T]) close() error { return nil }

// jsonRows writes one array, element by element.
type jsonRows[T any] struct {
	to      io.Writer
	started bool
}

func (r *jsonRows[T]) write(v T) error {
	element, err := encode(v, "  ", "  ")
	if err != nil {
		return err
	}
	before := "[\n  "
	if r.started {
		before = ",\n  "
	}
	r.started = true
	_, err = r.to.Write(append([]byte(before), bytes.TrimSuffix(element, []byte("\n"))...))
	return err
}

func (r *jsonRows[T]) close() error {
	end := "[]\n"
	if r.started {
		end = "\n]\n"
	}
	_, err := io.WriteString(r.to, end)
	return err
}

// csvRows writes CSV (RFC 4180), with the header also of an empty list.
type csvRows[T any] struct {
	to      *csv.Writer
	columns []column[T]
	started bool
}

func (r *csvRows[T]) write(v T) error {
	if err := r.header(); err != nil {
		return err
	}
	record, err := cells(r.columns, v)
	if err != nil {
		return err
	}
	for i := range record {
		record[i] = safetext.CSVCell(record[i])
	}
	return r.line(record)
}

func (r *csvRows[T]) close() error { return r.header() }

func (r *csvRows[T]) header() error {
	if r.started {
		return nil
	}
	r.started = true
	record := make([]string, 0, len(r.columns))
	for _, c := range r.columns {
		record = append(record, c.name)
	}
	return r.line(record)
}

func (r *csvRows[T]) line(record []string) error {
	if err := r.to.Write(record); err != nil {
		return err
	}
	r.to.Flush()
	return r.to.Error()
}

// writeAll writes a complete list.
func writeAll[T any](to rows[T], all []T) error {
	for _, v := range all {
		if err := to.write(v); err != nil {
			return err
		}
	}
	return to.close()
}

// printOne prints a single value: in JSON without an array around it.
func printOne[T any](p *program, l layout[T], v T) error {
	if p.format() == formatJSON {
		document, err := encode(v, "", "  ")
		if err != nil {
			return err
		}
		_, err = p.stdout.Write(document)
		return err
	}
	r := newRows(p, l)
	if err := r.write(v); err != nil {
		return err
	}
	return r.close()
}

// field is a line of a value that is shown to people.
type field struct{ name, value string }

// printFields prints a name and a value a line.
func printFields(p *program, all []field) error {
	widest := 0
	for _, f := range all {
		widest = max(widest, len(f.name))
	}
	for _, f := range all {
		name := p.colors().apply(bold, fmt.Sprintf("%-*s", widest, f.name))
		if _, err := fmt.Fprintf(p.stdout, "%s  %s\n", name, safetext.Line(f.value)); err != nil {
			return err
		}
	}
	return nil
}

// encode returns a value as JSON with a line feed at its end. Characters that
// matter only in HTML are not escaped; those that a terminal obeys are.
func encode(v any, prefix, indent string) ([]byte, error) {
	var b bytes.Buffer
	to := json.NewEncoder(&b)
	to.SetEscapeHTML(false)
	to.SetIndent(prefix, indent)
	err := to.Encode(v)
	return safetext.JSON(b.Bytes()), err
}

// wrap breaks lines at spaces so that they fit a width; 0 is without bound. A word
// that is longer, such as an address to copy, is left whole. What follows a
// break is indented as the line is.
func wrap(s string, width int) string {
	if width == 0 {
		return s
	}
	var b strings.Builder
	for line := range strings.Lines(s) {
		words := strings.TrimLeft(line, " ")
		indent := line[:len(line)-len(words)]
		column := 0
		for i, word := range strings.Split(strings.TrimSuffix(words, "\n"), " ") {
			switch length := text.StringWidth(word); {
			case i == 0:
				b.WriteString(indent)
				column = len(indent) + length
			case column+1+length > width:
				b.WriteString("\n" + indent)
				column = len(indent) + length
			default:
				b.WriteString(" ")
				column += 1 + length
			}
			b.WriteString(word)
		}
		if strings.HasSuffix(line, "\n") {
			b.WriteString("\n")
		}
	}
	return b.String()
}
