// Package wire is the runtime of the generated models: a strict JSON scanner
// that their readers are written on, and the writer of their members.
//
// It accepts RFC 8259; of what that leaves open, duplicate names in
// an object are an error, names match by case, and a string that is not valid
// UTF-8 has U+FFFD in the place of each wrong byte. Null leaves the zero value.
//
// The package is for generated code and for the list reader of the facade; it
// has no promise of compatibility.
package wire

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"

	gojson "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Value is a model that reads itself.
type Value interface {
	// ReadJSON reads the value that is next in the place of what the model had.
	ReadJSON(s *Scanner)
}

// Scanner reads one JSON value out of memory. Errors are sticky, so that a
// reader needs no branch a member: after a syntax error nothing more is read;
// a value that does not fit its type is noted and skipped, and reading goes on.
//
// The zero Scanner is ready to [Scanner.Read]. It is not safe for concurrent
// use.
type Scanner struct {
	data []byte
	at   int

	broken   error // io.ErrUnexpectedEOF where data ends too early, or errSyntax
	mismatch *Error

	unquoted []byte   // the string with an escape that was read last
	values   int      // that were read
	strings  *strings // made once there are many values: short lists need none
}

// Read reads the value at the beginning of data into v and returns its length.
// The mismatch is the first value within it that does not fit its type; v then
// has what could be read. The error is for good: io.ErrUnexpectedEOF if data
// ends before the value does, else an *Error.
func (s *Scanner) Read(data []byte, v Value) (n int, mismatch *Error, err error) {
	const many = 16
	if s.values++; s.values == many {
		s.strings = new(strings)
	}
	s.data, s.at, s.broken, s.mismatch = data, 0, nil, nil
	v.ReadJSON(s)
	switch {
	case s.broken == errSyntax: //nolint:errorlint // the scanner's own, never wrapped
		return 0, s.mismatch, explain(data)
	case s.mismatch != nil && s.broken == nil:
		s.mismatch.Pointer = pointerAt(data, s.mismatch.offset)
	}
	return s.at, s.mismatch, s.broken
}

// Unmarshal reads a document that holds one value and nothing else. The error
// is an *Error, or io.ErrUnexpectedEOF for a document that ends early.
func Unmarshal(data []byte, v Value) error {
	var s Scanner
	n, mismatch, err := s.Read(data, v)
	if whole := jsontext.Value(bytes.TrimSpace(data)); err == io.ErrUnexpectedEOF && whole.IsValid(lenient) { //nolint:errorlint // the scanner's own, never wrapped
		return &Error{Problem: "want an object, got a JSON " + KindName(whole)} // a number has no end of its own
	}
	if err != nil {
		return err
	}
	if rest := bytes.TrimLeft(data[n:], " \t\r\n"); len(rest) > 0 {
		return &Error{Problem: DataAfter}
	}
	if mismatch != nil {
		return mismatch
	}
	return nil
}

// Object enters an object and returns the name of its first member; nil where
// there is none. Anything but an object is noted as a mismatch and skipped.
func (s *Scanner) Object() (name []byte) {
	if c := s.peek(); c != '{' {
		s.Mismatch("object")
		return nil
	}
	s.at++
	if s.peek() == '}' {
		s.at++
		return nil
	}
	return s.name()
}

// NextMember returns the name of the next member of the object whose last
// member was read, or nil at its end.
func (s *Scanner) NextMember() (name []byte) {
	switch s.peek() {
	case ',':
		s.at++
		return s.name()
	case '}':
		s.at++
		return nil
	}
	s.syntax()
	return nil
}

// name reads a name and its colon. It is valid until the next string is read.
func (s *Scanner) name() []byte {
	if s.peek() != '"' {
		s.syntax()
		return nil
	}
	name := s.text()
	if s.peek() != ':' {
		s.syntax()
		return nil
	}
	s.at++
	return name
}

