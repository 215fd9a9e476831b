package main

import (
	"io"
	"strconv"

	"github.com/credkit/credkit-go/facade/roster"
)

// output writes the roster, or with --since what has changed, to stdout or
// to the file of --to.
func (c *rosterCommand) output(p *program, m *roster.Matrix, changes []roster.Change) error {
	if c.To == "" {
		return c.write(p, m, changes)
	}
	return roster.WriteFile(c.To, func(w io.Writer) error {
		file := *p
		file.stdout, file.stdoutFile, file.output = w, nil, p.format()
		return c.write(&file, m, changes)
	})
}

func (c *rosterCommand) write(p *program, m *roster.Matrix, changes []roster.Change) error {
	format := p.format()
	switch {
	case format == formatHTML:
		return m.WriteHTML(p.stdout, changes...)
	case format == formatICS:
		return m.WriteICS(p.stdout)
	case c.Since != "":
		return writeAll(newRows(p, changeLayout()), changes)
	case format == formatJSON:
		return m.WriteJSON(p.stdout)
	case format == formatJSONL:
		return m.WriteJSONL(p.stdout)
	case format == formatCSV:
		return m.WriteCSV(p.stdout)
	}
	return writeAll(newRows(p, rosterLayout(m, c.Users)), m.Rows)
}

// rosterLayout shows a worker a line: what lapses first of theirs, and how
// many there are in each state. JSON and CSV are the library's.
func rosterLayout(m *roster.Matrix, users bool) layout[roster.Row] {
	type row = roster.Row
	first := func(r row) roster.Cell { c, _ := m.First(r); return c }
	look := func(r row) style { return stateStyle(first(r).State, r.Problem) }
	many := func(state roster.State) func(row) string {
		return func(r row) string {
			n := 0
			for _, c := range r.Cells {
				if m.Counts(c) && c.State == state {
					n++
				}
			}
			if n == 0 {
				return ""
			}
			return strconv.Itoa(n)
		}
	}
	columns := []column[row]{
		{name: "worker", cell: func(r row) string { return dashIfEmpty(r.Name) }, minWidth: 12},
		{name: "key", cell: func(r row) string { return dashIfEmpty(r.Key) }, minWidth: 8},
		{name: "next", cell: func(r row) string { return nextOf(first(r), r) }, style: look},
		{name: "certification", cell: func(r row) string { return dashIfEmpty(first(r).Title) }, style: look, minWidth: 12},
		{name: "missing", cell: many(roster.StateNeverHeld), optional: true},
		{name: "expired", cell: many(roster.StateExpired), optional: true},
		{name: "due", cell: many(roster.StateDue), optional: true},
		{name: "valid", cell: many(roster.StateValid), optional: true},
	}
	if users {
		columns = append(columns, column[row]{name: "certn", cell: func(r row) string { return string(r.Certn.Presence) }})
	}
	return layout[row]{table: columns}
}

// nextOf says when the first of a worker's certifications lapses.
func nextOf(c roster.Cell, r roster.Row) string {
	switch {
	case r.Problem != "":
		return "not read: " + string(r.Problem)
	case c.State == "":
		return "-"
	case c.State == roster.StateNeverHeld, c.State == roster.StateUnknown:
		return c.State.Name()
	case c.ExpiresOn.IsZero():
		return "no end"
	}
	return c.ExpiresOn.String() + " (" + map[bool]string{true: "expired", false: strconv.Itoa(c.DaysLeft) + " d"}[c.State == roster.StateExpired] + ")"
}

func stateStyle(s roster.State, problem roster.Problem) style {
	switch {
	case problem != "":
		return cyan
	case s == roster.StateExpired, s == roster.StateNeverHeld:
		return red
	case s == roster.StateDue:
		return yellow
	}
	return plain
}

func changeLayout() layout[roster.Change] {
	type change = roster.Change
	all := []column[change]{
		{name: "change", member: "change", style: func(c change) style { return stateStyle(c.State, "") }},
		{name: "key", member: "key", minWidth: 8},
		{name: "name", member: "name", minWidth: 12},
		{name: "email", member: "email", minWidth: 12, optional: true},
		{name: "type", member: "type", minWidth: 8, optional: true},
		{name: "title", member: "title", minWidth: 12},
		{name: "state", member: "state", optional: true},
		{name: "expires_on", member: "expires_on"},
		{name: "window", member: "window"},
		{name: "was", member: "was"},
	}
	return layout[change]{table: all, csv: all}
}
