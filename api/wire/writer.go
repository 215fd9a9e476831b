package wire

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/uuid"

	"github.com/credkit/credkit-go/api/date"
)

// Writer writes one JSON object. Errors are sticky.
type Writer struct {
	out []byte
	err error
}

// Model is a model that writes itself.
type Model interface {
	// WriteJSON writes the model as an object.
	WriteJSON(w *Writer)
}

// Marshal writes a model.
func Marshal(m Model) ([]byte, error) {
	w := Writer{out: make([]byte, 0, 1024)}
	m.WriteJSON(&w)
	if w.err != nil {
		return nil, w.err
	}
	return w.out, nil
}

// Members writes the members of one object.
type Members struct {
	w     *Writer
	zeros Zeros
	begin int
}

// Begin begins an object whose declared members came with the given zeros.
func (w *Writer) Begin(zeros Zeros) Members {
	w.out = append(w.out, '{')
	return Members{w, zeros, len(w.out)}
}

// Member begins a declared member and reports whether its value is to be
// written: a zero one only if it came so, as null by Member itself. The name is
// quoted and has its colon.
func (m *Members) Member(number uint, name string, zero bool) bool {
	null := zero && m.zeros.null>>number&1 != 0
	if zero && !null && m.zeros.empty>>number&1 == 0 {
		return false
	}
	m.Required(name)
	if null {
		m.w.out = append(m.w.out, "null"...)
	}
	return !null
}

// Required begins a declared member that is always written.
func (m *Members) Required(name string) {
	if len(m.w.out) > m.begin {
		m.w.out = append(m.w.out, ',')
	}
	m.w.out = append(m.w.out, name...)
}

// End writes the members that the model does not declare, sorted by name, and
// ends the object.
func (m *Members) End(extra map[string]json.RawMessage) {
	w := m.w
	if len(extra) == 0 {
		w.out = append(w.out, '}')
		return
	}
	for _, name := range slices.Sorted(maps.Keys(extra)) {
		m.Required("")
		WriteString(w, name)
		w.out = append(w.out, ':')
		w.Raw(extra[name])
	}
	w.out = append(w.out, '}')
	// Extra is the caller's: it may have the name of a field.
	if object := jsontext.Value(w.out[m.begin-1:]); w.err == nil && !object.IsValid(strict) {
		w.err = errors.New("Extra has the name of a field that is set")
	}
}

// Raw writes a value as it is; a nil one is null.
func (w *Writer) Raw(value json.RawMessage) {
	if value == nil {
		value = json.RawMessage("null")
	}
	if w.err == nil && !jsontext.Value(value).IsValid(strict) {
		w.err = errors.New("a json.RawMessage is not one valid JSON value")
	}
	w.out = append(w.out, value...)
}

// Map writes an object whose values are written as they are.
func (w *Writer) Map(members map[string]json.RawMessage) {
	m := w.Begin(Zeros{})
	m.End(members)
}

// WriteSlice writes an array, each element by write.
func WriteSlice[T any](w *Writer, elements []T, write func(T)) {
	w.out = append(w.out, '[')
	for i, element := range elements {
		if i > 0 {
			w.out = append(w.out, ',')
		}
		write(element)
	}
	w.out = append(w.out, ']')
}

// WriteString writes a string. Broken UTF-8 has U+FFFD in its place.
func WriteString[T ~string](w *Writer, s T) {
	w.out, _ = jsontext.AppendQuote(w.out, string(s)) // the error is that of broken UTF-8
}

// UUID writes an id.
func (w *Writer) UUID(id uuid.UUID) {
	out := hex.AppendEncode(append(w.out, '"'), id[:4])
	out = hex.AppendEncode(append(out, '-'), id[4:6])
	out = hex.AppendEncode(append(out, '-'), id[6:8])
	out = hex.AppendEncode(append(out, '-'), id[8:10])
	w.out = append(hex.AppendEncode(append(out, '-'), id[10:]), '"')
}

// Time writes a date-time (RFC 3339).
func (w *Writer) Time(t time.Time) { w.close(t.AppendText(append(w.out, '"'))) }

// Date writes a full-date (RFC 3339), or the empty string for the zero Date.
func (w *Writer) Date(d date.Date) { w.close(d.AppendText(append(w.out, '"'))) }

// close ends a string that was appended.
func (w *Writer) close(out []byte, err error) {
	if w.err == nil {
		w.err = err
	}
	w.out = append(out, '"')
}

// Bool writes true or false.
func (w *Writer) Bool(b bool) { w.out = strconv.AppendBool(w.out, b) }

// Int writes a whole number.
func (w *Writer) Int(n int64) { w.out = strconv.AppendInt(w.out, n, 10) }

// Float writes a number.
func (w *Writer) Float(f float64) {
	b, err := json.Marshal(f)
	if w.err == nil {
		w.err = err
	}
	w.out = append(w.out, b...)
}

// EqualRaw reports whether two objects have the same members, byte for byte.
func EqualRaw(a, b map[string]json.RawMessage) bool {
	return maps.EqualFunc(a, b, func(x, y json.RawMessage) bool { return bytes.Equal(x, y) })
}
