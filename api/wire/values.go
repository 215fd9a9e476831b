package wire

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"math/bits"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/uuid"

	"github.com/credkit/credkit-go/api/date"
)

// The functions below read the value that is next and return its form. A value
// that does not fit leaves the target alone and is noted.

// String reads a string.
func String[T ~string](s *Scanner, into *T) Form {
	if s.peek() != '"' {
		return s.nullOr("string")
	}
	text := s.text()
	if len(text) == 0 {
		return Empty
	}
	*into = T(s.strings.intern(text))
	return Filled
}

// UUID reads a string in one of the forms of RFC 9562 that uuid.Parse takes.
func UUID(s *Scanner, into *uuid.UUID) Form {
	if s.peek() != '"' {
		return s.nullOr("UUID")
	}
	begin := s.at
	text := s.text()
	if id, ok := plainUUID(text); ok {
		*into = id
	} else if err := into.UnmarshalText(text); err != nil {
		*into = uuid.UUID{}
		s.note(begin, "not a UUID")
		return Filled
	}
	if *into == (uuid.UUID{}) {
		return Empty
	}
	return Filled
}

// plainUUID reads the form with 36 characters.
func plainUUID(text []byte) (id uuid.UUID, ok bool) {
	if len(text) != 36 || text[8] != '-' || text[13] != '-' || text[18] != '-' || text[23] != '-' {
		return id, false
	}
	at := 0
	for i := range id {
		if at == 8 || at == 13 || at == 18 || at == 23 {
			at++
		}
		high, low := hexDigit[text[at]], hexDigit[text[at+1]]
		if high|low > 15 {
			return uuid.UUID{}, false
		}
		id[i] = high<<4 | low
		at += 2
	}
	return id, true
}

// hexDigit has the value of each hexadecimal digit, and 255 for other bytes.
var hexDigit = func() (table [256]byte) {
	for c := range table {
		table[c] = 255
		if v, err := strconv.ParseUint(string(rune(c)), 16, 4); err == nil && c < 0x80 {
			table[c] = byte(v)
		}
	}
	return table
}()

// Time reads a date-time (RFC 3339).
func Time(s *Scanner, into *time.Time) Form {
	if s.peek() != '"' {
		return s.nullOr("date-time")
	}
	begin := s.at
	text := s.text()
	if !strictTime(text) || into.UnmarshalText(text) != nil {
		*into = time.Time{}
		s.note(begin, "not an RFC 3339 date-time")
		return Filled
	}
	if into.IsZero() {
		return Empty
	}
	return Filled
}

// strictTime refuses the times that package time takes and RFC 3339 does not
// have (https://go.dev/issue/54580): an hour of one digit, a comma before the
// fraction, a zone too far off.
func strictTime(text []byte) bool {
	n := len(text)
	if n < len("2006-01-02T15:04:05Z") || text[13] != ':' || text[19] == ',' {
		return false
	}
	return text[n-1] == 'Z' || text[n-5] <= '2' && (text[n-5] < '2' || text[n-4] <= '3') && text[n-2] <= '5'
}

// Date reads a full-date (RFC 3339). The empty string is the zero Date.
func Date(s *Scanner, into *date.Date) Form {
	if s.peek() != '"' {
		return s.nullOr("date")
	}
	begin := s.at
	text := s.text()
	if into.UnmarshalText(text) != nil {
		s.note(begin, "not a date like 2006-01-02")
		return Filled
	}
	if into.IsZero() {
		return Empty
	}
	return Filled
}

// Bool reads true or false.
func Bool(s *Scanner, into *bool) Form {
	switch s.peek() {
	case 't':
		*into = s.literal("true")
		return Filled
	case 'f':
		s.literal("false")
		return Empty
	}
	return s.nullOr("boolean")
}

// Int reads a whole number.
func Int[T ~int | ~int32 | ~int64](s *Scanner, into *T) Form {
	if c := s.peek(); c != '-' && (c < '0' || c > '9') {
		return s.nullOr("whole number")
	}
	begin := s.at
	value := s.raw()
	if value == nil {
		return Filled
	}
	n, err := strconv.ParseInt(string(value), 10, 64)
	if err != nil || int64(T(n)) != n {
		s.note(begin, "not a whole number in range")
		return Filled
	}
	*into = T(n)
	if n == 0 {
		return Empty
	}
	return Filled
}

