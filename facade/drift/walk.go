package drift

import (
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
	if !at.guessed() || u.whole {
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
		Advice: adviceConfirm(at),
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
	if w.show && s.kind&(object|list) == 0 {
		return s.content()
	}
	return s.shape()
}

// value reads one value that is used as u says.
func (w *walker) value(u *use) error {
	w.values++
	switch kind := w.dec.PeekKind(); kind {
	case jsontext.KindBeginObject, jsontext.KindBeginArray:
		k, walk := object, w.object
		if kind == jsontext.KindBeginArray {
			k, walk = list, w.list
		}
		if u.kinds()&k == 0 {
			w.wrongType(u, k, k.String)
			return w.dec.SkipValue()
		}
		w.confirm(u, u.part)
		return walk(u.shape)
	default: // what is no value at all is an error of ReadValue
		raw, err := w.dec.ReadValue()
		if err != nil {
			return err
		}
		w.scalar(u, readScalar(raw))
		return nil
	}
}

func (w *walker) scalar(u *use, s scalar) {
	switch {
	case s.kind == null && u.kinds()&null != 0:
		return // declared, and says nothing of the type
	case s.kind == null:
		w.note(u.part, UnexpectedNull, "", func() Finding {
			return Finding{Severity: Breaks, Want: u.want(), Got: "null", Advice: adviceNull(u)}
		})
		return
	case u.kinds()&s.kind == 0:
		w.wrongType(u, s.kind, func() string { return w.got(s) })
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
	if u.shape.part.name != u.part.name {
		w.confirm(u, u.shape.part)
	}
}

func (w *walker) wrongType(u *use, k kind, got func() string) {
	w.note(u.part, WrongType, "", func() Finding {
		return Finding{Severity: Breaks, Want: u.want(), Got: got(), Advice: adviceType(u, k)}
	})
}

// format checks the format and the minimum of a value of the right type.
func (w *walker) format(u *use, s scalar) bool {
	shape := u.shape
	if shape.formed != nil && !shape.formed(s.text) {
		w.note(shape.part, WrongFormat, "", func() Finding {
			severity := Breaks
			if shape.format == "date" && s.text == "" { // the zero day, as null is
				severity = Informs
			}
			return Finding{Severity: severity, Want: u.want(), Got: w.got(s), Advice: adviceFormat(u)}
		})
		return false
	}
	if shape.least == nil || s.kind&(integer|number) == 0 {
		return true
	}
	if n, err := strconv.ParseFloat(s.text, 64); err == nil && n >= *shape.least {
		return true
	}
	w.note(shape.part, WrongFormat, "", func() Finding {
		want := "at least " + strconv.FormatFloat(*shape.least, 'g', -1, 64)
		return Finding{Severity: Informs, Want: want, Got: w.got(s), Advice: adviceFormat(u)}
	})
	return false
}

// word checks the words of an enum.
func (w *walker) word(u *use, s scalar) bool {
	shape := u.shape
	if len(shape.words) == 0 || s.kind != text || slices.Contains(shape.words, s.text) {
		return true
	}
	word := ""
	if w.show { // each word is news of its own
		word = s.text
	}
	w.note(shape.part, NewWord, word, func() Finding {
		severity := Breaks
		if shape.open {
			severity = Informs
		}
		return Finding{Severity: severity, Want: "one of " + strings.Join(shape.words, ", "), Got: w.got(s), Advice: adviceWord(u)}
	})
	return false
}

func (w *walker) list(s *shape) error {
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

func (w *walker) object(s *shape) error {
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
func (w *walker) absent(s *shape, seen []bool, members, known int) {
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
				return Finding{Severity: Breaks, Want: f.use.want(), Got: "absent", Advice: adviceMissing(s, f)}
			})
			w.pop()
		}
	}
	if known > 0 || missing || len(s.fields) == 0 || s.extras == extrasDeclared {
		return
	}
	w.note(s.part, NothingKnown, "", func() Finding {
		f := Finding{Severity: Informs, Want: "a declared member", Got: "an empty object", Advice: adviceNothing(s)}
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
func (w *walker) extra(s *shape, name string) error {
	w.push(step{name: name, data: !plainName(name) || s.extras == extrasDeclared})
	defer w.pop()
	switch {
	case s.extraUse != nil:
		return w.value(s.extraUse)
	case s.extras == extrasDeclared:
		return w.dec.SkipValue()
	}
	var value scalar
	switch kind := w.dec.PeekKind(); kind {
	case jsontext.KindBeginObject, jsontext.KindBeginArray:
		value.kind = object
		if kind == jsontext.KindBeginArray {
			value.kind = list
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
		if s.extras == extrasClosed {
			f.Severity = Breaks
		}
		return f
	})
	return nil
}
