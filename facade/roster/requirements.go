package roster

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strconv"
	"strings"
)

// Requirement says that some workers must hold a type of certification.
type Requirement struct {
	// Worker is a session key, an e-mail address (in upper or lower case), or a
	// pattern of either as [path.Match] has it, in which * also matches "/".
	Worker string
	// Type is the slug of the certification type.
	Type string
	// Due is how many days before its end the certification counts as due; 0
	// means the widest window of the [Policy].
	Due int
	// Line is the line of the file that the requirement was read from; 0 if it
	// was not read from one.
	Line int
}

// String returns the requirement as its line in a file, and the line's number.
func (r Requirement) String() string {
	text := r.Worker + "," + r.Type
	if r.Due > 0 {
		text += "," + strconv.Itoa(r.Due)
	}
	if r.Line > 0 {
		text = fmt.Sprintf("line %d: %s", r.Line, text)
	}
	return text
}

// Requirements are what the workers of a team must hold. A nil *Requirements
// requires nothing.
type Requirements struct {
	all      []Requirement
	exact    map[string][]int // by Worker, as it is and in lower case
	patterns []int
}

// NewRequirements makes requirements of a list. The error names each entry
// that cannot be right: an empty worker or type, a malformed pattern, a
// negative Due.
func NewRequirements(all ...Requirement) (*Requirements, error) {
	r := &Requirements{all: slices.Clone(all), exact: map[string][]int{}}
	var errs []error
	for i, q := range r.all {
		if err := q.check(); err != nil {
			errs = append(errs, fmt.Errorf("requirement %d: %w", i+1, err))
			continue
		}
		if isPattern(q.Worker) {
			r.patterns = append(r.patterns, i)
			continue
		}
		r.exact[q.Worker] = append(r.exact[q.Worker], i)
		if lower := foldEmail(q.Worker); lower != q.Worker {
			r.exact[lower] = append(r.exact[lower], i)
		}
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	return r, nil
}

func (r Requirement) check() error {
	_, err := path.Match(r.Worker, "")
	switch {
	case r.Worker == "":
		return errors.New("the worker is empty: want a key, an e-mail address or a pattern")
	case r.Type == "":
		return errors.New("the type is empty: want the slug of a certification type")
	case r.Due < 0:
		return fmt.Errorf("due must not be negative, got %d", r.Due)
	case err != nil:
		return fmt.Errorf("%q is not a pattern as path.Match has it", r.Worker)
	}
	return nil
}

// mostErrors bounds how many lines an error of ReadRequirements names.
const mostErrors = 10

// ReadRequirements reads requirements from CSV (RFC 4180): a line each of
// worker,type or worker,type,due, with due in days: 45 or 45d. Empty lines and
// lines that begin with # are passed over, as is a heading worker,type. The
// error names each line that is wrong, up to ten of them.
func ReadRequirements(from io.Reader) (*Requirements, error) {
	text, err := io.ReadAll(from)
	if err != nil {
		return nil, fmt.Errorf("requirements: %w", err)
	}
	if bytes.HasPrefix(text, []byte("\xff\xfe")) || bytes.HasPrefix(text, []byte("\xfe\xff")) {
		return nil, errors.New("requirements: the file is UTF-16: save it as CSV UTF-8")
	}
	lines := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(text, []byte("\ufeff")))) // of a spreadsheet
	lines.FieldsPerRecord, lines.Comment, lines.TrimLeadingSpace = -1, '#', true
	var all []Requirement
	var errs []error
	for first := true; len(errs) < mostErrors; first = false {
		fields, err := lines.Read()
		if err == io.EOF {
			break
		}
		if err != nil { // it names the line
			errs = append(errs, err)
			break
		}
		line, _ := lines.FieldPos(0)
		for i := range fields {
			fields[i] = strings.TrimSpace(fields[i])
		}
		if first && len(fields) > 1 && strings.EqualFold(fields[0], "worker") && strings.EqualFold(fields[1], "type") {
			continue
		}
		q, err := parseRequirement(fields, line)
		if err != nil {
			errs = append(errs, fmt.Errorf("line %d: %w", line, err))
			continue
		}
		all = append(all, q)
	}
	if len(errs) > 0 {
		return nil, fmt.Errorf("requirements: %w", errors.Join(errs...))
	}
	return NewRequirements(all...)
}

func parseRequirement(fields []string, line int) (Requirement, error) {
	if len(fields) != 2 && len(fields) != 3 {
		hint := ""
		if len(fields) == 1 && strings.Contains(fields[0], ";") {
			hint = ", with commas between"
		}
		return Requirement{}, fmt.Errorf("want worker,type or worker,type,due%s: got %d fields", hint, len(fields))
	}
	q := Requirement{Worker: fields[0], Type: fields[1], Line: line}
	if len(fields) == 3 && fields[2] != "" {
		days, err := strconv.Atoi(strings.TrimSuffix(fields[2], "d"))
		if err != nil || days < 1 || days > mostDays {
			return q, fmt.Errorf("due: want a number of days such as 45 or 45d, got %q", fields[2])
		}
		q.Due = days
	}
	return q, q.check()
}

// All returns the requirements in the order in which they were given.
func (r *Requirements) All() []Requirement {
	if r == nil {
		return nil
	}
	return slices.Clone(r.all)
}

// of calls f with each requirement of a worker.
func (r *Requirements) of(key, email string, f func(index int, q Requirement)) {
	if r == nil {
		return
	}
	email = foldEmail(email)
	for _, i := range r.exact[key] {
		if r.all[i].Worker == key { // and not an address in other letters
			f(i, r.all[i])
		}
	}
	if email != "" {
		for _, i := range r.exact[email] {
			if r.all[i].Worker != key {
				f(i, r.all[i])
			}
		}
	}
	for _, i := range r.patterns {
		q := r.all[i]
		if matches(q.Worker, key) || email != "" && matches(foldEmail(q.Worker), email) {
			f(i, q)
		}
	}
}

// matches is path.Match without a separator: a slash is a character like any
// other.
func matches(pattern, name string) bool {
	const other = "\x00"
	ok, _ := path.Match(strings.ReplaceAll(pattern, "/", other), strings.ReplaceAll(name, "/", other)) // checked before
	return ok
}

func isPattern(text string) bool { return strings.ContainsAny(text, `*?[\`) }

// foldEmail is an e-mail address as it is compared.
func foldEmail(address string) string { return strings.ToLower(strings.TrimSpace(address)) }
