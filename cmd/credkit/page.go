package main

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/text"
)

const (
	pageWidth = 80
	margin    = "   "
)

// page prints numbered sections for people. Its first error stays, and ends
// all printing.
type page struct {
	to       io.Writer
	paint    painter
	sections int
	err      error
}

func newPage(p *program) *page { return &page{to: p.stdout, paint: p.paint()} }

func (p *page) print(format string, args ...any) {
	if p.err == nil {
		_, p.err = fmt.Fprintf(p.to, format+"\n", args...)
	}
}

func (p *page) title(words string) { p.print("%s", p.paint.in(bold, words)) }

func (p *page) section(words string) {
	p.sections++
	p.print("\n%s  %s", p.paint.in(cyan, fmt.Sprint(p.sections)), p.paint.in(bold, words))
}

// step is a thing on the left and what it is on the right.
func (p *page) step(thing, meaning string) {
	p.print(margin+"%-31s%s", printable(thing), printable(meaning))
}

// command is a step whose left side can be typed.
func (p *page) command(words, meaning string) {
	p.print(margin+"%s%s", p.paint.in(cyan, fmt.Sprintf("%-31s", words)), meaning)
}

// call is a request that was made, so long after the start.
func (p *page) call(at time.Duration, request string, status int, what string, look style) {
	p.print(margin+"%s", p.paint.in(look, fmt.Sprintf("%4.1f s  %s  %d  %s", at.Seconds(), request, status, what)))
}

func (p *page) note(format string, args ...any) { p.print(margin+format, args...) }

func (p *page) faint(format string, args ...any) {
	words := fmt.Sprintf(format, args...)
	if rest, ok := strings.CutPrefix(words, "\n"); ok {
		p.print("")
		words = rest
	}
	p.print("%s", p.paint.in(faint, margin+words))
}

// wrapped is a longer text.
func (p *page) wrapped(look style, words string) {
	for line := range strings.Lines(text.WrapSoft(printable(words), pageWidth-len(margin))) {
		p.print(margin+"%s", p.paint.in(look, strings.TrimSpace(line)))
	}
}

// indented is for what prints whole lines by itself.
func (p *page) indented() io.Writer { return indenter{p} }

type indenter struct{ page *page }

// Write takes whole lines.
func (i indenter) Write(lines []byte) (int, error) {
	for line := range bytes.Lines(lines) {
		i.page.print(margin+"%s", bytes.TrimSuffix(line, []byte("\n")))
	}
	return len(lines), i.page.err
}
