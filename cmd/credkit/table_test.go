package main

import (
	"bytes"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/credkit/credkit-go/facade"
	"github.com/credkit/credkit-go/facade/sandbox"
)

type pair struct{ left, right string }

func pairColumns() []column[pair] {
	return []column[pair]{
		{name: "left", cell: func(p pair) string { return p.left }, least: 6},
		{name: "n", cell: func(p pair) string { return p.right }, right: true, look: func(p pair) style {
			if p.right == "13" {
				return red
			}
			return plain
		}},
	}
}

func drawn(t *testing.T, width int, paint painter, pairs ...pair) string {
	t.Helper()
	var b bytes.Buffer
	to := newTable(&b, pairColumns(), width, paint)
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
	want := "LEFT                            N\na longer text than the others   1\n日本語                         13\n                                7\n"
	if got := drawn(t, 0, false, pairs...); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	want = "LEFT              N\na longer text …   1\n日本語           13\n                  7\n"
	if got := drawn(t, 19, false, pairs...); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if got, want := drawn(t, 4, false, pair{"a longer text", "1"}), "LEFT    N\na lon…  1\n"; got != want {
		t.Errorf("nothing is cut below its least: got\n%s\nwant\n%s", got, want)
	}
	contain(t, drawn(t, 0, true, pairs...), "\x1b[1mLEFT\x1b[0m", " \x1b[31m13\x1b[0m\n")
}

func TestTableLeavesOutWhatCanBeSpared(t *testing.T) {
	columns := append(pairColumns(), column[pair]{name: "spare", cell: func(pair) string { return "something" }, spare: true})
	for width, want := range map[int]string{
		0:  "LEFT    N  SPARE\nabcdef  1  something\n",
		20: "LEFT    N  SPARE\nabcdef  1  something\n",
		19: "LEFT    N\nabcdef  1\n",
	} {
		var b bytes.Buffer
		to := newTable(&b, columns, width, false)
		if err := to.write(pair{"abcdef", "1"}); err != nil {
			t.Fatal(err)
		}
		if err := to.close(); err != nil || b.String() != want {
			t.Errorf("width %d: %v\n%s", width, err, b.String())
		}
	}
}

func TestTableGoesOnWithTheWidthsOfItsFirstRows(t *testing.T) {
	pairs := make([]pair, 3*held)
	for i := range pairs {
		pairs[i] = pair{fmt.Sprintf("row %03d", i), fmt.Sprint(i % 10)}
	}
	pairs[2*held].left = "this one is longer than all before"
	lines := strings.Split(strings.TrimSuffix(drawn(t, 0, false, pairs...), "\n"), "\n")
	if len(lines) != len(pairs)+1 {
		t.Fatalf("%d lines", len(lines))
	}
	for _, line := range lines[1:] {
		if utf8.RuneCountInString(line) != len("row 000  0") {
			t.Fatalf("another width: %q", line)
		}
	}
	contain(t, lines[2*held+1], "this o…")
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

func TestColourIsForTerminalsAlone(t *testing.T) {
	p := &program{stdout: io.Discard, env: func(string) string { return "" }}
	if p.paint() || p.width() != 0 || p.format() != asJSONL {
		t.Errorf("a pipe has colour %v, width %d, format %s", p.paint(), p.width(), p.format())
	}
}

func TestColumnsOfMembers(t *testing.T) {
	type value map[string]any
	columns := append(members[value]("text", "none", "number", "absent"), column[value]{member: "inner.flag"}, column[value]{member: "text.deeper"}, column[value]{member: "list"})
	got, err := texts(columns, value{"text": "a \"b\"", "none": nil, "number": 1.5, "inner": map[string]any{"flag": false}, "list": []int{1, 2}})
	if want := []string{`a "b"`, "", "1.5", "", "false", "", "[1,2]"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("%q, want %q: %v", got, want, err)
	}
	if _, err := texts(columns, value{"text": func() {}}); err == nil {
		t.Error("no error of a value that has no JSON")
	}
	csv := listLayout[facade.User](facade.ListUsers, "first_name", "email").csv
	if csv[0].name != "id" || csv[len(csv)-1].name != "team" || len(csv) != 5 {
		t.Errorf("not the members of a user in the order of openapi.yaml: %v", csv)
	}
}

// heap notes how much is alive while something is written.
type heap struct {
	lines int
	most  uint64
}

func (h *heap) Write(p []byte) (int, error) {
	if h.lines++; h.lines%4000 == 0 {
		h.most = max(h.most, alive())
	}
	return len(p), nil
}

func alive() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func TestALongListTakesLittleMemory(t *testing.T) {
	const rows = 16_000 // 12 MiB of JSON, and more once it is decoded
	w := newWorld(t, sandbox.WithCertificationCount(rows), sandbox.WithoutPaging()).withToken(t)
	for _, f := range []format{asJSONL, asTable} {
		var h heap
		var stderr locked
		before := alive()
		if code := run(t.Context(), []string{"certs", "-o", string(f)}, w.getenv, strings.NewReader(""), &h, &stderr); code != exitDone {
			t.Fatalf("exit %d: %s", code, stderr.String())
		}
		if h.lines < rows || h.most > before+4<<20 {
			t.Errorf("%s: %d lines, %d KiB alive before and %d KiB on the way, want 4 MiB more at most", f, h.lines, before>>10, h.most>>10)
		}
		t.Logf("%s: %d KiB more were alive", f, (int64(h.most)-int64(before))>>10)
	}
}
