package drift

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// walker reads one response and holds it against the shape that is declared.
// It keeps where it is and nothing of what it has read.
type walker struct {
	dec     *jsontext.Decoder
	to      *collector
	show    bool // values by content
	success bool
	values  int64
	path    []step
	seen    []bool // of the objects around, the innermost last
	buf     []byte
}

// note counts a finding at the place where the walk is. describe is asked
// only the first time: the same difference may be in a million elements.
func (w *walker) note(at part, rule Rule, word string, describe func() Finding) {
	key := findingKey{rule: rule, path: string(w.pattern()), part: at.name, word: word}
	if w.to.again(key) {
		return
	}
	f := describe()
	f.Rule, f.word, f.Path, f.First = rule, word, key.path, w.pointer()
	w.to.first(key, at, f)
}

// confirm counts a guess that holds.
func (w *walker) confirm(u *use, at part) {
	if !at.guessed() || u.body {
		return
	}
	key := guessKey{at, u}
	if f := w.to.guesses[key]; f != nil {
		f.Count++
		return
	}
	w.to.guesses[key] = &Finding{
		Severity: Confirms, Rule: AsDescribed, Count: 1, Want: u.want(),
		Path: string(w.pattern()), First: w.pointer(),
		Part: at.name, Line: at.line, Grade: at.grade, Source: at.source,
		Advice: fmt.Sprintf("Raise the grade of %s from %s: %s.", at, at.grade, seen),
	}
}

// grave is the severity of a response that is wrong as a whole: errors are read
// for what is there, a success is relied on.
func (w *walker) grave() Severity {
	if w.success {
		return Breaks
	}
	return Informs
}

// got is how a value is shown.
func (w *walker) got(s scalar) string {
	if w.show && s.kind != "object" && s.kind != "array" {
		return s.content()
	}
	return s.shape()
}

// value reads one value that is used as u says.
func (w *walker) value(u *use) error {
	w.values++
	kind, read := "object", w.object
	switch w.dec.PeekKind() {
	case jsontext.KindBeginObject:
	case jsontext.KindBeginArray:
		kind, read = "array", w.array
	default: // what is no value at all is an error of ReadValue
		raw, err := w.dec.ReadValue()
		if err == nil {
			w.scalar(u, readScalar(raw))
		}
		return err
	}
	if !u.types.permit(kind) {
		w.wrongType(u, kind, kind)
		return w.dec.SkipValue()
	}
	w.confirm(u, u.part)
	return read(u.schema)
}

func (w *walker) scalar(u *use, s scalar) {
	switch {
	case s.kind == "null" && u.types.permit("null"):
		return // declared, and says nothing of the type
	case s.kind == "null":
		w.note(u.part, UnexpectedNull, "", func() Finding {
			return Finding{Severity: Breaks, Want: u.want(), Got: "null", Advice: fmt.Sprintf("Allow null at %s: add 'null' to its type, or anyOf with {type: 'null'}; take it out of `required` if it is there.", u.part)}
		})
		return
	case !u.types.permit(s.kind):
		w.wrongType(u, s.kind, w.got(s))
		return
	}
	if !s.intact {
		w.note(u.part, BadText, "", func() Finding {
			return Finding{Severity: Informs, Want: "UTF-8", Got: w.got(s), Advice: adviceResponse}
		})
	}
	if !w.format(u, s) || !w.word(u, s) {
		return
	}
	w.confirm(u, u.part)
	if u.schema.part.name != u.part.name {
		w.confirm(u, u.schema.part)
	}
}

func (w *walker) wrongType(u *use, kind, got string) {
	w.note(u.part, WrongType, "", func() Finding {
		return Finding{Severity: Breaks, Want: u.want(), Got: got, Advice: adviceType(u, kind)}
	})
}

// format checks the format and the minimum of a value of the right type.
func (w *walker) format(u *use, s scalar) bool {
	schema := u.schema
	if schema.check != nil && !schema.check(s.text) {
		w.note(schema.part, WrongFormat, "", func() Finding {
			severity := Breaks
			if schema.format == "date" && s.text == "" { // the zero day, as null is
				severity = Informs
			}
			return Finding{Severity: severity, Want: u.want(), Got: w.got(s), Advice: adviceFormat(u)}
		})
		return false
	}
	if schema.minimum == nil || s.kind != "integer" && s.kind != "number" {
		return true
	}
	if n, err := strconv.ParseFloat(s.text, 64); err == nil && n >= *schema.minimum {
		return true
	}
	w.note(schema.part, WrongFormat, "", func() Finding {
		want := "at least " + strconv.FormatFloat(*schema.minimum, 'g', -1, 64)
		return Finding{Severity: Informs, Want: want, Got: w.got(s), Advice: adviceFormat(u)}
	})
	return false
}

// word checks the words of an open vocabulary.
func (w *walker) word(u *use, s scalar) bool {
	schema := u.schema
	if len(schema.words) == 0 || s.kind != "string" || slices.Contains(schema.words, s.text) {
		return true
	}
	word := ""
	if w.show { // each word is news of its own
		word = s.text
	}
	w.note(schema.part, NewWord, word, func() Finding {
		return Finding{Severity: Informs, Want: "one of " + strings.Join(schema.words, ", "), Got: w.got(s), Advice: fmt.Sprintf("Add the word to the x-extensible-enum of %s. Ask for values to be shown to see it.", schema.part)}
	})
	return false
}

