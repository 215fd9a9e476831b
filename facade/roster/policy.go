package roster

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
	"unique"

	"github.com/credkit/credkit-go/facade"
)

// State is what a worker's certification of one type is worth.
type State string

// The states. A certification is good through the whole day of its end, and
// one without an end does not expire.
const (
	// StateValid: held, and not yet due.
	StateValid State = "valid"
	// StateDue: held, and ends within a window of the [Policy].
	StateDue State = "due"
	// StateExpired: the one that ended last has ended.
	StateExpired State = "expired"
	// StateNeverHeld: required, and there is no certification of the type.
	StateNeverHeld State = "never_held"
	// StateNotRequired: not required, and not held.
	StateNotRequired State = "not_required"
	// StateUnknown: the worker could not be read, or not completely; or the
	// certification has not ended, and the service says of it neither nothing
	// nor that it is active and valid: see [Cell.Note].
	StateUnknown State = "unknown"
)

// Cell is one worker's standing with one type of certification.
type Cell struct {
	// Type is the type's slug, Title what people call it; a type without a
	// slug has its title, or else its id, in both.
	Type, Title string
	// State is what it is worth.
	State State
	// Required tells whether a requirement asks for it.
	Required bool
	// ID is that of the certification that counts; zero if none is held.
	ID facade.UUID
	// ExpiresOn is the last day on which it is good; the zero Date is no end,
	// or none held.
	ExpiresOn facade.Date
	// DaysLeft is how many whole days follow the policy's day until ExpiresOn:
	// 0 on the last one, negative afterwards; 0 without an end.
	DaysLeft int
	// Window is the narrowest window, in days, that ExpiresOn lies in; 0 if the
	// state is not [StateDue].
	Window int
	// Note is what the service says of the certification other than active and
	// valid, such as "validity_status: suspended". This package does not know
	// what such a word means.
	Note string

	limit int // the widest window that counts for it
}

// Held reports whether the worker holds a certification of the type, ended or
// not.
func (c Cell) Held() bool { return c.ID != facade.UUID{} }

// Row is one worker in a report: what is left of a [Worker] when it has been
// assessed, which is a fraction of its memory.
type Row struct {
	// Key is the key of the worker's session. It is empty for the end of an
	// incomplete range, and for a Certn user that [Join] adds.
	Key string
	// Name is [Worker.Name], Email the e-mail address or "".
	Name, Email string
	// Cells are the types that the worker holds or must hold, sorted by Type.
	Cells []Cell
	// Problem is why the worker could not be read, or not completely; empty
	// if they were. Message is the text of the error.
	Problem Problem
	Message string
	// Certn is what [Join] found; nil without it.
	Certn *CertnMatch
}

// Cell returns the worker's standing with a type.
func (r Row) Cell(slug string) Cell {
	i, found := slices.BinarySearchFunc(r.Cells, slug, func(c Cell, slug string) int { return strings.Compare(c.Type, slug) })
	switch {
	case found:
		return r.Cells[i]
	case r.Problem != "":
		return Cell{Type: slug, State: StateUnknown}
	}
	return Cell{Type: slug, State: StateNotRequired}
}

// Policy is what workers are held to: the day, the windows and the
// requirements. It is safe for use by many goroutines.
type Policy struct {
	day          facade.Date
	due          []int // ascending
	requirements *Requirements
}

// mostDays bounds windows: a century is a mistake.
const mostDays = 36500

// NewPolicy makes a policy. The zero day is today in [time.Local]. due are the
// windows in days before a certification's end, in any order; none means
// 30, 60 and 90. nil requirements require nothing: then everything held counts.
// The error is about a window below 1 or above 36,500 days.
func NewPolicy(day facade.Date, due []int, requirements *Requirements) (*Policy, error) {
	if day.IsZero() {
		day = facade.DateFromTime(time.Now())
	}
	if len(due) == 0 {
		due = []int{30, 60, 90}
	}
	due = slices.Clone(due)
	slices.Sort(due)
	due = slices.Compact(due)
	for _, days := range []int{due[0], due[len(due)-1]} {
		if days < 1 || days > mostDays {
			return nil, fmt.Errorf("roster: a window must be from 1 to %d days, got %d", mostDays, days)
		}
	}
	return &Policy{day: day, due: due, requirements: requirements}, nil
}

