package roster_test

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/emersion/go-ical"

	"github.com/credkit/credkit-go/facade/roster"
)

// events are the events of a calendar by their summary, as a library reads
// them that did not write them.
func events(t *testing.T, text string) map[string]ical.Event {
	t.Helper()
	calendar, err := ical.NewDecoder(strings.NewReader(text)).Decode()
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]ical.Event{}
	for _, e := range calendar.Events() {
		summary, err := e.Props.Text(ical.PropSummary)
		if err != nil {
			t.Fatal(err)
		}
		all[summary] = e
	}
	return all
}

func calendarOf(t *testing.T, m *roster.Matrix) string {
	t.Helper()
	var b strings.Builder
	if err := m.WriteICS(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestWriteICSIsReadByAnotherLibrary(t *testing.T) {
	m := matrixOf(policy(t), worker("ada", held("epa", 45), endless("osha"), held("first-aid", -3), held("forklift", 400)), hostile(), failed("unread", roster.ProblemSignIn))
	text := calendarOf(t, m)
	all := events(t, text)
	if len(all) != 4 {
		t.Fatalf("%d events: %v", len(all), all)
	}
	for summary, want := range map[string]struct {
		day    string
		alarms []string
	}{
		"Name of ada: The epa ends":       {"20270109", []string{"-P30D"}},
		"Name of ada: The first-aid ends": {"20261122", nil},
		"Name of ada: The forklift ends":  {"20271230", []string{"-P30D", "-P60D", "-P90D"}},
	} {
		e := all[summary]
		start, end := e.Props.Get(ical.PropDateTimeStart), e.Props.Get(ical.PropDateTimeEnd)
		if start == nil || end == nil || start.Value != want.day || start.ValueType() != ical.ValueDate {
			t.Fatalf("%s: from %+v to %+v", summary, start, end)
		}
		first, err1 := start.DateTime(time.UTC)
		last, err2 := end.DateTime(time.UTC)
		if err1 != nil || err2 != nil || last.Sub(first) != 24*time.Hour {
			t.Errorf("%s: %v to %v, %v, %v", summary, first, last, err1, err2)
		}
		var alarms []string
		for _, child := range e.Children {
			alarms = append(alarms, child.Props.Get(ical.PropTrigger).Value)
		}
		if strings.Join(alarms, " ") != strings.Join(want.alarms, " ") {
			t.Errorf("%s: alarms %q", summary, alarms)
		}
	}
	title := hostile().Certifications[0].CertificationType.Title
	want := `=HYPERLINK("http://evil.test","x")<script>alert(1)</script>[31m: ` + strings.ReplaceAll(title, "\r\n", "  ") + " ends"
	if _, there := all[want]; !there {
		t.Errorf("no event %q", want)
	}
	for line := range strings.SplitSeq(strings.TrimSuffix(text, "\r\n"), "\r\n") {
		if len(line) > 75 || !utf8.ValidString(line) || strings.ContainsAny(line, "\r\n\x1b\x00\u202e") {
			t.Errorf("line of %d bytes: %q", len(line), line)
		}
	}
	if again := calendarOf(t, m); again != text {
		t.Error("the same data is another file")
	}
}

func TestACalendarsEventsKeepTheirUIDs(t *testing.T) {
	uids := func(days int) (all []string) {
		for _, e := range events(t, calendarOf(t, matrixOf(policy(t), worker("ada", held("epa", days))))) {
			uid, err := e.Props.Text(ical.PropUID)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, uid)
		}
		return all
	}
	before, renewed := uids(10), uids(700)
	if len(before) != 1 || len(renewed) != 1 || before[0] != renewed[0] || strings.Contains(before[0], "ada") {
		t.Errorf("%q, %q", before, renewed)
	}
}

func TestAnEmptyCalendarIsACalendar(t *testing.T) {
	text := calendarOf(t, matrixOf(policy(t)))
	if calendar, err := ical.NewDecoder(strings.NewReader(text)).Decode(); err != nil || len(calendar.Events()) != 0 || !strings.Contains(text, "REFRESH-INTERVAL;VALUE=DURATION:P1D\r\n") {
		t.Errorf("%v\n%s", err, text)
	}
}

// The last day of the year 9999 stands for no end in many a database.
func TestACalendarHasNoDayAfterTheYear9999(t *testing.T) {
	last := held("epa", 0)
	if err := last.ExpiresOn.UnmarshalText([]byte("9999-12-31")); err != nil {
		t.Fatal(err)
	}
	text := calendarOf(t, matrixOf(policy(t), worker("ada", last)))
	e, there := events(t, text)["Name of ada: The epa ends"]
	if !there || e.Props.Get(ical.PropDateTimeStart).Value != "99991231" || e.Props.Get(ical.PropDateTimeEnd) != nil {
		t.Errorf("%s", text)
	}
}
