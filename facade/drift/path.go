package drift

import (
	"strconv"
	"strings"
)

// step is one level of the path: a member's name, or an index.
type step struct {
	name  string
	index int64
	data  bool // the name is data
}

// pattern appends where the walk is to the buffer, with * for what varies.
func (w *walker) pattern() []byte {
	w.buf = w.buf[:0]
	for _, s := range w.path {
		if s.name == "" || s.data {
			w.buf = append(w.buf, "/*"...)
		} else {
			w.buf = append(append(w.buf, '/'), escape(s.name)...)
		}
	}
	return w.buf
}

// pointer is where the walk is, index by index.
func (w *walker) pointer() string {
	var out strings.Builder
	for _, s := range w.path {
		switch {
		case s.data && !w.show:
			out.WriteString("/*")
		case s.name == "" && !s.data:
			out.WriteString("/" + strconv.FormatInt(s.index, 10))
		default:
			out.WriteString("/" + escape(s.name))
		}
	}
	return out.String()
}

// escape writes a name as RFC 6901 section 3 has it.
func escape(name string) string {
	return strings.ReplaceAll(strings.ReplaceAll(name, "~", "~0"), "/", "~1")
}

func (w *walker) push(s step) { w.path = append(w.path, s) }
func (w *walker) pop()        { w.path = w.path[:len(w.path)-1] }
