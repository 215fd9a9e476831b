package facade

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	wire "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/credkit/credkit-go/api/spec"
	"github.com/credkit/credkit-go/facade/internal/safehttp"
)

// This file alone knows the JSON package, and turns bytes into values. What
// holds everywhere: duplicate names are an error, broken UTF-8 is replaced,
// names match by case, null is the zero value.

// extra is what the specification does not know of a value.
type extra = map[string]json.RawMessage

// decoding are the options of every decoder.
func decoding() wire.Options {
	return jsontext.AllowInvalidUTF8(true)
}

// marshal writes v flat, its extra members among the others.
func marshal(v any) ([]byte, error) {
	return wire.Marshal(v, jsontext.AllowInvalidUTF8(true), wire.Deterministic(true))
}

// unmarshal reads one JSON object into v. Null, and anything that is no
// object, is an error.
func unmarshal(b []byte, v any) error {
	if kind := jsontext.Value(bytes.TrimSpace(b)).Kind(); kind != jsontext.KindBeginObject && len(b) > 0 {
		return &shapeError{"want a JSON object, have " + kindName(kind)}
	}
	return plain(wire.Unmarshal(b, v, decoding()))
}

// shapeError says that JSON has another shape than the operation's answer.
type shapeError struct{ text string }

func (e *shapeError) Error() string { return e.text }

// misfit is a value that does not fit its type, without the value: it may be
// personal.
type misfit struct {
	path string
	text string
}

func (e *misfit) Error() string { return e.text + " at " + quotePath(e.path) }

func quotePath(path string) string {
	const most = 200
	switch {
	case path == "":
		return "the top"
	case len(path) > most:
		return path[:most] + "…"
	}
	return path
}

// plain turns the JSON package's errors into ours: what was wrong and where,
// never the value. Errors of reading pass through.
func plain(err error) error {
	var semantic *wire.SemanticError
	var syntactic *jsontext.SyntacticError
	switch {
	case err == nil:
		return nil
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return io.ErrUnexpectedEOF
	case errors.As(err, &syntactic):
		text := "not valid JSON"
		if errors.Is(err, jsontext.ErrDuplicateName) {
			text = "the same name twice in one object"
		}
		return &misfit{string(syntactic.JSONPointer), text}
	case errors.As(err, &semantic):
		into := "its type"
		if semantic.GoType != nil {
			into = semantic.GoType.String()
		}
		return &misfit{string(semantic.JSONPointer), fmt.Sprintf("a JSON %s is no %s", kindName(semantic.JSONKind), into)}
	default:
		return err
	}
}

func kindName(k jsontext.Kind) string {
	switch k {
	case jsontext.KindBeginObject:
		return "object"
	case jsontext.KindBeginArray:
		return "array"
	case jsontext.KindNull, jsontext.KindString, jsontext.KindNumber:
		return k.String()
	case jsontext.KindTrue, jsontext.KindFalse:
		return "boolean"
	default:
		return "value"
	}
}

// element decodes one element of a list, whole JSON without duplicate names,
// into its type.
type element[T any] func(raw []byte, into *T) error

// inner decodes what is inside of an element whose names decoder has found to
// be unique.
func inner(raw []byte, into any) error {
	return wire.Unmarshal(raw, into, decoding(), jsontext.AllowDuplicateNames(true))
}

// decoder reads JSON from an answer as it comes, holding a bounded part of it.
type decoder struct {
	*jsontext.Decoder
	src   io.Reader
	limit int64
	read  int64 // bytes taken from src

	waiting func() // called before more is read, which may take its time; may be nil
}

func newDecoder(limit int64) *decoder {
	d := &decoder{limit: limit}
	d.Decoder = jsontext.NewDecoder(d, decoding())
	return d
}

// reset makes the decoder read another answer, in the memory it has.
func (d *decoder) reset(r io.Reader) {
	d.src, d.read = r, 0
	d.Decoder.Reset(d, decoding())
}

// Read feeds the JSON decoder. It fails once more than the limit is held.
func (d *decoder) Read(p []byte) (int, error) {
	if d.read-d.InputOffset() > d.limit {
		return 0, &safehttp.TooLargeError{Limit: d.limit}
	}
	if d.waiting != nil {
		d.waiting()
	}
	n, err := d.src.Read(p)
	d.read += int64(n)
	return n, err
}

// object decodes an element of a list, whose names decoder has found to be
// unique.
func object(raw []byte, into any) error {
	if kind := jsontext.Value(raw).Kind(); kind != jsontext.KindBeginObject {
		return &misfit{"", "want an object, have a JSON " + kindName(kind)}
	}
	return inner(raw, into)
}

// pageDecoder reads one page of a list: its elements as they come, and what
// leads on to the next page.
type pageDecoder[T any] struct {
	*decoder
	paging  spec.Pagination
	element element[T]
	state   pageState
	index   int // of the next element in this page
	bare    bool
	found   bool // the member with the elements was there

	next  string // the cursor or link; empty if there is none
	more  *bool
	count *int64
}

