package facade

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"math/bits"
	"reflect"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/uuid"

	"github.com/credkit/credkit-go/api/date"
)

// The elements of a list are decoded by a shortcut, several times as fast as
// the JSON package. It takes what services really send: members under their
// plain names, strings where strings belong. It either decodes the whole
// element or gives it up, and then the JSON package decodes it from the start:
// that one alone decides what is an error, and how it reads. A differential
// test holds the two against each other.

// shortcut decodes elements of one list, one after the other.
type shortcut struct {
	plan  *plan
	words *words // made for the second element: many lists have one
	raw   []byte
	at    int
	cut   bool // raw came to its end

	unquoted []byte // the string with an escape that was read last
}

// decode decodes the element with which raw begins into the struct that v is,
// and puts what the plan does not know into extra. It returns the element's
// length, or 0 if it gives up, and then v and extra are in between; cut says
// that it may only have wanted more of the element.
func (s *shortcut) decode(raw []byte, v reflect.Value, extra *extra) (length int, cut bool) {
	if s.words == nil && s.at > 0 {
		s.words = new(words)
	}
	s.raw, s.at, s.cut = raw, 0, false
	if s.plan != nil && s.next('{') && s.object(s.plan, v, extra) {
		return s.at, false
	}
	return 0, s.cut
}

// object decodes the rest of an object. Without extra, what the plan does not
// know is left out.
func (s *shortcut) object(p *plan, v reflect.Value, extra *extra) bool {
	if s.peek() == '}' {
		s.at++
		return true
	}
	var leftOut map[string]json.RawMessage
	if extra == nil {
		extra = &leftOut
	}
	for come := 0; ; { // how many members of the plan have come
		name, m, ok := s.name(p, come)
		switch {
		case !ok:
			return false
		case m == nil:
			ok = s.unknown(name, extra)
		default:
			ok = s.member(m, v)
			come++
		}
		if !ok {
			return false
		}
		switch s.peek() {
		case ',':
			s.at++
		case '}':
			s.at++
			return true
		default:
			return false
		}
	}
}

// name steps over a name and its colon. The member is nil for a name that the
// plan does not know. It gives up on one that has come already.
func (s *shortcut) name(p *plan, come int) (name []byte, m *member, ok bool) {
	s.peek()
	if come < len(p.members) && bytes.HasPrefix(s.raw[s.at:], p.members[come].quoted) {
		s.at += len(p.members[come].quoted) // mostly they come in the same order
		return nil, &p.members[come], s.next(':')
	}
	if name, ok = s.text(); !ok {
		return nil, nil, false
	}
	switch i := p.find(name); {
	case i < 0:
		return name, nil, s.next(':')
	case i < come:
		return nil, nil, false
	default:
		p.members[i], p.members[come] = p.members[come], p.members[i]
		return name, &p.members[come], s.next(':')
	}
}

// unknown keeps a member that the plan does not know.
func (s *shortcut) unknown(name []byte, extra *extra) bool {
	if _, twice := (*extra)[string(name)]; twice {
		return false
	}
	s.peek()
	value := s.value()
	if !valid(value) {
		return false
	}
	if *extra == nil {
		*extra = map[string]json.RawMessage{}
	}
	(*extra)[s.words.keep(name)] = bytes.Clone(value)
	return true
}

// member decodes the value that is next into m's field of v, which is zero.
func (s *shortcut) member(m *member, v reflect.Value) bool {
	c := s.peek()
	field := v.Field(m.field)
	switch {
	case m.kind == asOther:
		value := s.value()
		return value != nil && inner(value, field.Addr().Interface()) == nil
	case c == 'n':
		return s.null()
	case m.kind == asStruct:
		return s.next('{') && s.object(m.plan, field, nil)
	}
	if m.kind == asText {
		text, ok := s.text()
		if ok {
			field.SetString(s.words.keep(text))
		}
		return ok
	}
	text, ok := s.quoted()
	if !ok {
		return false
	}
	// What these take has no escape and nothing but ASCII in it.
	switch into := field.Addr().Interface().(type) {
	case *uuid.UUID: // the package takes other forms, too
		return len(text) == len("00000000-0000-0000-0000-000000000000") && into.UnmarshalText(text) == nil
	case *time.Time:
		return strictTime(text) && into.UnmarshalText(text) == nil
	case *date.Date:
		return into.UnmarshalText(text) == nil
	default:
		return false
	}
}

