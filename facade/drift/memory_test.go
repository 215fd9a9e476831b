package drift_test

import (
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"

	"github.com/credkit/credkit-go/facade/drift"
)

// endless is a list of certifications that is made while it is read. Every
// so many bytes it looks at the heap.
type endless struct {
	rest    []byte
	left    int
	started bool
	sent    int64
	looked  int64
	peak    uint64
	long    string
}

const lookEvery = 16 << 20

func (e *endless) Read(p []byte) (int, error) {
	if e.sent-e.looked >= lookEvery {
		e.looked = e.sent
		var m runtime.MemStats
		runtime.GC() // what is left after it is held by the check
		runtime.ReadMemStats(&m)
		e.peak = max(e.peak, m.HeapAlloc)
	}
	if len(e.rest) == 0 {
		switch {
		case !e.started:
			e.started = true
			e.rest = []byte(`{"page":null,"data":[`)
		case e.left > 0:
			e.rest = fmt.Appendf(e.rest, `{"id":"3c90c3cc-0d44-4b50-8888-%012x","issued_on":"2024-02-30","title":"%s","expires_on":null},`, e.left, e.long)
			e.left--
			if e.left == 0 {
				e.rest = append(e.rest[:len(e.rest)-1], `]}`...)
			}
		default:
			return 0, io.EOF
		}
	}
	n := copy(p, e.rest)
	e.rest = e.rest[n:]
	if len(e.rest) == 0 {
		e.rest = nil
	}
	e.sent += int64(n)
	return n, nil
}

// TestALargeListNeedsNoMoreMemory reads a list of more than 30 MB, each
// element of which differs in two places, and counts the live heap on the way.
func TestALargeListNeedsNoMoreMemory(t *testing.T) {
	var before runtime.MemStats
	checker := newChecker(t)
	runtime.GC()
	runtime.ReadMemStats(&before)
	const elements = 20_000
	body := &endless{left: elements, long: strings.Repeat("a field that nobody described ", 50)}
	report := check(t, checker, drift.Response{Operation: certifications, Body: body})
	if body.sent < 30_000_000 {
		t.Fatalf("only %d bytes were made", body.sent)
	}
	if len(report.Findings) != 2 || report.Findings[0].Count != elements {
		t.Fatalf("findings: %v", report.Findings)
	}
	grown := int64(body.peak) - int64(before.HeapAlloc)
	t.Logf("%d MB read, the live heap grew by %d KiB at most", body.sent/1e6, grown/1024)
	if grown > 4<<20 {
		t.Errorf("the live heap grew by %d bytes", grown)
	}
}

func TestOneEndlessStringIsNotHeld(t *testing.T) {
	report := check(t, newChecker(t), drift.Response{Operation: me, Body: io.MultiReader(
		&stringOf{text: `{"user":{"display_name":"`}, &stringOf{text: "a", times: 40 << 20})})
	if report.Findings[0].Rule != drift.TooLong || report.Bytes > 32<<20 {
		t.Errorf("%d bytes were read: %v", report.Bytes, report.Findings)
	}
}

// stringOf repeats a text.
type stringOf struct {
	text  string
	times int
}

func (s *stringOf) Read(p []byte) (int, error) {
	if s.times < 0 {
		return 0, io.EOF
	}
	n := 0
	for n+len(s.text) <= len(p) && s.times >= 0 {
		n += copy(p[n:], s.text)
		s.times--
		if s.times == 0 {
			s.times = -1
		}
	}
	return n, nil
}
