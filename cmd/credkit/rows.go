package main

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"io"

	"github.com/credkit/credkit-go/facade/safetext"
)

// rows prints values of one kind as they come. close ends a list that was
// whole; one that was cut is left open, so that a JSON document of it cannot
// be taken for the whole.
type rows[T any] interface {
	write(T) error
	close() error
}

// layout says how values of one kind look in a table and in CSV. JSON needs
// no layout: it is the value as its service wrote it.
type layout[T any] struct {
	table []column[T]
	csv   []column[T]
}

// column is one column: what stands above it and what a value has in it, which
// is what cell returns or, without it, a member of the value's JSON.
type column[T any] struct {
	name   string
	cell   func(T) string
	member string // certification_type.slug is of the object in that member
	// Of a table alone:
	look  func(T) style // nil is plain
	right bool          // numbers stand at the right
	least int           // may be cut to this width where the terminal is too narrow; 0 is never
	spare bool          // is left out altogether there, before anything is cut
}

// newRows prints values to stdout in the format that was asked for.
func newRows[T any](p *program, l layout[T]) rows[T] {
	switch p.format() {
	case asTable:
		return newTable(p.stdout, l.table, p.width(), p.paint())
	case asCSV:
		return &csvRows[T]{to: csv.NewWriter(p.stdout), columns: l.csv}
	case asJSON:
		return &jsonRows[T]{to: p.stdout}
	default:
		return lineRows[T]{p.stdout}
	}
}

// lineRows are JSON lines. Each leaves at once: whoever reads a pipe sees an
// element as soon as it is known.
type lineRows[T any] struct{ to io.Writer }

func (r lineRows[T]) write(v T) error {
	line, err := document(v, "", "")
	if err != nil {
		return err
	}
	_, err = r.to.Write(line)
	return err
}

func (r lineRows[T]) close() error { return nil }

// jsonRows are one array, written element by element.
type jsonRows[T any] struct {
	to    io.Writer
	began bool
}

func (r *jsonRows[T]) write(v T) error {
	element, err := document(v, "  ", "  ")
	if err != nil {
		return err
	}
	before := "[\n  "
	if r.began {
		before = ",\n  "
	}
	r.began = true
	_, err = r.to.Write(append([]byte(before), bytes.TrimSuffix(element, []byte("\n"))...))
	return err
}

func (r *jsonRows[T]) close() error {
	end := "[]\n"
	if r.began {
		end = "\n]\n"
	}
	_, err := io.WriteString(r.to, end)
	return err
}

// csvRows are CSV as RFC 4180 has it, with the header also of an empty list.
type csvRows[T any] struct {
	to      *csv.Writer
	columns []column[T]
	began   bool
}

func (r *csvRows[T]) write(v T) error {
	if err := r.header(); err != nil {
		return err
	}
	record, err := texts(r.columns, v)
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
	if r.began {
		return nil
	}
	r.began = true
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

// one prints a single value: in JSON without an array around it.
func one[T any](p *program, l layout[T], v T) error {
	if p.format() == asJSON {
		whole, err := document(v, "", "  ")
		if err != nil {
			return err
		}
		_, err = p.stdout.Write(whole)
		return err
	}
	r := newRows(p, l)
	if err := r.write(v); err != nil {
		return err
	}
	return r.close()
}

// document is a value as JSON with a newline at its end. Characters that only
// HTML minds stay as they are; those that a terminal would obey are escaped.
func document(v any, prefix, indent string) ([]byte, error) {
	var b bytes.Buffer
	to := json.NewEncoder(&b)
	to.SetEscapeHTML(false)
	to.SetIndent(prefix, indent)
	err := to.Encode(v)
	return safetext.JSON(b.Bytes()), err
}
