package drift

// most is how many different findings a report holds; a response keyed by data
// could otherwise make one for each of its members.
const most = 1000

// collector gathers the findings of one response.
type collector struct {
	findings map[findingKey]*Finding
	guesses  map[guessKey]*Finding
	inside   map[*shape]*tally
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
	return &collector{findings: map[findingKey]*Finding{}, guesses: map[guessKey]*Finding{}, inside: map[*shape]*tally{}}
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

func (c *collector) tally(s *shape) *tally {
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
func (c *collector) unseen(s *shape, k kind, format string) (names []string) {
	t := c.inside[s]
	if t == nil {
		return nil
	}
	for i, f := range s.fields {
		if t.seen[i] == 0 && f.use.kinds()&k != 0 && f.use.shape.format == format {
			names = append(names, f.name)
		}
	}
	return names
}
