package roster

import (
	"bufio"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"iter"
	"slices"
	"strconv"
	"strings"

	"github.com/credkit/credkit-go/facade/safetext"
)

//go:embed page.html
var pageHTML string

//go:embed page.css
var pageCSS string

// Name is the state in words.
func (s State) Name() string { return strings.ReplaceAll(string(s), "_", " ") }

// Sign is one character that tells the state without colour: ✓ valid, ! due,
// ✗ expired, ○ never held, – not required, ? unknown.
func (s State) Sign() string {
	switch s {
	case StateValid:
		return "✓"
	case StateDue:
		return "!"
	case StateExpired:
		return "✗"
	case StateNeverHeld:
		return "○"
	case StateNotRequired:
		return "–"
	default:
		return "?"
	}
}

// Words says the presence in words.
func (p Presence) Words() string {
	switch p {
	case PresenceBoth:
		return "in both"
	case PresenceOnlyCosmic:
		return "a worker, and not a Certn user"
	case PresenceOnlyCertn:
		return "a Certn user, and not a worker"
	case PresenceSeveral:
		return "more than one has this address"
	default:
		return "the worker's address is not known"
	}
}

// pageStates are the states in the order of the page's counts and signs.
var pageStates = []State{StateExpired, StateNeverHeld, StateDue, StateUnknown, StateValid, StateNotRequired}

// pageCell is a cell as the template shows it.
type pageCell struct {
	State
	Title, Word, Note string
	Aside             bool // it does not count
}

type pageRow struct {
	Name, Who string
	row       *Row
	matrix    *Matrix
}

// Cells has a cell for each type. They are made as they are written: a fleet
// has hundreds of thousands.
func (r pageRow) Cells() iter.Seq[pageCell] {
	return func(yield func(pageCell) bool) {
		for _, t := range r.matrix.Types {
			c := r.row.Cell(t.Slug)
			c.Title = t.Title
			if !yield(r.matrix.pageCell(c)) {
				return
			}
		}
	}
}

// nextCell is a cell of the list of what lapses next, which has the day in a
// column of its own.
func (m *Matrix) nextCell(c Cell) pageCell {
	cell := m.pageCell(c)
	cell.Title, cell.Word = "State", c.State.Name()
	if c.State == StateDue {
		cell.Word = "due in " + strconv.Itoa(c.DaysLeft) + " d"
	}
	return cell
}

func (m *Matrix) pageCell(c Cell) pageCell {
	word := c.ExpiresOn.String()
	switch {
	case c.State == StateDue:
		word = strconv.Itoa(c.DaysLeft) + " d"
	case c.Held() && c.ExpiresOn.IsZero():
		word = "no end"
	case !c.Held():
		word = c.State.Name()
	}
	return pageCell{State: c.State, Title: c.Title, Word: word, Note: c.Note, Aside: !m.Counts(c) && c.State != StateNotRequired}
}

type pageLapse struct {
	Name, Title, Day string
	Cell             pageCell
	cell             Cell
}

// WriteHTML writes a page that shows what lapses next, who could not be read
// and everybody's certifications, and changes if there are any. It is one file
// without scripts, for screens of any size, in the light, in the dark and in
// print; a content security policy in it allows nothing but its own style. It
// holds people's data: [WriteFile] keeps it private.
func (m *Matrix) WriteHTML(to io.Writer, changes ...Change) error {
	page, err := template.New("page").Funcs(template.FuncMap{"line": safetext.Line}).Parse(pageHTML)
	if err != nil {
		return err
	}
	type count struct {
		State
		N int
	}
	sum := sha256.Sum256([]byte(pageCSS))
	due := make([]string, 0, len(m.Due))
	for _, days := range m.Due {
		due = append(due, strconv.Itoa(days))
	}
	data := struct {
		Policy            string
		Style             template.CSS
		Day, Due          string
		Workers, Unread   int
		Incomplete        string
		Counts            []count
		Next              []pageLapse
		Changes           []Change
		Unreadable, Certn []Row
		Unmatched         []Requirement
		Types             []Type
		Rows              iter.Seq[pageRow]
		Legend            []State
	}{
		Policy: fmt.Sprintf("default-src 'none'; style-src 'sha256-%s'; base-uri 'none'; form-action 'none'", base64.StdEncoding.EncodeToString(sum[:])),
		Style:  template.CSS(pageCSS), //nolint:gosec // it is ours
		Day:    m.Day.String(), Due: strings.Join(due, ", "),
		Incomplete: m.Incomplete, Changes: changes, Unmatched: m.Unmatched, Types: m.Types, Legend: pageStates,
		Rows: m.pageRows(),
	}
	states := m.States()
	for _, s := range pageStates {
		if states[s] > 0 {
			data.Counts = append(data.Counts, count{s, states[s]})
		}
	}
	for _, r := range m.Rows {
		if r.Key != "" {
			data.Workers++
		}
		if r.Problem != "" {
			data.Unread++
			data.Unreadable = append(data.Unreadable, r)
		}
		if r.Certn != nil && r.Certn.Presence != PresenceBoth {
			data.Certn = append(data.Certn, r)
		}
		for _, c := range r.Cells {
			if m.Counts(c) && urgency(c.State) <= urgency(StateDue) {
				data.Next = append(data.Next, pageLapse{r.Name, c.Title, c.ExpiresOn.String(), m.nextCell(c), c})
			}
		}
	}
	slices.SortStableFunc(data.Next, func(a, b pageLapse) int { return compareCells(a.cell, b.cell) })
	buffered := bufio.NewWriterSize(to, bufferSize) // a template makes hundreds of thousands of writes of a fleet
	if err := page.Execute(buffered, data); err != nil {
		return err
	}
	return buffered.Flush()
}

func (m *Matrix) pageRows() iter.Seq[pageRow] {
	return func(yield func(pageRow) bool) {
		for i := range m.Rows {
			r := &m.Rows[i]
			if r.Key == "" {
				continue
			}
			who := r.Email
			if who == "" || who == r.Name {
				who = r.Key
			}
			if !yield(pageRow{r.Name, who, r, m}) {
				return
			}
		}
	}
}
