package facade

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	wire "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/credkit/credkit-go/facade/internal/safehttp"
)

// The files named wire alone know the JSON package, and turn bytes into values:
// this one whole answers and errors, wire_stream.go and wire_page.go the pages
// of lists, wire_shortcut.go and wire_plan.go their elements. What holds
// everywhere: duplicate names are an error, broken UTF-8 is replaced,
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
		path = path[:most] + "…"
	}
	return safehttp.Redact(path) // its names are the server's
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

// inner decodes any JSON.
func inner(raw []byte, into any) error { return wire.Unmarshal(raw, into, decoding()) }

// valid reports whether raw is JSON without duplicate names.
func valid(raw []byte) bool { return jsontext.Value(raw).IsValid(decoding()) }

// object decodes an element of a list, which is JSON without duplicate names.
func object(raw []byte, into any) error {
	if kind := jsontext.Value(raw).Kind(); kind != jsontext.KindBeginObject {
		return &misfit{"", "want an object, have a JSON " + kindName(kind)}
	}
	return wire.Unmarshal(raw, into, decoding(), jsontext.AllowDuplicateNames(true))
}
