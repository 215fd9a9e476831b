// Package page reads the pages of lists: the elements one by one as they
// arrive, and what leads on to the next page. Memory is bounded by the longest
// element.
package page

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	gojson "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/credkit/credkit-go/api/spec"
	"github.com/credkit/credkit-go/api/wire"
)

// Reader reads one page after the other. The fields are those of the page that
// was read to its end.
type Reader struct {
	// Next is the cursor of the next page, or the link to it; empty if there
	// is none.
	Next string
	// More is whether the page says that there is a next one; nil if it does
	// not say.
	More *bool
	// Count is the number of elements on all pages; nil if it is not known.
	Count *int64
	// Bare says that the response was an array without an envelope: everything
	// at once.
	Bare bool

	stream
	scanner wire.Scanner
	paging  spec.Pagination
	state   state
	names   []string // the members of the envelope so far, at most maxNames
	named   int64    // their bytes
	first   bool     // no member or element has come yet
	index   int      // of the next element
	found   bool     // the member with the elements was there
}

// maxNames is how many members an envelope may have: they are remembered, to
// find one that comes twice.
const maxNames = 1000

type state int

const (
	atStart state = iota
	inEnvelope
	inItems
	atEnd
)

// decoding are the options of the JSON library: see package wire.
var decoding = jsontext.AllowInvalidUTF8(true)

// NewReader returns a reader for the pages of a list, which holds at most limit
// bytes at once.
func NewReader(paging spec.Pagination, limit int64) *Reader {
	return &Reader{stream: stream{limit: limit}, paging: paging}
}

// Start begins with another page, whose body has the given length; negative if
// that is not known.
func (p *Reader) Start(body io.Reader, length int64) {
	p.start(body, length)
	p.names = p.names[:0]
	p.named, p.state, p.index, p.found = 0, atStart, 0, false
	p.Next, p.More, p.Count, p.Bare = "", nil, nil, false
}

// Read reads the next element into v and returns its length in bytes. A
// mismatch is an element that does not fit, after which the reader can go on.
// The error is io.EOF at the end of a page that is whole, io.ErrUnexpectedEOF
// for one that is cut off, a *wire.Error for one of another shape, and else
// what reading the body ended in.
func (p *Reader) Read(v wire.Value) (size int, mismatch *wire.Error, err error) {
	for {
		var err error
		switch p.state {
		case atStart:
			err = p.open()
		case inEnvelope:
			err = p.member()
		case inItems:
			var another bool
			switch another, err = p.step(']'); {
			case another:
				return p.element(v)
			case p.Bare:
				p.state = atEnd
			default:
				p.state = inEnvelope
			}
		case atEnd:
			return 0, nil, p.finish()
		}
		if err != nil {
			return 0, nil, wire.Explain(err)
		}
	}
}

// element reads an element of the page.
func (p *Reader) element(v wire.Value) (int, *wire.Error, error) {
	place := p.index
	p.index++
	size, mismatch, err := p.stream.element(&p.scanner, v)
	if mismatch == nil && err == nil {
		return size, nil, nil
	}
	pointer := fmt.Sprintf("/%s/%d", p.paging.Items, place)
	if p.Bare {
		pointer = fmt.Sprintf("/%d", place)
	}
	if err != nil {
		return 0, nil, below(pointer, wire.Explain(err))
	}
	mismatch.Pointer = pointer + mismatch.Pointer
	return size, mismatch, nil
}

// open steps into the response.
func (p *Reader) open() error {
	c, err := p.peek()
	if err != nil {
		return err
	}
	switch c {
	case '{':
		p.state = inEnvelope
	case '[': // no envelope: everything at once
		p.state, p.Bare, p.found = inItems, true, true
	default:
		value, err := p.value()
		if rest := jsontext.Value(p.window[p.at:]); err == io.EOF && rest.IsValid(decoding) { //nolint:errorlint // one within another error is a failure
			value, err = rest, nil // a number or a literal, which only the end of the body ends
		}
		if err != nil {
			return err
		}
		return &wire.Error{Problem: "want a list, got a JSON " + wire.KindName(value)}
	}
	p.at++
	p.first = true
	return nil
}

// step steps to the next member or element. It reports false at the closing
// bracket, after having stepped over that.
func (p *Reader) step(closing byte) (bool, error) {
	c, err := p.peek()
	if err != nil {
		return false, err
	}
	switch {
	case c == closing:
		p.at++
		p.first = false
		return false, nil
	case p.first:
		p.first = false
		return true, nil
	case c != ',':
		return false, &wire.Error{Problem: wire.NotJSON}
	}
	p.at++
	if c, err = p.peek(); err == nil && c == closing {
		err = &wire.Error{Problem: wire.NotJSON}
	}
	return err == nil, err
}

