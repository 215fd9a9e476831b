package sandbox

import (
	"net/http"

	"github.com/credkit/credkit-go/api/certn"
	"github.com/credkit/credkit-go/api/cosmic"
	"github.com/credkit/credkit-go/api/spec"
)

// rows are the elements of a list: given, generated or added. They are
// written one at a time and never held together.
type rows interface {
	len() int
	// appendRow appends row i, below len, as JSON.
	appendRow(b []byte, i int) []byte
}

// given are rows that options or users brought.
type given [][]byte

func (g given) len() int                         { return len(g) }
func (g given) appendRow(b []byte, i int) []byte { return append(b, g[i]...) }

// joined are the rows of one list after those of another.
type joined struct{ first, second rows }

func (j joined) len() int { return j.first.len() + j.second.len() }

func (j joined) appendRow(b []byte, i int) []byte {
	if n := j.first.len(); i >= n {
		return j.second.appendRow(b, i-n)
	}
	return j.first.appendRow(b, i)
}

// elements are those of a list that belong to an owner: the ones that options
// gave, or generated ones, or ones made of the examples of openapi.yaml.
func (s *Sandbox) elements(op *spec.Operation, owner string) rows {
	list, ok := s.set.elements[op.ID]
	switch {
	case op.ID == cosmic.OpListCertifications:
		return s.certificationsOf(owner)
	case ok:
		return given(list)
	case op.ID == certn.OpListUsers:
		return accountUsers{count: s.set.certnUserCount, seed: s.set.seed}
	default:
		return newExampleRows(s.set, op, owner)
	}
}

// certificationsOf are the certifications of a user by id, with those that
// were created at the end.
func (s *Sandbox) certificationsOf(id string) rows {
	s.mu.Lock()
	added := given(s.created[id])
	s.mu.Unlock()
	if user, ok := s.user(id); ok && user.Certifications != nil {
		return joined{given(user.Certifications), added}
	}
	if list, ok := s.set.elements[cosmic.OpListCertifications]; ok {
		return joined{given(list), added}
	}
	return joined{newCertifications(s.set, id), added}
}

// flushed is how many bytes of a list are sent at a time.
const flushed = 64 << 10

// stream writes head, rows from begin to end, and tail. It stops when the
// client has left or the sandbox closes.
func (s *Sandbox) stream(w http.ResponseWriter, list rows, begin, end int, head, tail string) {
	w.Header().Set("Content-Type", "application/json")
	flush := http.NewResponseController(w).Flush
	b := append(make([]byte, 0, flushed+4096), head...)
	for i := begin; i < end; i++ {
		if i > begin {
			b = append(b, ',')
		}
		b = list.appendRow(b, i)
		if len(b) < flushed {
			continue
		}
		if _, err := w.Write(b); err != nil {
			return
		}
		_ = flush() // not every writer can
		select {
		case <-s.done:
			cut(w, false)
			return
		default:
		}
		b = b[:0]
	}
	_, _ = w.Write(append(b, tail...)) // the client may have left
}

// mix spreads two numbers over 64 bits (the finalizer of splitmix64), so that
// row i looks random and is the same each time.
func mix(a, b uint64) uint64 {
	z := a*0x9e3779b97f4a7c15 + b + 0x9e3779b97f4a7c15
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// hashString is FNV-1a.
func hashString(text string) uint64 {
	h := uint64(14695981039346656037)
	for i := range len(text) {
		h = (h ^ uint64(text[i])) * 1099511628211
	}
	return h
}

// appendUUID appends a version 4 UUID made of a number.
func appendUUID(b []byte, n uint64) []byte {
	const digits = "0123456789abcdef"
	high, low := mix(n, 1), mix(n, 2)
	high = high&^0xf000 | 0x4000
	low = low&^(3<<62) | 2<<62
	for i := range 32 {
		if i == 8 || i == 12 || i == 16 || i == 20 {
			b = append(b, '-')
		}
		word := high
		if i >= 16 {
			word = low
		}
		b = append(b, digits[word>>(60-4*(i%16))&15])
	}
	return b
}

func uuidOf(n uint64) string { return string(appendUUID(nil, n)) }
