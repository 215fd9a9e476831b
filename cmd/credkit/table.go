package main

import (
	"io"
	"strings"

	"github.com/jedib0t/go-pretty/v6/text"

	"github.com/credkit/credkit-go/facade/safetext"
)

// table prints rows in columns. The first ones are buffered until the widths
// are known; all others follow with those widths, so that a list of any
// length takes the memory of the first rows. (go-pretty's table keeps all of
// them until it is rendered.)
type table[T any] struct {
	to      io.Writer
	columns []column[T]
	width   int // of the terminal; 0 is without bound
	colors  colors

	buffered [][]tableCell
	widths   []int // of the columns; nil until they are known
}

// maxBuffered is how many rows a table waits for before its first line.
const maxBuffered = 200

const (
	columnGap = 2
	hidden    = -1 // the width of a column that is not shown
)

type tableCell struct {
	text  string
	style style
}

func (t *table[T]) write(v T) error {
	texts, err := cells(t.columns, v)
	if err != nil {
		return err
	}
	row := make([]tableCell, 0, len(t.columns))
	for i, c := range t.columns {
		cell := tableCell{text: safetext.Line(texts[i])}
		if c.style != nil {
			cell.style = c.style(v)
		}
		if c.cell == nil {
			cell.text = dashIfEmpty(cell.text)
		}
		row = append(row, cell)
	}
	if t.widths != nil {
		return t.print(row)
	}
	if t.buffered = append(t.buffered, row); len(t.buffered) < maxBuffered {
		return nil
	}
	return t.flush()
}

// close prints what is buffered. A table without rows prints nothing.
func (t *table[T]) close() error {
	if t.widths != nil || len(t.buffered) == 0 {
		return nil
	}
	return t.flush()
}

func (t *table[T]) flush() error {
	header := make([]tableCell, 0, len(t.columns))
	for _, c := range t.columns {
		header = append(header, tableCell{strings.ToUpper(c.name), bold})
	}
	all := append([][]tableCell{header}, t.buffered...)
	t.buffered = nil
	t.measure(all)
	for _, row := range all {
		if err := t.print(row); err != nil {
			return err
		}
	}
	return nil
}

// measure fits the columns to their cells, and to the terminal: optional columns
// are left out, then others are cut, the first one first.
func (t *table[T]) measure(all [][]tableCell) {
	t.widths = make([]int, len(t.columns))
	total := -columnGap
	for i := range t.columns {
		for _, row := range all {
			t.widths[i] = max(t.widths[i], text.StringWidth(row[i].text))
		}
		total += t.widths[i] + columnGap
	}
	if t.width == 0 {
		return
	}
	for i, c := range t.columns {
		if c.optional && total > t.width {
			total -= t.widths[i] + columnGap
			t.widths[i] = hidden
		}
	}
	for i, c := range t.columns {
		if c.minWidth > 0 && t.widths[i] > c.minWidth && total > t.width {
			cut := min(total-t.width, t.widths[i]-c.minWidth)
			t.widths[i] -= cut
			total -= cut
		}
	}
}

func (t *table[T]) print(row []tableCell) error {
	var line strings.Builder
	for i, c := range row {
		width := t.widths[i]
		if width == hidden {
			continue
		}
		cell := t.colors.apply(c.style, text.Snip(c.text, width, "…"))
		line.WriteString(text.AlignLeft.Apply(cell, width) + strings.Repeat(" ", columnGap))
	}
	_, err := io.WriteString(t.to, strings.TrimRight(line.String(), " ")+"\n")
	return err
}
