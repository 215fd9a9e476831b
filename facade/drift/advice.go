package drift

import (
	"fmt"
	"strings"
)

// What to change in openapi.yaml, a sentence a rule. Each names the line.

const (
	adviceResponse = "Nothing to change in openapi.yaml: the response itself is broken. If it comes again, report it to the service."
	seen           = "x-evidence {grade: observed, source: \"recording:<name>\"}"
)

func at(p part) string { return fmt.Sprintf("%s (line %d)", p.name, p.line) }

func adviceConfirm(p part) string {
	return fmt.Sprintf("Raise the grade of %s from %s: %s.", at(p), p.grade, seen)
}

func adviceNull(u *use) string {
	return fmt.Sprintf("Allow null at %s: add 'null' to its type, or anyOf with {type: 'null'}; take it out of `required` if it is there.", at(u.part))
}

func adviceType(u *use, k kind) string {
	if k == object || k == list {
		return fmt.Sprintf("Describe the new %s at %s. If the old one was only wrapped, move its schema inside.", k, at(u.part))
	}
	return fmt.Sprintf("Change or widen the type at %s, for example type: [%s, 'null'].", at(u.part), k)
}

func adviceFormat(u *use) string {
	p := u.shape.part
	if u.shape.format == "" {
		return fmt.Sprintf("Lower or remove the minimum at %s.", at(p))
	}
	return fmt.Sprintf("Remove or change format: %s at %s.", u.shape.format, at(p))
}

func adviceWord(u *use) string {
	return fmt.Sprintf("Add the word to the enum of %s. Ask for values to be shown to see it.", at(u.shape.part))
}

func adviceMissing(s *shape, f field) string {
	return fmt.Sprintf("Take %s out of `required` of %s, and look for what relied on it.", f.name, at(s.part))
}

func adviceNothing(s *shape) string {
	return fmt.Sprintf("If the response has a new form or a new envelope, describe it in %s.", at(s.part))
}

func adviceStatus(o *operation, status int, fallback *response) string {
	if fallback == nil {
		return fmt.Sprintf("Declare the response '%d' of %s.", status, at(o.part))
	}
	return fmt.Sprintf("Declare the response '%d' of %s beside its default.", status, at(o.part))
}

func adviceUnknown(f *Finding, unseen []string) string {
	name := f.Path[strings.LastIndexByte(f.Path, '/')+1:]
	if name == "*" {
		return fmt.Sprintf("If %s is keyed by data, describe its values with additionalProperties.", at(f.inside.part))
	}
	declare := fmt.Sprintf("type: [%s, 'null']", f.kind)
	if f.kind == null {
		declare = "its type, once a value was seen"
	}
	if f.format != "" {
		declare += ", format: " + f.format
	}
	advice := fmt.Sprintf("Declare %s in %s: %s, %s.", name, at(f.inside.part), declare, seen)
	const few = 3 // more of them point nowhere
	if len(unseen) > 0 && len(unseen) <= few {
		advice += fmt.Sprintf(" It may be the new name of %s, which no object had.", strings.Join(unseen, " or "))
	}
	return advice
}
