package roster_test

import (
	"errors"
	"testing"
	"time"

	"github.com/credkit/credkit-go/facade"
	"github.com/credkit/credkit-go/facade/roster"
)

var today = facade.DateOf(2026, time.November, 25)

// held is a certification that ends so many days after today.
func held(slug string, days int) facade.Certification {
	c := endless(slug)
	c.ExpiresOn = today.AddDays(days)
	return c
}

func endless(slug string) facade.Certification {
	return facade.Certification{ID: facade.UUID{15: byte(len(slug)), 14: 1}, CertificationType: facade.CertificationType{Slug: slug, Title: "The " + slug}}
}

func worker(key string, certs ...facade.Certification) roster.Worker {
	return roster.Worker{Key: key, Me: &facade.Me{User: facade.MeUser{Email: key + "@Example.com", DisplayName: "Name of " + key}}, Certifications: certs}
}

func failed(key string, problem roster.Problem, certs ...facade.Certification) roster.Worker {
	w := worker(key, certs...)
	w.Err = &roster.Error{Key: key, Problem: problem, Err: errors.New("the reason")}
	return w
}

func policy(t testing.TB, requirements ...roster.Requirement) *roster.Policy {
	t.Helper()
	var all *roster.Requirements
	if requirements != nil {
		var err error
		if all, err = roster.NewRequirements(requirements...); err != nil {
			t.Fatal(err)
		}
	}
	p, err := roster.NewPolicy(today, []int{90, 30, 60, 30}, all)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestAssessStates(t *testing.T) {
	suspended := held("epa", 400)
	suspended.ValidityStatus = "suspended"
	clean := held("epa", 300)
	clean.ValidityStatus, clean.LifecycleStatus = facade.ValidityStatusValid, facade.LifecycleStatusActive
	suspendedAndDue := held("epa", 5)
	suspendedAndDue.LifecycleStatus = "archived"
	twin := held("epa", 10)
	twin.IssuedOn, twin.ID = today, facade.UUID{1}
	tests := []struct {
		name   string
		certs  []facade.Certification
		state  roster.State
		window int
		left   int
	}{
		{"none", nil, roster.StateNeverHeld, 0, 0},
		{"no end is valid", []facade.Certification{endless("epa")}, roster.StateValid, 0, 0},
		{"far away", []facade.Certification{held("epa", 91)}, roster.StateValid, 0, 91},
		{"within the widest window", []facade.Certification{held("epa", 90)}, roster.StateDue, 90, 90},
		{"within the middle window", []facade.Certification{held("epa", 60)}, roster.StateDue, 60, 60},
		{"within the narrowest window", []facade.Certification{held("epa", 30)}, roster.StateDue, 30, 30},
		{"its last day is a good day", []facade.Certification{held("epa", 0)}, roster.StateDue, 30, 0},
		{"the day after is not", []facade.Certification{held("epa", -1)}, roster.StateExpired, 0, -1},
		{"the latest counts", []facade.Certification{held("epa", -1), held("epa", 200), held("epa", 20)}, roster.StateValid, 0, 200},
		{"no end is the latest", []facade.Certification{held("epa", 20), endless("epa"), held("epa", 200)}, roster.StateValid, 0, 0},
		{"of the same day, the one issued last", []facade.Certification{held("epa", 10), twin}, roster.StateDue, 30, 10},
		{"a word that is not documented", []facade.Certification{suspended}, roster.StateUnknown, 0, 400},
		{"a good one beside it", []facade.Certification{suspended, clean}, roster.StateValid, 0, 300},
		{"an ended one beside it", []facade.Certification{suspended, held("epa", -3)}, roster.StateUnknown, 0, 400},
		{"a word that is not documented, and due", []facade.Certification{suspendedAndDue}, roster.StateDue, 30, 5},
		{"another type", []facade.Certification{held("osha", 5)}, roster.StateNeverHeld, 0, 0},
	}
	p := policy(t, roster.Requirement{Worker: "*", Type: "epa"})
	for _, test := range tests {
		c := p.Assess(worker("ada", test.certs...)).Cell("epa")
		if c.State != test.state || c.Window != test.window || c.DaysLeft != test.left || !c.Required || c.Held() != (test.state != roster.StateNeverHeld) {
			t.Errorf("%s: %+v", test.name, c)
		}
		if wantNote := len(test.certs) > 0 && test.left == c.DaysLeft && (test.state == roster.StateUnknown || test.left == 5); wantNote != (c.Note != "") {
			t.Errorf("%s: note %q", test.name, c.Note)
		}
	}
	if c := p.Assess(worker("ada")).Cell("osha"); c.State != roster.StateNotRequired || c.Required {
		t.Errorf("neither required nor held: %+v", c)
	}
}

func TestAssessOfAWorkerWhoWasNotReadCompletely(t *testing.T) {
	p := policy(t, roster.Requirement{Worker: "ada", Type: "epa"})
	for _, test := range []struct {
		name  string
		certs []facade.Certification
		want  roster.State
	}{
		{"nothing was read", nil, roster.StateUnknown},
		{"a valid one is valid whatever else there is", []facade.Certification{held("epa", 200)}, roster.StateValid},
		{"one that is due may have a successor", []facade.Certification{held("epa", 20)}, roster.StateUnknown},
		{"so may one that has ended", []facade.Certification{held("epa", -20)}, roster.StateUnknown},
	} {
		row := p.Assess(failed("ada", roster.ProblemData, test.certs...))
		if c := row.Cell("epa"); c.State != test.want || c.Window != 0 {
			t.Errorf("%s: %+v", test.name, c)
		}
		if row.Cell("other").State != roster.StateUnknown || row.Problem != roster.ProblemData || row.Message == "" {
			t.Errorf("%s: %+v", test.name, row)
		}
	}
}

func TestRequirementsSetTheirOwnWindow(t *testing.T) {
	p := policy(t, roster.Requirement{Worker: "*", Type: "short", Due: 14}, roster.Requirement{Worker: "*", Type: "long", Due: 20},
		roster.Requirement{Worker: "a*", Type: "long", Due: 120})
	row := p.Assess(worker("ada", held("short", 15), held("long", 110), held("other", 50)))
	for slug, want := range map[string]struct {
		state  roster.State
		window int
	}{
		"short": {roster.StateValid, 0},
		"long":  {roster.StateDue, 120}, // the widest of those that fit
		"other": {roster.StateDue, 60},
	} {
		if c := row.Cell(slug); c.State != want.state || c.Window != want.window {
			t.Errorf("%s: %+v", slug, c)
		}
	}
}

func TestATypeWithoutASlugIsStillAType(t *testing.T) {
	titled, numbered, bare := endless(""), endless(""), endless("")
	numbered.CertificationType.Title, numbered.CertificationTypeID = "", facade.UUID{1}
	bare.CertificationType.Title = ""
	row := policy(t).Assess(worker("ada", titled, numbered, bare))
	if len(row.Cells) != 3 || row.Cell("The ").State != roster.StateValid || row.Cell("no type").State != roster.StateValid ||
		row.Cell("01000000-0000-0000-0000-000000000000").State != roster.StateValid {
		t.Errorf("%+v", row.Cells)
	}
}

func TestNewPolicyRefusesWindowsThatCannotBe(t *testing.T) {
	for _, days := range []int{0, -1, 36501} {
		if _, err := roster.NewPolicy(today, []int{30, days}, nil); err == nil {
			t.Errorf("a window of %d days is taken", days)
		}
	}
	p, err := roster.NewPolicy(facade.Date{}, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if m := p.Matrix(nil); m.Day != facade.DateFromTime(time.Now()) || len(m.Due) != 3 {
		t.Errorf("%+v", m)
	}
}
