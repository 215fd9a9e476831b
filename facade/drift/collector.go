package drift

import (
	"fmt"
	"strings"
)

// most is how many different findings a report holds; a response keyed by data
// could otherwise make one for each of its members.
const most = 1000

// collector gathers the findings of one response.
type collector struct {
	findings map[findingKey]*Finding
	guesses  map[guessKey]*Finding
	inside   map[*schema]*tally
	dropped  int64
}

type guessKey struct {
	part part
	path *use
}

// tally counts, for one schema, in how many objects each field was seen.
type tally struct {
	objects int64
	seen    []int64
}

func newCollector() *collector {
	return &collector{findings: map[findingKey]*Finding{}, guesses: map[guessKey]*Finding{}, inside: map[*schema]*tally{}}
}

// again counts a finding that is known, and reports whether it is.
func (c *collector) again(key findingKey) bool {
	if f := c.findings[key]; f != nil {
		f.Count++
		return true
	}
	if len(c.findings) >= most {
		c.dropped++
		return true
	}
	return false
}

// first keeps a finding that is new.
func (c *collector) first(key findingKey, at part, f Finding) {
	f.Part, f.Line, f.Grade, f.Source = at.name, at.line, at.grade, at.source
	f.Count = 1
	c.findings[key] = &f
}

func (c *collector) tally(s *schema) *tally {
	t := c.inside[s]
	if t == nil {
		t = &tally{seen: make([]int64, len(s.fields))}
		c.inside[s] = t
	}
	return t
}

// unseen lists the fields of a schema that no object of the response had and
// that could hold a value of that kind and format: where a field has a new
// name, its old one is among them.
func (c *collector) unseen(s *schema, kind string, format string) (names []string) {
	t := c.inside[s]
	if t == nil {
		return nil
	}
	for i, f := range s.fields {
		if t.seen[i] == 0 && f.use.types.permit(kind) && f.use.schema.format == format {
			names = append(names, f.name)
		}
	}
	return names
}

// finish gives the findings in the order of a report.
func (c *collector) finish() []Finding {
	all := make([]Finding, 0, len(c.findings)+len(c.guesses))
	for _, f := range c.findings {
		if f.Rule == UnknownField {
			f.Advice = adviceUnknown(f, c.unseen(f.inside, f.kind, f.format))
		}
		all = append(all, *f)
	}
	for _, f := range c.guesses {
		all = append(all, *f)
	}
	sortFindings(all)
	return all
}

// What to change in openapi.yaml, a sentence a rule. Each names the line.

const (
	adviceResponse = "Nothing to change in openapi.yaml: the response itself is broken. If it comes again, report it to the service."
	seen           = "x-evidence {grade: observed, source: \"recording:<name>\"}"
)

func adviceUnknown(f *Finding, unseen []string) string {
	name := f.Path[strings.LastIndexByte(f.Path, '/')+1:]
	if name == "*" {
		return fmt.Sprintf("If %s is keyed by data, describe its values with additionalProperties.", f.inside.part)
	}
	declare := fmt.Sprintf("type: [%s, 'null']", f.kind)
	if f.kind == "null" {
		declare = "its type, once a value was seen"
	}
	if f.format != "" {
		declare += ", format: " + f.format
	}
	advice := fmt.Sprintf("Declare %s in %s: %s, %s.", name, f.inside.part, declare, seen)
	const few = 3 // more of them point nowhere
	if len(unseen) > 0 && len(unseen) <= few {
		advice += fmt.Sprintf(" It may be the new name of %s, which no object had.", strings.Join(unseen, " or "))
	}
	return advice
}
