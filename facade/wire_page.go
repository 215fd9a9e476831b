package facade

import (
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"

	wire "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/credkit/credkit-go/api/spec"
	"github.com/credkit/credkit-go/facade/internal/safehttp"
)

// element is how the elements of one list are decoded.
type element[T any] struct {
	shortcut shortcut
	// parts are where the shortcut puts what it reads: the model, and what
	// that does not know.
	parts func(into *T) (model any, extra *extra)
	// whole is what the JSON package decodes: a type without methods.
	whole func(into *T) any
	check func(into *T) error
}

// pageDecoder reads one page of a list: its elements as they come, and what
// leads on to the next page.
type pageDecoder[T any] struct {
	stream
	paging  spec.Pagination
	element element[T]
	state   pageState
	names   map[string]bool // the members of the envelope so far, at most mostNames
	named   int64           // their bytes
	first   bool            // no member or element has come yet
	index   int             // of the next element in this page
	bare    bool
	found   bool // the member with the elements was there

	next  string // the cursor or link; empty if there is none
	more  *bool
	count *int64
}

// mostNames is how many members an envelope may have: they are remembered, to
// find one that comes twice.
const mostNames = 1000

type pageState int

const (
	atStart pageState = iota
	inEnvelope
	inItems
	atEnd
)

func newPageDecoder[T any](paging spec.Pagination, limit int64, element element[T]) *pageDecoder[T] {
	return &pageDecoder[T]{stream: stream{limit: limit}, paging: paging, element: element, names: map[string]bool{}}
}

// start begins with another page.
func (p *pageDecoder[T]) start(r io.Reader) {
	p.stream.start(r)
	clear(p.names)
	p.named = 0
	p.state, p.index, p.bare, p.found = atStart, 0, false, false
	p.next, p.more, p.count = "", nil, nil
}

// read decodes the next element and returns its length in bytes. It returns
// io.EOF at the end of a page that is whole, an *ElementError for an element
// that does not fit, after which it can go on, and any other error for good.
func (p *pageDecoder[T]) read(into *T) (int64, error) {
	for {
		var err error
		switch p.state {
		case atStart:
			err = p.open()
		case inEnvelope:
			err = p.member()
		case inItems:
			var again bool
			switch again, err = p.step(']'); {
			case again:
				return p.one(into)
			case p.bare:
				p.state = atEnd
			default:
				p.state = inEnvelope
			}
		case atEnd:
			return 0, p.finish()
		}
		if err != nil {
			return 0, plain(err)
		}
	}
}

// open steps into the answer.
func (p *pageDecoder[T]) open() error {
	c, err := p.peek()
	if err != nil {
		return err
	}
	switch c {
	case '{':
		p.state = inEnvelope
	case '[': // no envelope: everything at once
		p.state, p.bare, p.found = inItems, true, true
	default:
		value, err := p.value()
		if err != nil {
			return err
		}
		return &shapeError{"want a list, have a JSON " + kindName(value.Kind())}
	}
	p.at++
	p.first = true
	return nil
}

// step steps to the next member or element. It reports false at the closing
// bracket, after having stepped over that.
func (p *pageDecoder[T]) step(closing byte) (bool, error) {
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
		return false, errSyntax
	}
	p.at++
	if c, err = p.peek(); err == nil && c == closing {
		err = errSyntax
	}
	return err == nil, err
}

// errSyntax is what can be wrong between values. What is wrong within them the
// JSON package says.
var errSyntax = &misfit{"", "not valid JSON"}

// member reads a member of the envelope, or steps into the one that has the
// elements.
func (p *pageDecoder[T]) member() error {
	again, err := p.step('}')
	if err != nil {
		return err
	}
	if !again {
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
	case name != p.paging.Items && !leads(name, p.paging.Next) && !leads(name, p.paging.More) && !leads(name, p.paging.Count):
		return within(name, p.skip())
	}
	value, err := p.value()
	if err != nil {
		return within(name, err)
	}
	if name == p.paging.Items {
		return &shapeError{fmt.Sprintf("%q is not a list but a JSON %s", name, kindName(value.Kind()))}
	}
	return p.lead(name, value)
}

// name reads the name of a member and the colon after it.
func (p *pageDecoder[T]) name() (string, error) {
	raw, err := p.value()
	if err != nil {
		return "", err
	}
	var name string
	if raw.Kind() != jsontext.KindString {
		return "", errSyntax
	}
	if err := wire.Unmarshal(raw, &name, decoding()); err != nil {
		return "", err
	}
	if p.names[name] {
		return "", within(name, &misfit{"", "the same name twice in one object"})
	}
	if p.named += int64(len(name)); len(p.names) == mostNames || p.named > p.limit {
		return "", &shapeError{"it has more members than an answer has"}
	}
	p.names[name] = true
	c, err := p.peek()
	if err == nil && c != ':' {
		err = errSyntax
	}
	p.at++
	return name, err
}

