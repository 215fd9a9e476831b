package drift

import (
	"bytes"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/uuid"

	"github.com/credkit/credkit-go/api/date"
)

// formatCheck returns the check of what a format promises of a string, or of the
// digits of a number; nil for a format that is not known.
func formatCheck(format string) func(string) bool {
	switch format {
	case "uuid":
		return isUUID
	case "date":
		return isDate
	case "date-time":
		return isDateTime
	case "uri":
		return func(string) bool { return true } // of a page's address only the query is used, whatever is around it
	case "int32":
		return func(s string) bool { _, err := strconv.ParseInt(s, 10, 32); return err == nil }
	case "int64":
		return func(s string) bool { _, err := strconv.ParseInt(s, 10, 64); return err == nil }
	case "double":
		return func(s string) bool { f, err := strconv.ParseFloat(s, 64); return err == nil && !math.IsInf(f, 0) }
	default:
		return nil
	}
}

// isUUID takes the textual form of RFC 9562 section 4 alone: no braces, no urn.
func isUUID(s string) bool {
	return len(s) == 36 && uuid.Validate(s) == nil
}

// isDate takes the full-date of RFC 3339.
func isDate(s string) bool {
	_, err := date.Parse(s)
	return err == nil && s != ""
}

// isDateTime takes what time.Time reads from JSON: RFC 3339 with an offset.
func isDateTime(s string) bool {
	var t time.Time
	return t.UnmarshalText([]byte(s)) == nil
}

// scalar is a string, number, boolean or null as it stood in the response.
type scalar struct {
	kind   string
	text   string // of a string without its quotes, or the token itself
	intact bool   // valid UTF-8
}

func readScalar(raw jsontext.Value) scalar {
	switch raw.Kind() {
	case jsontext.KindNull:
		return scalar{"null", "null", true}
	case jsontext.KindTrue, jsontext.KindFalse:
		return scalar{"boolean", string(raw), true}
	case jsontext.KindNumber:
		if bytes.ContainsAny(raw, ".eE") {
			return scalar{"number", string(raw), true}
		}
		return scalar{"integer", string(raw), true}
	default:
		unquoted, err := jsontext.AppendUnquote(nil, raw)
		return scalar{"string", string(unquoted), err == nil && utf8.Valid(raw)}
	}
}

// looks names the format that a string or number has by its looks; "" if none.
func (s scalar) looks() string {
	if s.kind != "string" {
		return ""
	}
	for _, name := range []string{"uuid", "date", "date-time"} {
		if formatCheck(name)(s.text) {
			return name
		}
	}
	return ""
}

// shape is what may be shown of the value: its type, length and looks.
func (s scalar) shape() string {
	if s.kind != "string" {
		return s.kind
	}
	length := utf8.RuneCountInString(s.text)
	looks := s.looks()
	switch {
	case looks != "":
	case strings.HasPrefix(s.text, "https://") || strings.HasPrefix(s.text, "http://"):
		looks = "address"
	case length > 0 && strings.Trim(s.text, "0123456789") == "":
		looks = "digits"
	case length > 0 && strings.Trim(s.text, "abcdefghijklmnopqrstuvwxyz_-") == "":
		looks = "word"
	default:
		return fmt.Sprintf("string(%d)", length)
	}
	return fmt.Sprintf("string(%d, %s)", length, looks)
}

// content is the value itself, cut to a line's length.
func (s scalar) content() string {
	const most = 64
	shown := []rune(s.text)
	more := ""
	if len(shown) > most {
		shown, more = shown[:most], "…"
	}
	if s.kind == "string" {
		return strconv.Quote(string(shown)) + more
	}
	return string(shown) + more
}

// plainName reports whether a member's name is a name and not data, such as
// an e-mail address or an id that keys an object.
func plainName(name string) bool {
	if name == "" || len(name) > 64 || isUUID(name) {
		return false
	}
	digits := 0
	for _, r := range name {
		switch {
		case r >= '0' && r <= '9':
			digits++
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r == '_', r == '-', r == '$':
		default:
			return false
		}
	}
	return digits <= 4
}
