package roster

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/credkit/credkit-go/facade"
)

// Matrix is a team against the types of certification: its rows are sorted by
// what lapses first.
type Matrix struct {
	// Day is the day that everything is as of.
	Day facade.Date
	// Due are the windows in days, ascending.
	Due []int
	// Types are the columns: every type that somebody holds or must hold,
	// sorted by title.
	Types []Type
	// Rows are the workers: first those of whom a certification is missing or
	// has ended, then those of whom one is due, is unknown, is valid, by its
	// day; then those with nothing, those who could not be read, and Certn users
	// who are no workers. Where there are requirements, only what is required
	// counts.
	Rows []Row
	// Unmatched are requirements that fit no worker. One by e-mail may be of a
	// worker who could not be read.
	Unmatched []Requirement
	// Incomplete is why not every session was seen, the text of an
	// [ErrIncomplete]; empty if all were.
	Incomplete string

	policy *Policy
}

// Type is a column of a [Matrix].
type Type struct{ Slug, Title string }

// Matrix makes a matrix of the rows that the policy has assessed. rows is
// sorted in place; the row of an incomplete range is left out.
func (p *Policy) Matrix(rows []Row) *Matrix {
	m := &Matrix{Day: p.day, Due: slices.Clone(p.due), policy: p}
	rows = slices.DeleteFunc(rows, func(r Row) bool {
		if r.Key == "" && r.Certn == nil {
			m.Incomplete = r.Message
			return true
		}
		return false
	})
	m.Rows = rows
	titles := map[string]string{}
	matched := make([]bool, len(p.requirements.All()))
	for i := range rows {
		r := &rows[i]
		for _, c := range r.Cells {
			if known, seen := titles[c.Type]; !seen || known == c.Type {
				titles[c.Type] = c.Title
			}
		}
		p.requirements.of(r.Key, r.Email, func(i int, _ Requirement) { matched[i] = true })
	}
	for i, q := range p.requirements.All() {
		if !matched[i] {
			m.Unmatched = append(m.Unmatched, q)
		}
	}
	for _, slug := range slices.Sorted(maps.Keys(titles)) {
		m.Types = append(m.Types, Type{slug, titles[slug]})
	}
	slices.SortStableFunc(m.Types, func(a, b Type) int { return strings.Compare(a.Title, b.Title) })
	p.sort(rows)
	return m
}

// Counts reports whether a cell counts for its worker: where there are
// requirements, only what is required does.
func (m *Matrix) Counts(c Cell) bool { return m.policy.counts(c) }

func (p *Policy) counts(c Cell) bool {
	return c.State != StateNotRequired && (p.requirements == nil || c.Required)
}

// First returns what lapses first of a worker: of the cells that count, one
// that is missing or has ended before one that is due, and so on, and the
// earliest of these. It reports false if there is none.
func (m *Matrix) First(r Row) (Cell, bool) { return m.policy.first(r) }

func (p *Policy) first(r Row) (first Cell, found bool) {
	for _, c := range r.Cells {
		if p.counts(c) && (!found || compareCells(c, first) < 0) {
			first, found = c, true
		}
	}
	return first, found
}

func compareCells(a, b Cell) int {
	// No end is after every end; what was never held has none and comes first.
	endless := func(c Cell) int {
		if c.ExpiresOn.IsZero() && c.State != StateNeverHeld {
			return 1
		}
		return 0
	}
	return cmp.Or(cmp.Compare(urgency(a.State), urgency(b.State)), cmp.Compare(endless(a), endless(b)),
		a.ExpiresOn.Compare(b.ExpiresOn), strings.Compare(a.Type, b.Type))
}

func urgency(s State) int {
	switch s {
	case StateNeverHeld, StateExpired:
		return 0
	case StateDue:
		return 1
	case StateUnknown:
		return 2
	default:
		return 3
	}
}

func (p *Policy) sort(rows []Row) {
	type ranked struct {
		Row
		first Cell
		group int
	}
	all := make([]ranked, 0, len(rows))
	for _, r := range rows {
		first, some := p.first(r)
		group := urgency(first.State)
		switch {
		case r.Key == "":
			group = 6
		case r.Problem != "":
			group = 5
		case !some:
			group = 4
		}
		all = append(all, ranked{r, first, group})
	}
	slices.SortFunc(all, func(a, b ranked) int {
		return cmp.Or(cmp.Compare(a.group, b.group), compareCells(a.first, b.first),
			strings.Compare(a.Name, b.Name), strings.Compare(a.Key, b.Key), strings.Compare(a.Email, b.Email))
	})
	for i, r := range all {
		rows[i] = r.Row
	}
}

// Problems counts the workers who could not be read, by why.
func (m *Matrix) Problems() map[Problem]int {
	counts := map[Problem]int{}
	for _, r := range m.Rows {
		if r.Problem != "" {
			counts[r.Problem]++
		}
	}
	return counts
}

// States counts the cells that count, by state.
func (m *Matrix) States() map[State]int {
	counts := map[State]int{}
	for _, r := range m.Rows {
		for _, c := range r.Cells {
			if m.Counts(c) {
				counts[c.State]++
			}
		}
	}
	return counts
}