// Array enters an array and reports whether there is an element to read.
// Anything but an array is noted as a mismatch and skipped.
func (s *Scanner) Array() bool {
	if s.peek() != '[' {
		s.Mismatch("array")
		return false
	}
	s.at++
	if s.peek() == ']' {
		s.at++
		return false
	}
	return s.broken == nil
}

// NextElement reports whether the array has another element.
func (s *Scanner) NextElement() bool {
	switch s.peek() {
	case ',':
		s.at++
		return true
	case ']':
		s.at++
		return false
	}
	s.syntax()
	return false
}

// Null steps over null, if that is next.
func (s *Scanner) Null() bool {
	return s.peek() == 'n' && s.literal("null")
}

func (s *Scanner) literal(word string) bool {
	rest := s.data[s.at:]
	if len(rest) < len(word) && word[:len(rest)] == string(rest) {
		s.truncated()
		return false
	}
	if !bytes.HasPrefix(rest, []byte(word)) {
		s.syntax()
		return false
	}
	s.at += len(word)
	return true
}

// Unknown keeps a member that the model does not declare.
func (s *Scanner) Unknown(name []byte, extra *map[string]json.RawMessage) {
	key := s.strings.intern(name)
	if _, twice := (*extra)[key]; twice {
		s.fail()
		return
	}
	value := s.raw()
	if value == nil {
		return
	}
	if *extra == nil {
		*extra = map[string]json.RawMessage{}
	}
	(*extra)[key] = bytes.Clone(value)
}

// Mismatch skips the value that is next and notes that it is not the one that
// was wanted.
func (s *Scanner) Mismatch(want string) {
	begin := s.at
	if value := s.raw(); value != nil {
		s.note(begin, "want "+article(want)+", got a JSON "+KindName(value))
	}
}

// note keeps the first mismatch of a value.
func (s *Scanner) note(offset int, problem string) {
	if s.mismatch == nil && s.broken == nil {
		s.mismatch = &Error{Problem: problem, offset: max(0, offset)}
	}
}

// peek steps over white space and returns the byte with which the next token
// begins; 0 at the end of the data and after a syntax error.
func (s *Scanner) peek() byte {
	for ; s.at < len(s.data); s.at++ {
		switch c := s.data[s.at]; c {
		case ' ', '\t', '\r', '\n':
		default:
			return c
		}
	}
	return 0
}

// syntax fails for a byte that JSON does not have here, or for the end.
func (s *Scanner) syntax() {
	if s.at >= len(s.data) {
		s.truncated()
		return
	}
	s.fail()
}

// fail fails for what is no JSON, or a name that came twice.
func (s *Scanner) fail() { s.stop(errSyntax) }

// truncated fails because the data ends before the value does.
func (s *Scanner) truncated() { s.stop(io.ErrUnexpectedEOF) }

// stop ends the reading: nothing comes after it.
func (s *Scanner) stop(err error) {
	if s.broken == nil {
		s.broken = err
	}
	s.data, s.at = s.data[:0], 0
}

// errSyntax stands for the error until the JSON library has told what it is.
var errSyntax = errors.New(NotJSON)

// raw returns the value that is next as it came: any JSON without duplicate
// names. It is nil after an error.
func (s *Scanner) raw() []byte {
	c := s.peek()
	begin := s.at
	if c == 0 {
		s.syntax()
		return nil
	}
	end, whole := valueEnd(s.data, begin)
	if !whole {
		s.truncated()
		return nil
	}
	value := s.data[begin:end]
	if !jsontext.Value(value).IsValid(strict) {
		s.fail()
		return nil
	}
	s.at = end
	return value
}

// decode reads the value that is next with the JSON library.
func (s *Scanner) decode(want string, into any) Form {
	begin := s.at
	value := s.raw()
	switch {
	case value == nil:
		return Filled
	case string(value) == "null":
		return Null
	}
	if err := gojson.Unmarshal(value, into, strict); err != nil {
		s.note(begin, "want "+article(want)+", got a JSON "+KindName(value))
	}
	return Filled
}
