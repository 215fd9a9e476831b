package facade

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"math/bits"
	"reflect"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/credkit/credkit-go/api/date"
)

// The elements of a list are decoded by a short way, several times as fast
// as the JSON package's. It takes what services really send: members under
// their plain names, strings where strings belong. It either decodes the whole
// element or gives it up, and then the JSON package decodes it from the start:
// that one alone decides what is an error, and how it reads. A differential
// test holds the two against each other.

// shortcut decodes elements of one list, one after the other.
type shortcut struct {
	plan  *plan
	words words
	raw   []byte // one element: JSON that has been found to be whole and valid, without duplicate names
	at    int
}

// decode decodes raw into the struct that v is, and puts what the plan does
// not know into extra. It reports false if it gives up; v and extra are then in
// between.
func (s *shortcut) decode(raw []byte, v reflect.Value, extra *extra) bool {
	s.raw, s.at = raw, 0
	return s.peek() == '{' && s.object(s.plan, v, extra)
}

// object decodes the object that begins here. Without extra, what the plan
// does not know is left out.
func (s *shortcut) object(p *plan, v reflect.Value, extra *extra) bool {
	s.at++
	expected := 0
	for {
		switch s.peek() {
		case '}':
			s.at++
			p.settled = true
			return true
		case ',':
			s.at++
			s.peek()
		}
		if expected < len(p.members) && bytes.HasPrefix(s.raw[s.at:], []byte(p.members[expected].quoted)) {
			s.at += len(p.members[expected].quoted)
		} else {
			name, ok := s.text()
			if !ok {
				return false
			}
			found := p.find(name, expected)
			if found < 0 {
				s.unknown(name, extra)
				continue
			}
			expected = found
		}
		s.colon()
		if !s.member(&p.members[expected], v) {
			return false
		}
		expected++
	}
}

// unknown keeps a member that the plan does not know, whose name was read.
func (s *shortcut) unknown(name []byte, extra *extra) {
	s.colon()
	value := s.value()
	if extra == nil {
		return
	}
	if *extra == nil {
		*extra = map[string]json.RawMessage{}
	}
	(*extra)[s.words.keep(name)] = bytes.Clone(value)
}

// member decodes the value that is here into m's field of v.
func (s *shortcut) member(m *member, v reflect.Value) bool {
	c := s.peek()
	f := v.Field(m.field)
	if m.kind == asOther {
		return inner(s.value(), f.Addr().Interface()) == nil
	}
	if c == 'n' { // null: the field has its zero value
		s.at += len("null")
		return true
	}
	if m.kind == asStruct {
		return c == '{' && s.object(m.plan, f, nil)
	}
	if m.kind == asText {
		text, ok := s.text()
		f.SetString(s.words.keep(text))
		return ok
	}
	if c != '"' {
		return false
	}
	// None of these has an escape or anything but ASCII: their packages refuse
	// it, and then the JSON package has the word.
	s.at++
	end := s.at + bytes.IndexByte(s.raw[s.at:], '"')
	text := s.raw[s.at:end]
	s.at = end + 1
	var err error
	switch into := f.Addr().Interface().(type) {
	case *uuid.UUID:
		err = into.UnmarshalText(text)
	case *time.Time:
		err = into.UnmarshalText(text)
	case *date.Date:
		err = into.UnmarshalText(text)
	}
	return err == nil
}

// peek returns the byte at which the next token begins.
func (s *shortcut) peek() byte {
	for {
		switch c := s.raw[s.at]; c {
		case ' ', '\t', '\r', '\n':
			s.at++
		default:
			return c
		}
	}
}

// colon steps over the colon after a name.
func (s *shortcut) colon() {
	s.peek()
	s.at++
}

// text returns the string that is here. It reports false for anything else,
// and for a string with an escape or broken UTF-8.
func (s *shortcut) text() ([]byte, bool) {
	if s.raw[s.at] != '"' {
		return nil, false
	}
	rest := s.raw[s.at+1:]
	rest = rest[:bytes.IndexByte(rest, '"')]
	var high byte
	for _, c := range rest {
		if c == '\\' {
			return nil, false
		}
		high |= c
	}
	s.at += len(rest) + 2
	return rest, high < utf8.RuneSelf || utf8.Valid(rest)
}

// value returns the value that is here, as it came.
func (s *shortcut) value() []byte {
	s.peek()
	start, depth := s.at, 0
	for {
		switch s.raw[s.at] {
		case '{', '[':
			depth++
		case '}', ']':
			if depth == 0 { // what came before was a number or a word
				return bytes.TrimRight(s.raw[start:s.at], " \t\r\n")
			}
			depth--
		case ',':
			if depth == 0 {
				return bytes.TrimRight(s.raw[start:s.at], " \t\r\n")
			}
		case '"':
			for s.at++; s.raw[s.at] != '"'; s.at++ {
				if s.raw[s.at] == '\\' {
					s.at++
				}
			}
		}
		s.at++
	}
}

// words keeps the strings that were read lately, so that a word that comes
// again and again is held once. Its size is bounded; the zero value is ready.
type words [256]string

// keep returns text as a string.
func (w *words) keep(text []byte) string {
	const most = 64 // longer ones seldom come again
	if len(text) == 0 || len(text) > most {
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
	kept := &w[(high^low)%uint64(len(w))]
	if *kept != string(text) {
		*kept = string(text)
	}
	return *kept
}