type pageState int

const (
	atStart pageState = iota
	inEnvelope
	inItems
	atEnd
)

func newPageDecoder[T any](paging spec.Pagination, limit int64, element element[T]) *pageDecoder[T] {
	return &pageDecoder[T]{decoder: newDecoder(limit), paging: paging, element: element}
}

// start begins with another page.
func (p *pageDecoder[T]) start(r io.Reader) {
	p.reset(r)
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
			if p.PeekKind() != jsontext.KindEndArray {
				return p.one(into)
			}
			_, err = p.ReadToken()
			p.state = inEnvelope
			if p.bare {
				p.state = atEnd
			}
		case atEnd:
			return 0, p.finish()
		}
		if err != nil {
			return 0, plain(err)
		}
	}
}

func (p *pageDecoder[T]) open() error {
	switch kind := p.PeekKind(); kind {
	case jsontext.KindBeginObject:
		p.state = inEnvelope
	case jsontext.KindBeginArray: // no envelope: everything at once
		p.state, p.bare, p.found = inItems, true, true
	case jsontext.KindInvalid: // ReadToken says why
	default:
		return &shapeError{"want a list, have a JSON " + kindName(kind)}
	}
	_, err := p.ReadToken()
	return err
}

func (p *pageDecoder[T]) member() error {
	token, err := p.ReadToken()
	if err != nil {
		return err
	}
	if token.Kind() == jsontext.KindEndObject {
		p.state = atEnd
		return nil
	}
	name := token.String()
	if name == p.paging.Items {
		if kind := p.PeekKind(); kind != jsontext.KindBeginArray && kind != jsontext.KindInvalid {
			return &shapeError{fmt.Sprintf("%q is not a list but a JSON %s", name, kindName(kind))}
		}
		_, err := p.ReadToken()
		p.state, p.found = inItems, true
		return err
	}
	if !leads(name, p.paging.Next) && !leads(name, p.paging.More) && !leads(name, p.paging.Count) {
		return p.SkipValue()
	}
	value, err := p.ReadValue()
	if err != nil {
		return err
	}
	return p.lead(name, value)
}

func leads(name string, path []string) bool { return len(path) > 0 && path[0] == name }

// lead takes what leads on from one member of the envelope.
func (p *pageDecoder[T]) lead(name string, value jsontext.Value) error {
	if leads(name, p.paging.Next) {
		if err := follow(value, p.paging.Next, &p.next); err != nil {
			return err
		}
	}
	if leads(name, p.paging.More) {
		if err := follow(value, p.paging.More, &p.more); err != nil {
			return err
		}
	}
	if leads(name, p.paging.Count) {
		// A count is only ever logged: a strange one is none.
		if follow(value, p.paging.Count, &p.count) != nil {
			p.count = nil
		}
	}
	return nil
}

// follow decodes what lies at path, whose first name has been followed, into
// v. Null and what is absent leave the zero value.
func follow(value jsontext.Value, path []string, v any) error {
	for _, name := range path[1:] {
		if value.Kind() == jsontext.KindNull {
			return nil
		}
		var members map[string]jsontext.Value
		if err := wire.Unmarshal(value, &members); err != nil {
			return &shapeError{fmt.Sprintf("%q is not an object", path[0])}
		}
		var ok bool
		if value, ok = members[name]; !ok {
			return nil
		}
	}
	if err := wire.Unmarshal(value, v); err != nil {
		return &shapeError{fmt.Sprintf("%q is a JSON %s", strings.Join(path, "."), kindName(value.Kind()))}
	}
	return nil
}

// one decodes an element. It is read whole first, so that the page can go on
// after one that does not fit.
func (p *pageDecoder[T]) one(into *T) (int64, error) {
	raw, err := p.ReadValue()
	if err != nil {
		return 0, plain(err)
	}
	size := int64(len(raw))
	index := p.index
	p.index++
	err = plain(p.element(raw, into))
	if err == nil {
		return size, nil
	}
	bad := &ElementError{Path: fmt.Sprintf("/%s/%d", p.paging.Items, index), Err: err}
	if p.bare {
		bad.Path = fmt.Sprintf("/%d", index)
	}
	var at *misfit
	if errors.As(err, &at) {
		bad.Path += at.path
		bad.Err = errors.New(at.text)
	}
	return size, bad
}

// finish makes sure that the page was whole and nothing follows it.
func (p *pageDecoder[T]) finish() error {
	if _, err := p.ReadToken(); err == nil {
		return &shapeError{"something follows the answer"}
	} else if !errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return plain(err)
	}
	if !p.found {
		return &shapeError{fmt.Sprintf("the answer has no %q", p.paging.Items)}
	}
	return io.EOF
}