// member reads a member of the envelope, or steps into the one that has the
// elements.
func (p *Reader) member() error {
	another, err := p.step('}')
	if err != nil {
		return err
	}
	if !another {
		p.state = atEnd
		return nil
	}
	name, err := p.name()
	if err != nil {
		return err
	}
	c, err := p.peek()
	switch {
	case err != nil:
		return err
	case name == p.paging.Items && c == '[':
		p.at++
		p.state, p.found, p.first = inItems, true, true
		return nil
	case name != p.paging.Items && !startsWith(name, p.paging.Next) && !startsWith(name, p.paging.More) && !startsWith(name, p.paging.Count):
		return within(name, p.skip())
	}
	value, err := p.value()
	if err != nil {
		return within(name, err)
	}
	if name == p.paging.Items {
		return &wire.Error{Problem: fmt.Sprintf("%q is not an array but a JSON %s", name, wire.KindName(value))}
	}
	return p.readPaging(name, value)
}

// name reads the name of a member and the colon after it.
func (p *Reader) name() (string, error) {
	raw, err := p.value()
	if err != nil {
		return "", err
	}
	if raw.Kind() != jsontext.KindString {
		return "", &wire.Error{Problem: wire.NotJSON}
	}
	name := p.unquote(raw)
	if slices.Contains(p.names, name) {
		return "", within(name, &wire.Error{Problem: wire.DuplicateName})
	}
	if p.named += int64(len(name)); len(p.names) == maxNames || p.named > p.limit {
		return "", &wire.Error{Problem: "the envelope has too many members"}
	}
	p.names = append(p.names, name)
	c, err := p.peek()
	if err == nil && c != ':' {
		err = &wire.Error{Problem: wire.NotJSON}
	}
	p.at++
	return name, err
}

// unquote returns a name, without an allocation for the one that every page has.
func (p *Reader) unquote(raw jsontext.Value) string {
	if items := p.paging.Items; len(raw) == len(items)+2 && string(raw[1:len(raw)-1]) == items {
		return items
	}
	name, _ := jsontext.AppendUnquote(nil, raw) // valid, and broken UTF-8 is replaced
	return string(name)
}

// within says that an error is below the member of that name.
func within(name string, err error) error {
	return below(string(jsontext.Pointer("").AppendToken(name)), wire.Explain(err))
}

// below puts a pointer before that of a decoding error.
func below(pointer string, err error) error {
	if at, ok := errors.AsType[*wire.Error](err); ok {
		return &wire.Error{Pointer: pointer + at.Pointer, Problem: at.Problem}
	}
	return err
}

func startsWith(name string, path []string) bool { return len(path) > 0 && path[0] == name }

// readPaging reads what is known of the next page from one member of the envelope.
func (p *Reader) readPaging(name string, value jsontext.Value) error {
	if startsWith(name, p.paging.Next) {
		if err := p.decodePath(value, p.paging.Next, &p.Next); err != nil {
			return err
		}
	}
	if startsWith(name, p.paging.More) {
		if err := p.decodePath(value, p.paging.More, &p.More); err != nil {
			return err
		}
	}
	if startsWith(name, p.paging.Count) {
		// A count is only ever logged: a strange one is none.
		if p.decodePath(value, p.paging.Count, &p.Count) != nil {
			p.Count = nil
		}
	}
	return nil
}

// decodePath decodes what lies at path, whose first name is that of value, into
// v. Null, and what is absent without being required, leave the zero value.
func (p *Reader) decodePath(value jsontext.Value, path []string, v any) error {
	for i, name := range path[1:] {
		if value.Kind() == jsontext.KindNull {
			return nil
		}
		var members map[string]jsontext.Value
		if err := gojson.Unmarshal(value, &members, decoding); err != nil {
			return &wire.Error{Problem: fmt.Sprintf("%q is not an object", path[0])}
		}
		var ok bool
		if value, ok = members[name]; !ok {
			return p.absent(path[:i+2])
		}
	}
	if err := gojson.Unmarshal(value, v, decoding); err != nil {
		return &wire.Error{Problem: fmt.Sprintf("%q is a JSON %s", strings.Join(path, "."), wire.KindName(value))}
	}
	return nil
}

// absent is the error for a member that the response does not have, if it is
// required: without it a list that goes on would look complete.
func (p *Reader) absent(path []string) error {
	for _, required := range p.paging.Required {
		if slices.Equal(required, path) {
			return &wire.Error{Problem: fmt.Sprintf("required %q is missing", strings.Join(path, "."))}
		}
	}
	return nil
}

// finish makes sure that nothing follows the page.
func (p *Reader) finish() error {
	switch _, err := p.peek(); {
	case err == nil:
		return &wire.Error{Problem: wire.DataAfter}
	case err != io.EOF: //nolint:errorlint // one within another error is a failure of reading
		return wire.Explain(err)
	case !p.found:
		return &wire.Error{Problem: fmt.Sprintf("required %q is missing", p.paging.Items)}
	}
	for _, required := range p.paging.Required {
		if len(required) == 1 && !p.Bare && !slices.Contains(p.names, required[0]) {
			return p.absent(required)
		}
	}
	return io.EOF
}
