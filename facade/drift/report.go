package drift

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
)

// Report is what one response, or several to the same operation with the same
// status, showed.
type Report struct {
	// Operation and Status are what was requested and the status of the response.
	Operation string `json:"operation"`
	Status    int    `json:"status"`
	// Responses is how many responses are in the report; Bytes and Values are
	// how much of JSON they had.
	Responses int64 `json:"responses"`
	Bytes     int64 `json:"bytes"`
	Values    int64 `json:"values"`
	// Findings are sorted by severity, then by path.
	Findings []Finding `json:"findings"`
	// Dropped counts differences beyond the 1,000th kind.
	Dropped int64 `json:"dropped,omitempty"`
}

// Differs reports whether the response differs from the specification in any
// way. A guess that is confirmed is no difference.
func (r *Report) Differs() bool {
	return slices.ContainsFunc(r.Findings, func(f Finding) bool { return f.Severity != Confirms })
}

// Count returns how many findings have that severity.
func (r *Report) Count(s Severity) (n int) {
	for _, f := range r.Findings {
		if f.Severity == s {
			n++
		}
	}
	return n
}

// Merge adds the findings of another response to the same operation with the
// same status.
func (r *Report) Merge(other *Report) {
	r.Responses += other.Responses
	r.Bytes += other.Bytes
	r.Values += other.Values
	r.Dropped += other.Dropped
	known := make(map[findingKey]int, len(r.Findings))
	for i := range r.Findings {
		known[r.Findings[i].key()] = i
	}
	for _, f := range other.Findings {
		if i, ok := known[f.key()]; ok {
			r.Findings[i].Count += f.Count
		} else if len(r.Findings) < 2*most {
			r.Findings = append(r.Findings, f)
		} else {
			r.Dropped += f.Count
		}
	}
	sortFindings(r.Findings)
}

func sortFindings(all []Finding) {
	order := Severities()
	slices.SortFunc(all, func(a, b Finding) int {
		return cmp.Or(
			cmp.Compare(slices.Index(order, a.Severity), slices.Index(order, b.Severity)),
			cmp.Compare(a.Path, b.Path), cmp.Compare(a.Rule, b.Rule),
			cmp.Compare(a.Part, b.Part), cmp.Compare(a.Got, b.Got))
	})
}

// WriteText writes the report for people.
func (r *Report) WriteText(w io.Writer) error {
	var out strings.Builder
	fmt.Fprintf(&out, "%s %d: %s", r.Operation, r.Status, r.summary())
	for _, severity := range Severities() {
		if r.Count(severity) == 0 {
			continue
		}
		fmt.Fprintf(&out, "\n%s\n", severity)
		for _, f := range r.Findings {
			if f.Severity == severity {
				f.write(&out)
			}
		}
	}
	if r.Dropped > 0 {
		fmt.Fprintf(&out, "\n%d more differences were counted and not kept.\n", r.Dropped)
	}
	_, err := io.WriteString(w, out.String())
	return err
}

func (r *Report) summary() string {
	what := fmt.Sprintf("%d values, %d bytes", r.Values, r.Bytes)
	if r.Responses > 1 {
		what = fmt.Sprintf("%d responses, %s", r.Responses, what)
	}
	verdict := "as described"
	if r.Differs() {
		verdict = fmt.Sprintf("%d break us, %d are new", r.Count(Breaks), r.Count(Informs))
	}
	if n := r.Count(Confirms); n > 0 {
		verdict += fmt.Sprintf(", %d guesses hold", n)
	}
	return fmt.Sprintf("%s (%s)\n", verdict, what)
}

func (f *Finding) write(out *strings.Builder) {
	times := ""
	if f.Count > 1 {
		times = fmt.Sprintf(", %d times, first at %s", f.Count, place(f.First))
	}
	fmt.Fprintf(out, "  %s: %s%s\n", place(f.Path), f.Rule, times)
	if f.Got != "" {
		fmt.Fprintf(out, "    want %s, got %s\n", f.Want, f.Got)
	}
	fmt.Fprintf(out, "    openapi.yaml:%d %s, %s (%s)\n", f.Line, f.Part, f.Grade, f.Source)
	fmt.Fprintf(out, "    %s\n", f.Advice)
}
