package main

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"
)

type pair struct{ left, right string }

func pairColumns() []column[pair] {
	return []column[pair]{
		{name: "left", cell: func(p pair) string { return p.left }, minWidth: 6},
		{name: "n", cell: func(p pair) string { return p.right }, style: func(p pair) style {
			if p.right == "13" {
				return red
			}
			return plain
		}},
	}
}

func drawn(t *testing.T, width int, colored colors, pairs ...pair) string {
	t.Helper()
	var b bytes.Buffer
	to := &table[pair]{to: &b, columns: pairColumns(), width: width, colors: colored}
	for _, p := range pairs {
		if err := to.write(p); err != nil {
			t.Fatal(err)
		}
	}
	if err := to.close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestTableFitsItsCellsAndTheTerminal(t *testing.T) {
	pairs := []pair{{"a longer text than the others", "1"}, {"日本語", "13"}, {"", "7"}}
	want := "LEFT                           N\na longer text than the others  1\n日本語                         13\n                               7\n"
	if got := drawn(t, 0, false, pairs...); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	want = "LEFT             N\na longer text …  1\n日本語           13\n                 7\n"
	if got := drawn(t, 19, false, pairs...); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if got, want := drawn(t, 4, false, pair{"a longer text", "1"}), "LEFT    N\na lon…  1\n"; got != want {
		t.Errorf("nothing is cut below its minimum: got\n%s\nwant\n%s", got, want)
	}
	contain(t, drawn(t, 0, true, pairs...), "\x1b[1mLEFT\x1b[0m", " \x1b[31m13\x1b[0m\n")
}

func TestTableLeavesOutWhatCanBeSpared(t *testing.T) {
	columns := append(pairColumns(), column[pair]{name: "spare", cell: func(pair) string { return "something" }, optional: true})
	for width, want := range map[int]string{
		0:  "LEFT    N  SPARE\nabcdef  1  something\n",
		20: "LEFT    N  SPARE\nabcdef  1  something\n",
		19: "LEFT    N\nabcdef  1\n",
	} {
		var b bytes.Buffer
		to := &table[pair]{to: &b, columns: columns, width: width}
		if err := to.write(pair{"abcdef", "1"}); err != nil {
			t.Fatal(err)
		}
		if err := to.close(); err != nil || b.String() != want {
			t.Errorf("width %d: %v\n%s", width, err, b.String())
		}
	}
}

func TestTableGoesOnWithTheWidthsOfItsFirstRows(t *testing.T) {
	pairs := make([]pair, 3*maxBuffered)
	for i := range pairs {
		pairs[i] = pair{fmt.Sprintf("row %03d", i), fmt.Sprint(i % 10)}
	}
	pairs[2*maxBuffered].left = "this one is longer than all before"
	lines := strings.Split(strings.TrimSuffix(drawn(t, 0, false, pairs...), "\n"), "\n")
	if len(lines) != len(pairs)+1 {
		t.Fatalf("%d lines", len(lines))
	}
	for _, line := range lines[1:] {
		if utf8.RuneCountInString(line) != len("row 000  0") {
			t.Fatalf("another width: %q", line)
		}
	}
	contain(t, lines[2*maxBuffered+1], "this o…")
}

func TestNoTextOfAServiceCommandsTheTerminal(t *testing.T) {
	got := drawn(t, 0, false, pair{"a\x1b[31mb\x07c\nd\u202ee\u009bf", "1"})
	contain(t, got, "a[31mbc def")
	for _, r := range got {
		if r < ' ' && r != '\n' || r >= 0x7f && r < 0xa0 || r == 0x202e {
			t.Errorf("%U in %q", r, got)
		}
	}
}