// Float reads a number.
func Float(s *Scanner, into *float64) Form {
	form := s.decode("number", into)
	if form == Filled && *into == 0 {
		return Empty
	}
	return form
}

// Raw keeps any value but null as it came.
func Raw(s *Scanner, into *json.RawMessage) Form {
	if s.Null() {
		return Null
	}
	*into = append(json.RawMessage(nil), s.raw()...)
	return Filled
}

// Map reads an object whose values are kept as they came.
func Map(s *Scanner, into *map[string]json.RawMessage) Form {
	if s.Null() {
		return Null
	}
	members := map[string]json.RawMessage{}
	for name := s.Object(); name != nil; name = s.NextMember() {
		s.Unknown(name, &members)
	}
	*into = members
	return Filled
}

// Object reads an object into a model.
func Object(s *Scanner, into Value) Form {
	if s.Null() {
		return Null
	}
	begin := s.at
	into.ReadJSON(s)
	if s.broken == nil && isEmptyObject(s.data[begin:s.at]) {
		return Empty
	}
	return Filled
}

// isEmptyObject reports whether a value is an object without members.
func isEmptyObject(value []byte) bool {
	return value[0] == '{' && len(bytes.TrimLeft(value[1:], " \t\r\n")) == len("}")
}

// Slice reads an array, each element by read.
func Slice[T any](s *Scanner, into *[]T, read func(*Scanner, *T) Form) Form {
	if s.Null() {
		return Null
	}
	elements := []T{}
	for more := s.Array(); more; more = s.NextElement() {
		var element T
		read(s, &element)
		elements = append(elements, element)
	}
	*into = elements
	return Filled
}

// Objects reads an array of models.
func Objects[T any, P interface {
	*T
	Value
}](s *Scanner, into *[]T) Form {
	return Slice(s, into, func(s *Scanner, element *T) Form { return Object(s, P(element)) })
}

// nullOr reads null; any other value does not fit.
func (s *Scanner) nullOr(want string) Form {
	if s.Null() {
		return Null
	}
	s.Mismatch(want)
	return Filled
}

// special are the bytes that end the plain part of a string: its end, an
// escape, and what JSON does not have in a string.
var special = func() (table [256]bool) {
	for c := range table {
		table[c] = c < ' ' || c == '"' || c == '\\'
	}
	return table
}()

// text returns the string that is next, without its quotation marks and
// escapes. It is valid until the next call, and nil after an error.
func (s *Scanner) text() []byte {
	begin := s.at + 1
	rest := s.data[begin:]
	var high byte
	for i, c := range rest {
		if !special[c] {
			high |= c
			continue
		}
		if c != '"' || high >= utf8.RuneSelf && !utf8.Valid(rest[:i]) {
			return s.unquote()
		}
		s.at = begin + i + 1
		return rest[:i]
	}
	s.truncated()
	return nil
}

// unquote is text for a string with an escape, or with broken UTF-8.
func (s *Scanner) unquote() []byte {
	value := s.raw()
	if value == nil {
		return nil
	}
	// The error is that of broken UTF-8, which has been replaced.
	s.unquoted, _ = jsontext.AppendUnquote(s.unquoted[:0], value)
	return s.unquoted
}

// strings are the strings that were read lately, so that one that comes again
// and again is held once.
type strings [256]string

// intern returns text as a string. A nil table keeps nothing.
func (t *strings) intern(text []byte) string {
	const most = 64 // longer ones seldom come again
	if t == nil || len(text) == 0 || len(text) > most {
		return string(text)
	}
	var first, last uint64
	if len(text) >= 8 {
		first, last = binary.LittleEndian.Uint64(text), binary.LittleEndian.Uint64(text[len(text)-8:])
	} else {
		for i, c := range text {
			first |= uint64(c) << (8 * i)
		}
	}
	high, low := bits.Mul64(first^0x9e3779b97f4a7c15, last^0xd6e8feb86659fd93^uint64(len(text)))
	kept := &t[(high^low)%uint64(len(t))]
	if *kept != string(text) {
		*kept = string(text)
	}
	return *kept
}