// within says that an error is below the member of that name.
func within(name string, err error) error {
	return below(string(jsontext.Pointer("").AppendToken(name)), plain(err))
}

// below puts a path before that of a misfit.
func below(path string, err error) error {
	var at *misfit
	if errors.As(err, &at) {
		return &misfit{path + at.path, at.text}
	}
	return err
}

func leads(name string, path []string) bool { return len(path) > 0 && path[0] == name }

// lead takes what leads on from one member of the envelope.
func (p *pageDecoder[T]) lead(name string, value jsontext.Value) error {
	if leads(name, p.paging.Next) {
		if err := p.follow(value, p.paging.Next, &p.next); err != nil {
			return err
		}
	}
	if leads(name, p.paging.More) {
		if err := p.follow(value, p.paging.More, &p.more); err != nil {
			return err
		}
	}
	if leads(name, p.paging.Count) {
		// A count is only ever logged: a strange one is none.
		if p.follow(value, p.paging.Count, &p.count) != nil {
			p.count = nil
		}
	}
	return nil
}

// follow decodes what lies at path, whose first name has been followed, into
// v. Null, and what is absent without being required, leave the zero value.
func (p *pageDecoder[T]) follow(value jsontext.Value, path []string, v any) error {
	for i, name := range path[1:] {
		if value.Kind() == jsontext.KindNull {
			return nil
		}
		var members map[string]jsontext.Value
		if err := wire.Unmarshal(value, &members, decoding()); err != nil {
			return &shapeError{fmt.Sprintf("%q is not an object", path[0])}
		}
		var ok bool
		if value, ok = members[name]; !ok {
			return p.absent(path[:i+2])
		}
	}
	if err := wire.Unmarshal(value, v, decoding()); err != nil {
		return &shapeError{fmt.Sprintf("%q is a JSON %s", strings.Join(path, "."), kindName(value.Kind()))}
	}
	return nil
}

// absent is the error for a member that the response does not have, if it is
// required: without it a list that goes on would look complete.
func (p *pageDecoder[T]) absent(path []string) error {
	for _, required := range p.paging.Required {
		if slices.Equal(required, path) {
			return &shapeError{fmt.Sprintf("the required %q is missing", strings.Join(path, "."))}
		}
	}
	return nil
}

// one decodes an element: by the shortcut or, where that gives up, by the JSON
// package, which reads it whole first, so that the page can go on after one
// that does not fit.
func (p *pageDecoder[T]) one(into *T) (int64, error) {
	place := p.index
	p.index++
	begin := p.offset()
	if !p.quick(into) {
		raw, err := p.value()
		if err != nil {
			return 0, below(p.path(place), plain(err))
		}
		*into = *new(T)
		err = plain(object(raw, p.element.whole(into)))
		if err != nil {
			return p.offset() - begin, p.misfit(place, err)
		}
	}
	size := p.offset() - begin
	if size > p.limit {
		return 0, &safehttp.TooLargeError{Limit: p.limit}
	}
	if err := p.element.check(into); err != nil {
		return size, p.misfit(place, err)
	}
	return size, nil
}

// quick decodes an element by the shortcut, if that takes it and the window has
// the whole of it.
func (p *pageDecoder[T]) quick(into *T) bool {
	for {
		*into = *new(T)
		model, extra := p.element.parts(into)
		n, cut := p.element.shortcut.decode(p.window[p.at:], reflect.ValueOf(model).Elem(), extra)
		switch {
		case n > 0:
			p.at += n
			return true
		case !cut || p.full() || p.fill() != nil:
			return false
		}
	}
}

// path is the JSON pointer to an element of the page.
func (p *pageDecoder[T]) path(index int) string {
	if p.bare {
		return fmt.Sprintf("/%d", index)
	}
	return fmt.Sprintf("/%s/%d", p.paging.Items, index)
}

func (p *pageDecoder[T]) misfit(index int, err error) *ElementError {
	bad := &ElementError{Path: p.path(index), Err: err}
	var at *misfit
	if errors.As(err, &at) {
		bad.Path += at.path
		bad.Err = errors.New(at.text)
	}
	return bad
}

// finish makes sure that nothing follows the page.
func (p *pageDecoder[T]) finish() error {
	switch _, err := p.peek(); {
	case err == nil:
		return &shapeError{"something follows the answer"}
	case err != io.EOF: //nolint:errorlint // one within another error is a failure of reading
		return plain(err)
	case !p.found:
		return &shapeError{fmt.Sprintf("the answer has no %q", p.paging.Items)}
	}
	for _, required := range p.paging.Required {
		if len(required) == 1 && !p.bare && !p.names[required[0]] {
			return p.absent(required)
		}
	}
	return io.EOF
}