// Assess turns a worker into a row.
func (p *Policy) Assess(w Worker) Row {
	r := Row{Key: w.Key, Name: strings.Clone(w.Name()), Email: strings.Clone(w.Email()), Problem: w.Problem()}
	if w.Err != nil {
		r.Message = w.Err.Error()
	}
	counts := map[string]*standing{}
	for i := range w.Certifications {
		c := &w.Certifications[i]
		slug := typeOf(c)
		s := counts[slug]
		if s == nil {
			s = &standing{}
			counts[slug] = s
		}
		s.add(c)
	}
	required := map[string]int{} // the type's window
	p.requirements.of(w.Key, w.Email(), func(_ int, q Requirement) {
		required[q.Type] = max(required[q.Type], p.limit(q.Due))
		if counts[q.Type] == nil {
			counts[q.Type] = &standing{}
		}
	})
	r.Cells = make([]Cell, 0, len(counts))
	for slug, s := range counts {
		limit, isRequired := required[slug]
		if !isRequired {
			limit = p.limit(0)
		}
		c := p.cell(s, limit, w.Err != nil)
		c.Type, c.Required = unique.Make(slug).Value(), isRequired
		if c.Title == "" {
			c.Title = c.Type
		}
		r.Cells = append(r.Cells, c)
	}
	slices.SortFunc(r.Cells, func(a, b Cell) int { return strings.Compare(a.Type, b.Type) })
	return r
}

// limit is the width of the widest window where a requirement sets due.
func (p *Policy) limit(due int) int {
	if due > 0 {
		return due
	}
	return p.due[len(p.due)-1]
}

// window returns the narrowest window that an end lies in on a day, none of
// which is wider than limit; 0 if it lies in none, has passed or does not come.
func (p *Policy) window(day, end facade.Date, limit int) int {
	left := day.DaysUntil(end)
	if end.IsZero() || left < 0 || left > limit {
		return 0
	}
	for _, w := range p.due {
		if left <= w && w < limit {
			return w
		}
	}
	return limit
}

// standing are a worker's certifications of one type: the latest of those
// that are active and valid as far as the service says, and the latest of the
// others.
type standing struct{ good, doubtful *facade.Certification }

func (s *standing) add(c *facade.Certification) {
	at := &s.good
	if wordsOf(c) != "" {
		at = &s.doubtful
	}
	if *at == nil || laterOf(c, *at) {
		*at = c
	}
}

// laterOf reports whether a ends after b, or else was issued after it. The id
// decides between equals, so that the order of a list does not.
func laterOf(a, b *facade.Certification) bool {
	if a.ExpiresOn != b.ExpiresOn {
		return !b.ExpiresOn.IsZero() && (a.ExpiresOn.IsZero() || a.ExpiresOn.After(b.ExpiresOn))
	}
	return cmp.Or(a.IssuedOn.Compare(b.IssuedOn), slices.Compare(a.ID[:], b.ID[:])) > 0
}

// wordsOf are the service's words for a certification other than the ones
// that say that it is good; what is absent says nothing.
func wordsOf(c *facade.Certification) string {
	var words []string
	if w := c.ValidityStatus; w != "" && w != facade.ValidityStatusValid {
		words = append(words, "validity_status: "+string(w))
	}
	if w := c.LifecycleStatus; w != "" && w != facade.LifecycleStatusActive {
		words = append(words, "lifecycle_status: "+string(w))
	}
	return strings.Join(words, ", ")
}

// cell says what a standing is worth. partial is a worker of whom there may
// be certifications that were not read.
func (p *Policy) cell(s *standing, limit int, partial bool) Cell {
	c := s.good
	if c == nil || s.doubtful != nil && c.IsExpired(p.day.In(time.UTC)) && laterOf(s.doubtful, c) {
		c = s.doubtful
	}
	switch {
	case c == nil && partial:
		return Cell{State: StateUnknown, limit: limit}
	case c == nil:
		return Cell{State: StateNeverHeld, limit: limit}
	}
	cell := Cell{
		Title: unique.Make(cmp.Or(c.CertificationType.Title, typeOf(c))).Value(),
		ID:    c.ID, ExpiresOn: c.ExpiresOn, DaysLeft: p.day.DaysUntil(c.ExpiresOn), Note: wordsOf(c), limit: limit,
	}
	cell.Window = p.window(p.day, c.ExpiresOn, limit)
	switch {
	case !c.ExpiresOn.IsZero() && cell.DaysLeft < 0:
		cell.State = StateExpired
	case cell.Window > 0:
		cell.State = StateDue
	default:
		cell.State = StateValid
	}
	// A later certification may be among those that were not read.
	if partial && cell.State != StateValid || cell.State == StateValid && cell.Note != "" {
		cell.State, cell.Window = StateUnknown, 0
	}
	return cell
}

// typeOf names a certification's type.
func typeOf(c *facade.Certification) string {
	t := &c.CertificationType
	switch {
	case t.Slug != "":
		return t.Slug
	case t.Title != "":
		return t.Title
	case t.ID != facade.UUID{}:
		return t.ID.String()
	case c.CertificationTypeID != facade.UUID{}:
		return c.CertificationTypeID.String()
	}
	return "no type"
}
