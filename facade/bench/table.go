package main

import (
	"bytes"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"
)

// line is one line of the table.
type line struct {
	what    string // what was measured
	ours    string // our figures
	peer    string // who the peer is
	theirs  string // its figures
	ratio   string // ours to the peer's
	reach   string // the number to reach; empty where there is none
	reached bool
}

// summary are the lines for the project's README, each beside its first peer.
func summary(lines []line) ([]line, error) {
	var short []line
	for _, what := range []string{"a list of 50 (", "a list of 10,000 (", "most memory resident, 1,000,000", "one small call", "a token at hand, goroutines: 64, of a session"} {
		i := slices.IndexFunc(lines, func(l line) bool { return strings.HasPrefix(l.what, what) })
		if i < 0 {
			return nil, fmt.Errorf("nothing was measured under %q", what)
		}
		short = append(short, lines[i])
	}
	return short, nil
}

// table writes lines as Markdown, and below them where and when they were
// measured.
func table(lines []line) string {
	var b strings.Builder
	b.WriteString("| what | credkit | beside | its figures | ratio | to reach |\n|---|---|---|---|---|---|\n")
	for i, l := range lines {
		what, ours := l.what, l.ours
		if i > 0 && what == lines[i-1].what {
			what, ours = "", ""
		}
		reach := l.reach
		if reach != "" && l.reached {
			reach += ": reached"
		} else if reach != "" {
			reach += ": **not reached**"
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s |\n", what, ours, l.peer, l.theirs, l.ratio, reach)
	}
	fmt.Fprintf(&b, "\nMedians of one run, the peers taking turns on the same bytes: of speeds more is better, of bytes and time less.\n"+
		"%s, %s/%s, %d CPUs, %s; `make bench` prints it anew.\n",
		runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), time.Now().UTC().Format("2006-01-02"))
	return b.String()
}

// between puts text between the two marks of that name in a file, or at its
// end if it has none.
func between(file, name, text string) error {
	old, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	begin, end := []byte("<!-- "+name+": begin -->\n"), []byte("<!-- "+name+": end -->")
	head, rest, found := bytes.Cut(old, begin)
	_, tail, closed := bytes.Cut(rest, end)
	if found != closed {
		return fmt.Errorf("%s has one of the two marks %q and %q", file, begin, end)
	}
	if !found {
		head, tail = append(bytes.TrimRight(old, "\n"), "\n\n## Measurements\n\n"...), []byte("\n")
	}
	return os.WriteFile(file, bytes.Join([][]byte{head, begin, []byte(text), end, tail}, nil), 0o644)
}

// figures are time, bytes and allocations in short.
func (c cost) figures() string {
	return fmt.Sprintf("%s, %s, %s allocations", short(c.time), size(c.bytes), count(c.allocs))
}

// short is a duration in the unit that suits it.
func short(d time.Duration) string {
	switch {
	case d < time.Microsecond:
		return fmt.Sprintf("%d ns", d.Nanoseconds())
	case d < time.Millisecond:
		return fmt.Sprintf("%.1f µs", float64(d)/float64(time.Microsecond))
	case d < time.Second:
		return fmt.Sprintf("%.1f ms", float64(d)/float64(time.Millisecond))
	default:
		return fmt.Sprintf("%.2f s", d.Seconds())
	}
}

func size(bytes uint64) string {
	const kib, mib = 1 << 10, 1 << 20
	switch {
	case bytes < 10*kib:
		return fmt.Sprintf("%d B", bytes)
	case bytes < mib:
		return fmt.Sprintf("%.1f KiB", float64(bytes)/kib)
	default:
		return fmt.Sprintf("%.1f MiB", float64(bytes)/mib)
	}
}

// count is a number with its thousands apart.
func count(n uint64) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
