package roster_test

import (
	"encoding/xml"
	"fmt"
	"io"
	"regexp"
	"strings"
	"testing"

	"github.com/credkit/credkit-go/facade/roster"
)

func pageOf(t *testing.T, m *roster.Matrix, changes ...roster.Change) string {
	t.Helper()
	var b strings.Builder
	if err := m.WriteHTML(&b, changes...); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestWriteHTMLShowsEverything(t *testing.T) {
	p := policy(t, roster.Requirement{Worker: "*", Type: "epa"}, roster.Requirement{Worker: "nobody", Type: "epa", Line: 7})
	rows := []roster.Row{p.Assess(worker("ada", held("epa", 12), held("osha", -400))), p.Assess(worker("bob")), p.Assess(failed("cyd", roster.ProblemSignIn)),
		p.Assess(worker("dan", held("epa", -3))), p.Assess(worker("eve", endless("epa")))}
	rows, err := roster.Join(rows, users(user(1, "ada@example.com"), user(2, "zoe@example.com")))
	if err != nil {
		t.Fatal(err)
	}
	m := p.Matrix(append(rows, p.Assess(roster.Worker{Err: roster.ErrIncomplete})))
	page := pageOf(t, m, roster.Change{Kind: roster.ChangeGone, Was: today})
	for _, want := range []string{
		"As of 2026-11-25. Workers: 5.", "30, 60, 90 days", "keep it private", "the roster is incomplete", "</span> 1 could not be read",
		"</span> 1 expired", "</span> 1 never held", "</span> 1 due", "ask this worker to sign in again", "line 7: nobody,epa", "a worker, and not a Certn user",
		"a Certn user, and not a worker", "not in the store any more", "12 d", "no end", `class="expired aside"`, `lang="en"`,
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	// What lapses first comes first: never held, ended, due.
	if next := regexp.MustCompile(`(?s)id="next".*?</section>`).FindString(page); !regexp.MustCompile(`(?s)Name of bob.*Name of dan.*Name of ada`).MatchString(next) || strings.Contains(next, "osha") {
		t.Errorf("%s", next)
	}
}

func TestWriteHTMLEscapesEverything(t *testing.T) {
	p := policy(t, roster.Requirement{Worker: "<script>alert(4)</script>", Type: "<script>alert(5)</script>"})
	unread := failed("<script>alert(6)</script>", roster.ProblemFailed)
	rows := []roster.Row{p.Assess(hostile()), p.Assess(unread)}
	rows, err := roster.Join(rows, users(user(1, "<script>alert(7)</script>")))
	if err != nil {
		t.Fatal(err)
	}
	page := pageOf(t, p.Matrix(rows), roster.Change{Kind: roster.ChangeNew, Name: "<script>alert(8)</script>", Title: "<script>alert(9)</script>"})
	if strings.Contains(page, "<script") || strings.Contains(page, "<img") || strings.ContainsAny(page, "\u202e\x1b\x00") {
		t.Error("a text of others is more than text")
	}
	if n := strings.Count(page, "&lt;script&gt;alert("); n < 8 {
		t.Errorf("%d of the texts are shown", n)
	}
	if !strings.Contains(page, `content="default-src &#39;none&#39;; style-src &#39;sha256-`) || strings.Contains(page, "style=") {
		t.Error("no policy, or a style that it does not allow")
	}
	// It is well-formed, so that nothing is left open.
	dec := xml.NewDecoder(strings.NewReader(page))
	dec.Strict, dec.AutoClose, dec.Entity = false, xml.HTMLAutoClose, xml.HTMLEntity
	for {
		if _, err := dec.Token(); err == io.EOF {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
}

// writes counts how often it is written to.
type writes struct{ n, bytes int }

func (w *writes) Write(p []byte) (int, error) {
	w.n++
	w.bytes += len(p)
	return len(p), nil
}

func TestWritersMakeFewWrites(t *testing.T) {
	var workers []roster.Worker
	for i := range 200 {
		workers = append(workers, worker(fmt.Sprint("worker-", i), held("epa", i), held("osha", 2*i)))
	}
	m := matrixOf(policy(t), workers...)
	for name, write := range map[string]func(io.Writer) error{
		"HTML": func(to io.Writer) error { return m.WriteHTML(to) }, "ICS": m.WriteICS, "CSV": m.WriteCSV,
	} {
		var to writes
		if err := write(&to); err != nil || to.n > 1+to.bytes/4096 {
			t.Errorf("%s: %d bytes in %d writes, %v", name, to.bytes, to.n, err)
		}
	}
}
