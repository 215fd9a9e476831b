package roster_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/credkit/credkit-go/facade/roster"
)

func TestReadRequirements(t *testing.T) {
	const file = "\ufeffWorker,Type,Due\n" +
		"# everybody\n" +
		"*,epa-608,45\n" +
		"\n" +
		"ada@example.com, osha-30 ,14d\r\n" +
		"\"crew/a,b\",first-aid\n" +
		"worker-4?,forklift,\n"
	all, err := roster.ReadRequirements(strings.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	want := []roster.Requirement{
		{Worker: "*", Type: "epa-608", Due: 45, Line: 3}, {Worker: "ada@example.com", Type: "osha-30", Due: 14, Line: 5},
		{Worker: "crew/a,b", Type: "first-aid", Line: 6}, {Worker: "worker-4?", Type: "forklift", Line: 7},
	}
	if got := all.All(); !slices.Equal(got, want) {
		t.Errorf("%v", got)
	}
}

func TestReadRequirementsOfAFleet(t *testing.T) {
	const lines = 20_000
	var b strings.Builder
	b.WriteString("\ufeff\"worker\",\"type\"\r\n")
	for i := range lines {
		fmt.Fprintf(&b, "\"worker, %d\",\"epa\"\r\n", i)
	}
	all, err := roster.ReadRequirements(strings.NewReader(b.String()))
	if err != nil || len(all.All()) != lines {
		t.Fatalf("%d requirements, %v", len(all.All()), err)
	}
	p, err := roster.NewPolicy(today, nil, all)
	if err != nil {
		t.Fatal(err)
	}
	if m := matrixOf(p, worker("worker, 19999")); len(m.Unmatched) != lines-1 || m.Rows[0].Cell("epa").State != roster.StateNeverHeld {
		t.Errorf("%d fit no worker, %+v", len(m.Unmatched), m.Rows)
	}
}

func TestReadRequirementsNamesTheLineOfEachError(t *testing.T) {
	_, err := roster.ReadRequirements(strings.NewReader("*,epa\n,epa\nada,\nada\nada,epa,soon\nada,epa,0\n[,epa\na,b,c,d\nada;epa\n"))
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{"line 2: the worker is empty", "line 3: the type is empty", "line 4: want worker,type", "got 1 field",
		`line 5: due: want a number of days such as 45 or 45d, got "soon"`, "line 6: due", "line 7: \"[\" is not a pattern", "line 8: want",
		"line 9: want worker,type or worker,type,due, with commas between"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the error lacks %q:\n%v", want, err)
		}
	}
	if strings.Contains(err.Error(), "line 1:") {
		t.Errorf("line 1 is right:\n%v", err)
	}
	if _, err := roster.ReadRequirements(strings.NewReader("ada,\"epa\nada,x\n")); err == nil || !strings.Contains(err.Error(), "line") {
		t.Errorf("an open quote: %v", err)
	}
	if _, err := roster.ReadRequirements(strings.NewReader(strings.Repeat("x\n", 1000))); err == nil || strings.Count(err.Error(), "line ") > 10 {
		t.Errorf("the error of a wrong file names every line: %v", err)
	}
	if _, err := roster.ReadRequirements(strings.NewReader("\xff\xfe*\x00,\x00e\x00")); err == nil || !strings.Contains(err.Error(), "UTF-16") {
		t.Errorf("a file of another encoding: %v", err)
	}
	broken := errors.New("broken")
	if _, err := roster.ReadRequirements(iotest.ErrReader(broken)); !errors.Is(err, broken) {
		t.Error(err)
	}
	if all, err := roster.ReadRequirements(strings.NewReader("")); err != nil || len(all.All()) != 0 {
		t.Errorf("an empty file: %v", err)
	}
}

func TestRequirementsFitKeysAddressesAndPatterns(t *testing.T) {
	for _, test := range []struct {
		requirement, key string
		fits             bool
	}{
		{"ada", "ada", true},
		{"ADA", "ada", false}, // keys are told apart
		{"ADA@example.COM", "ada", true},
		{"ada@example.com", "ada@example.com", true},
		{"*", "crew/7/ada", true}, // a slash is a character like any other
		{"crew/*", "crew/7/ada", true},
		{"crew/*", "crewe", false},
		{"*@EXAMPLE.com", "ada", true},
		{"*@example.org", "ada", false},
		{"worker-[0-4]?", "worker-42", true},
		{"worker-[0-4]?", "worker-52", false},
		{`\*`, "*", true},
		{`\*`, "ada", false},
	} {
		w := worker(test.key)
		if test.key == "ada@example.com" {
			w.Me.User.Email = test.key
		}
		row := policy(t, roster.Requirement{Worker: test.requirement, Type: "epa"}).Assess(w)
		if got := row.Cell("epa").Required; got != test.fits || len(row.Cells) > 1 {
			t.Errorf("%q fits %q: %v", test.requirement, test.key, got)
		}
	}
	if c := policy(t, roster.Requirement{Worker: "*@*", Type: "epa"}).Assess(roster.Worker{Key: "ada"}).Cell("epa"); c.Required {
		t.Error("a worker without an address has one")
	}
}

func FuzzReadRequirements(f *testing.F) {
	f.Add("worker,type,due\n*,epa,30\n")
	f.Add("\"a\nb\",c\n[a-,x\n")
	f.Fuzz(func(t *testing.T, text string) {
		all, err := roster.ReadRequirements(strings.NewReader(text))
		if (all == nil) == (err == nil) {
			t.Fatalf("%v, %v", all, err)
		}
		if p, err := roster.NewPolicy(today, nil, all); err == nil {
			p.Assess(worker("ada", held("epa", 3)))
		}
	})
}
