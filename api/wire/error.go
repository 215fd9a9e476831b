package wire

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	gojson "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Error says what is wrong with a JSON document, and where. It never has the
// value, which may be personal.
type Error struct {
	// Pointer is the place as a JSON pointer (RFC 6901); empty for the top.
	Pointer string
	// Problem says what is wrong: "want a UUID, got a JSON number".
	Problem string

	offset int // the place, until Read has found the pointer
}

// Error implements error.
func (e *Error) Error() string {
	if e.Pointer == "" {
		return e.Problem
	}
	const most = 200 // its names are the server's
	pointer := e.Pointer
	if len(pointer) > most {
		pointer = pointer[:most] + "…"
	}
	return fmt.Sprintf("%s at %q", e.Problem, pointer)
}

// What can be wrong with a document, whatever it was to be.
const (
	NotJSON       = "not valid JSON"
	DuplicateName = "the same name twice in one object"
	DataAfter     = "unexpected data after the JSON value"
)

// Explain turns an error of the JSON library into an *Error: what is wrong and
// where, never the value. The end of the data within a value is
// io.ErrUnexpectedEOF. Other errors, those of reading, pass through.
func Explain(err error) error {
	syntactic, ok := errors.AsType[*jsontext.SyntacticError](err)
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return io.ErrUnexpectedEOF
	case !ok:
		return err
	case errors.Is(err, jsontext.ErrDuplicateName):
		return &Error{Pointer: string(syntactic.JSONPointer), Problem: DuplicateName}
	}
	return &Error{Pointer: string(syntactic.JSONPointer), Problem: NotJSON}
}

// explain has the JSON library say what is wrong with data, and where.
func explain(data []byte) *Error {
	err := jsontext.NewDecoder(bytes.NewReader(data), strict).SkipValue()
	if e, ok := errors.AsType[*Error](Explain(err)); ok {
		return e
	}
	return &Error{Problem: NotJSON}
}

// Check returns what is wrong with a value: nil for valid JSON without duplicate
// names, else an *Error.
func Check(value []byte) error {
	if jsontext.Value(value).IsValid(strict) {
		return nil
	}
	return explain(value)
}

// pointerAt returns the JSON pointer of the value that begins at offset, or of
// the member whose name does.
func pointerAt(data []byte, offset int) string {
	d := jsontext.NewDecoder(bytes.NewReader(data), lenient)
	for {
		if _, err := d.ReadToken(); err != nil || d.InputOffset() > int64(offset) {
			return string(d.StackPointer())
		}
	}
}

// How the JSON library reads: see the package documentation. Lenient accepts
// what a scanner has found already, or decides by itself.
var (
	strict  = jsontext.AllowInvalidUTF8(true)
	lenient = gojson.JoinOptions(strict, jsontext.AllowDuplicateNames(true))
)

func article(noun string) string {
	switch noun[0] {
	case 'a', 'e', 'i', 'o':
		return "an " + noun
	}
	return "a " + noun
}

// KindName says what kind of JSON a value is: "object", "null".
func KindName(value []byte) string {
	switch value[0] {
	case '{':
		return "object"
	case '[':
		return "array"
	case '"':
		return "string"
	case 't', 'f':
		return "boolean"
	case 'n':
		return "null"
	}
	return "number"
}