// strictTime gives up on the times that package time takes and RFC 3339 does
// not have: an hour of one digit, a comma before the fraction, a zone too far
// off.
func strictTime(text []byte) bool {
	n := len(text)
	if n < len("2006-01-02T15:04:05Z") || text[13] != ':' || text[19] == ',' {
		return false
	}
	return text[n-1] == 'Z' || text[n-5] <= '1' && text[n-2] <= '5'
}

// peek steps over white space and returns the byte with which the next token
// begins, or 0 at the end.
func (s *shortcut) peek() byte {
	for ; s.at < len(s.raw); s.at++ {
		if c := s.raw[s.at]; !isSpace(c) {
			return c
		}
	}
	s.cut = true
	return 0
}

// next steps over c, which must be the next token.
func (s *shortcut) next(c byte) bool {
	if s.peek() != c {
		return false
	}
	s.at++
	return true
}

func (s *shortcut) null() bool {
	const null = "null"
	if rest := s.raw[s.at:]; len(rest) < len(null) {
		s.cut = true
		return false
	}
	s.at += len(null)
	return string(s.raw[s.at-len(null):s.at]) == null
}

// quoted returns what lies between the next two quotation marks.
func (s *shortcut) quoted() ([]byte, bool) {
	if !s.next('"') {
		return nil, false
	}
	length := bytes.IndexByte(s.raw[s.at:], '"')
	if length < 0 {
		s.cut = true
		return nil, false
	}
	text := s.raw[s.at : s.at+length]
	s.at += length + 1
	return text, true
}

// text returns the string that is next, valid until the next call. It gives up
// on broken UTF-8.
func (s *shortcut) text() ([]byte, bool) {
	text, ok := s.quoted()
	if !ok {
		return nil, false
	}
	var high byte
	for _, c := range text {
		switch {
		case c == '\\':
			return s.escaped(s.at - len(text) - len(`""`))
		case c < ' ':
			return nil, false
		}
		high |= c
	}
	return text, high < utf8.RuneSelf || utf8.Valid(text)
}

// escaped returns the string that begins at the given place and has an escape.
func (s *shortcut) escaped(begin int) ([]byte, bool) {
	s.at = begin
	s.toQuote()
	if s.at >= len(s.raw) {
		s.cut = true
		return nil, false
	}
	s.at++
	var err error
	s.unquoted, err = jsontext.AppendUnquote(s.unquoted[:0], s.raw[begin:s.at])
	return s.unquoted, err == nil
}

// toQuote steps from the quotation mark that opens a string to the one that
// closes it.
func (s *shortcut) toQuote() {
	for s.at++; s.at < len(s.raw) && s.raw[s.at] != '"'; s.at++ {
		if s.raw[s.at] == '\\' {
			s.at++
		}
	}
}

// value returns the value that is next, nil if it is not there to its end.
// Whether it is JSON is for the caller to find out.
func (s *shortcut) value() []byte {
	start, depth := s.at, 0
	for ; s.at < len(s.raw); s.at++ {
		switch s.raw[s.at] {
		case '{', '[':
			depth++
		case ',', '}', ']':
			if depth == 0 { // it ended before this
				return bytes.TrimRight(s.raw[start:s.at], " \n\t\r")
			}
			if s.raw[s.at] != ',' {
				depth--
			}
		case '"':
			s.toQuote()
		}
	}
	s.cut = true
	return nil
}

// words are the strings that were read lately, so that one that comes again
// and again is held once.
type words [256]string

// keep returns text as a string. A nil w keeps nothing.
func (w *words) keep(text []byte) string {
	const most = 64 // longer ones seldom come again
	if w == nil || len(text) == 0 || len(text) > most {
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