func (w *walker) array(s *schema) error {
	if _, err := w.dec.ReadToken(); err != nil {
		return err
	}
	w.push(step{})
	for i := int64(0); w.dec.PeekKind() != jsontext.KindEndArray; i++ {
		w.path[len(w.path)-1].index = i
		if s.items == nil {
			if err := w.dec.SkipValue(); err != nil {
				return err
			}
			continue
		}
		if err := w.value(s.items); err != nil {
			return err
		}
	}
	w.pop()
	_, err := w.dec.ReadToken()
	return err
}

func (w *walker) object(s *schema) error {
	if _, err := w.dec.ReadToken(); err != nil {
		return err
	}
	mine := len(w.seen)
	w.seen = append(w.seen, make([]bool, len(s.fields))...)
	members, known := 0, 0
	for w.dec.PeekKind() != jsontext.KindEndObject {
		raw, err := w.dec.ReadValue()
		if err != nil {
			return err
		}
		name := readScalar(raw).text
		members++
		i, declared := s.byName[name]
		if !declared {
			if err := w.extra(s, name); err != nil {
				return err
			}
			continue
		}
		w.push(step{name: name})
		if w.seen[mine+i] {
			w.note(s.fields[i].use.part, DuplicateField, "", func() Finding {
				return Finding{Severity: Breaks, Want: "one member of that name", Got: "two", Advice: adviceResponse}
			})
		}
		w.seen[mine+i] = true
		known++
		if err := w.value(s.fields[i].use); err != nil {
			return err
		}
		w.pop()
	}
	if _, err := w.dec.ReadToken(); err != nil {
		return err
	}
	w.absent(s, w.seen[mine:], members, known)
	w.seen = w.seen[:mine]
	return nil
}

// absent looks at what an object did not have, once it is read.
func (w *walker) absent(s *schema, seen []bool, members, known int) {
	tally := w.to.tally(s)
	tally.objects++
	missing := false
	for i, f := range s.fields {
		if seen[i] {
			tally.seen[i]++
		} else if f.required {
			missing = true
			w.push(step{name: f.name})
			w.note(f.use.part, MissingField, "", func() Finding {
				return Finding{Severity: Breaks, Want: f.use.want(), Got: "absent", Advice: fmt.Sprintf("Take %s out of `required` of %s, and look for what relied on it.", f.name, s.part)}
			})
			w.pop()
		}
	}
	if known > 0 || missing || len(s.fields) == 0 || s.keyed {
		return
	}
	w.note(s.part, NothingKnown, "", func() Finding {
		f := Finding{Severity: Informs, Want: "a declared member", Got: "an empty object", Advice: fmt.Sprintf("If the response has a new form or a new envelope, describe it in %s.", s.part)}
		if w.success && len(w.path) == 0 {
			f.Severity = Breaks
		}
		if members > 0 {
			f.Got = strconv.Itoa(members) + " other members"
		}
		return f
	})
}

// extra reads a member that the schema does not declare.
func (w *walker) extra(s *schema, name string) error {
	w.push(step{name: name, data: !plainName(name) || s.keyed})
	defer w.pop()
	switch {
	case s.values != nil:
		return w.value(s.values)
	case s.keyed:
		return w.dec.SkipValue()
	}
	var value scalar
	switch kind := w.dec.PeekKind(); kind {
	case jsontext.KindBeginObject, jsontext.KindBeginArray:
		value.kind = "object"
		if kind == jsontext.KindBeginArray {
			value.kind = "array"
		}
		if err := w.dec.SkipValue(); err != nil {
			return err
		}
	default:
		raw, err := w.dec.ReadValue()
		if err != nil {
			return err
		}
		value = readScalar(raw)
	}
	w.note(s.part, UnknownField, "", func() Finding {
		f := Finding{Severity: Informs, Want: "no such member", Got: w.got(value), inside: s, kind: value.kind, format: value.looks()}
		if s.closed {
			f.Severity = Breaks
		}
		return f
	})
	return nil
}

// step is one level of the path: a member's name, or an index.
type step struct {
	name  string
	index int64
	data  bool // the name is data
}

// pattern appends where the walk is to the buffer, with * for what varies.
func (w *walker) pattern() []byte {
	w.buf = w.buf[:0]
	for _, s := range w.path {
		if s.name == "" || s.data {
			w.buf = append(w.buf, "/*"...)
		} else {
			w.buf = append(append(w.buf, '/'), escape(s.name)...)
		}
	}
	return w.buf
}

// pointer is where the walk is, index by index.
func (w *walker) pointer() string {
	var out strings.Builder
	for _, s := range w.path {
		switch {
		case s.data && !w.show:
			out.WriteString("/*")
		case s.name == "" && !s.data:
			out.WriteString("/" + strconv.FormatInt(s.index, 10))
		default:
			out.WriteString("/" + escape(s.name))
		}
	}
	return out.String()
}

// escape writes a name as RFC 6901 section 3 has it.
func escape(name string) string {
	return strings.ReplaceAll(strings.ReplaceAll(name, "~", "~0"), "/", "~1")
}

func (w *walker) push(s step) { w.path = append(w.path, s) }
func (w *walker) pop()        { w.path = w.path[:len(w.path)-1] }

func adviceType(u *use, kind string) string {
	if kind == "object" || kind == "array" {
		return fmt.Sprintf("Describe the new %s at %s. If the old one was only wrapped, move its schema inside.", kind, u.part)
	}
	return fmt.Sprintf("Change or widen the type at %s, for example type: [%s, 'null'].", u.part, kind)
}

func adviceFormat(u *use) string {
	p := u.schema.part
	if u.schema.format == "" {
		return fmt.Sprintf("Lower or remove the minimum at %s.", p)
	}
	return fmt.Sprintf("Remove or change format: %s at %s.", u.schema.format, p)
}
