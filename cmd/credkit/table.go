package main

import (
	"io"
	"strings"

	"github.com/jedib0t/go-pretty/v6/text"
)

// table prints rows in columns. The first ones are held until their widths
// are known; all others follow with those widths, so that a list of any
// length takes the memory of the first rows.
type table[T any] struct {
	to      io.Writer
	columns []column[T]
	width   int // of the terminal; 0 is without bound
	paint   painter

	held   [][]cell
	widths []int // of the columns; nil until they are known
}

// held is how many rows a table waits for before its first line.
const held = 200

const (
	gap     = 2  // between two columns
	leftOut = -1 // the width of a column that is not shown
)

type cell struct {
	text string
	look style
}

func newTable[T any](to io.Writer, columns []column[T], width int, paint painter) *table[T] {
	return &table[T]{to: to, columns: columns, width: width, paint: paint}
}

func (t *table[T]) write(v T) error {
	all, err := texts(t.columns, v)
	if err != nil {
		return err
	}
	line := make([]cell, 0, len(t.columns))
	for i, c := range t.columns {
		look := plain
		if c.look != nil {
			look = c.look(v)
		}
		words := printable(all[i])
		if c.cell == nil {
			words = orDash(words)
		}
		line = append(line, cell{words, look})
	}
	if t.widths != nil {
		return t.print(line)
	}
	if t.held = append(t.held, line); len(t.held) < held {
		return nil
	}
	return t.flush()
}

// close prints what is held. A table without rows prints nothing.
func (t *table[T]) close() error {
	if t.widths != nil || len(t.held) == 0 {
		return nil
	}
	return t.flush()
}

func (t *table[T]) flush() error {
	header := make([]cell, 0, len(t.columns))
	for _, c := range t.columns {
		header = append(header, cell{strings.ToUpper(c.name), bold})
	}
	t.measure(append([][]cell{header}, t.held...))
	if err := t.print(header); err != nil {
		return err
	}
	for _, line := range t.held {
		if err := t.print(line); err != nil {
			return err
		}
	}
	t.held = nil
	return nil
}

// measure fits the columns to their cells, and to the terminal: columns that
// can be spared are left out, then others are cut, the first one first.
func (t *table[T]) measure(lines [][]cell) {
	t.widths = make([]int, len(t.columns))
	total := -gap
	for i := range t.columns {
		for _, line := range lines {
			t.widths[i] = max(t.widths[i], text.StringWidth(line[i].text))
		}
		total += t.widths[i] + gap
	}
	if t.width == 0 {
		return
	}
	for i, c := range t.columns {
		if c.spare && total > t.width {
			total -= t.widths[i] + gap
			t.widths[i] = leftOut
		}
	}
	for i, c := range t.columns {
		if c.least > 0 && t.widths[i] > c.least && total > t.width {
			less := min(total-t.width, t.widths[i]-c.least)
			t.widths[i] -= less
			total -= less
		}
	}
}

func (t *table[T]) print(line []cell) error {
	var b strings.Builder
	for i, c := range line {
		width := t.widths[i]
		if width == leftOut {
			continue
		}
		words := c.text
		if text.StringWidth(words) > width {
			words = text.Snip(words, width, "…")
		}
		blank := strings.Repeat(" ", max(0, width-text.StringWidth(words)))
		words = t.paint.in(c.look, words)
		if t.columns[i].right {
			words, blank = blank, words
		}
		b.WriteString(words + blank + strings.Repeat(" ", gap))
	}
	_, err := io.WriteString(t.to, strings.TrimRight(b.String(), " ")+"\n")
	return err
}
