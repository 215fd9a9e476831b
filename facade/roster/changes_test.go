package roster_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/credkit/credkit-go/facade/roster"
)

// on is the policy of the tests so many days after today.
func on(t testing.TB, days int, requirements ...roster.Requirement) *roster.Policy {
	t.Helper()
	all, err := roster.NewRequirements(requirements...)
	if err != nil {
		t.Fatal(err)
	}
	p, err := roster.NewPolicy(today.AddDays(days), []int{30, 60, 90}, all)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// again reads a snapshot as it is written.
func again(t testing.TB, s *roster.Snapshot) *roster.Snapshot {
	t.Helper()
	text, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	back, err := roster.ReadSnapshot(strings.NewReader(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	return back
}

// tell says each change in a word or two.
func tell(changes []roster.Change) (all []string) {
	for _, c := range changes {
		text := fmt.Sprintf("%s %s %s", c.Kind, c.Key, c.Type)
		if c.Window > 0 {
			text += fmt.Sprint(" ", c.Window)
		}
		all = append(all, text)
	}
	return all
}

func TestChanges(t *testing.T) {
	wide := roster.Requirement{Worker: "*", Type: "wide", Due: 120}
	narrow := roster.Requirement{Worker: "*", Type: "narrow", Due: 10}
	before := []roster.Worker{
		worker("ada", held("a", 95), held("b", 65), held("c", 3), held("d", 50), held("e", 10), endless("f"), held("g", -10), held("h", 200), held("narrow", 12), held("wide", 121)),
		worker("bob", held("a", 10)), worker("cyd", held("a", 10), held("b", 100)), worker("dan", held("a", 3), held("b", 3)),
	}
	partly := failed("dan", roster.ProblemData, held("a", 3))
	after := []roster.Worker{
		worker("ada", held("a", 95), held("b", 65), held("c", 3), held("d", 50), held("e", 400), endless("f"), held("g", -10), held("h", 20), held("new", 20), held("narrow", 12), held("wide", 121)),
		failed("bob", roster.ProblemSignIn), partly, worker("eve", endless("a")),
	}
	first, snapshot := matrixOf(on(t, 0, wide, narrow), before...).Changes(nil)
	if len(first) != 0 {
		t.Errorf("the first run has changes: %q", tell(first))
	}
	snapshot = again(t, snapshot)
	changes, next := matrixOf(on(t, 5, wide, narrow), after...).Changes(snapshot)
	want := []string{
		"lapsed dan a", "lapsed ada c", // by day, then by name; dan's may have been renewed: it says unknown
		"due ada h 30", "due ada b 60", "due ada a 90", "due ada narrow 10", "due ada wide 120",
		"gone  a", "gone  b", // of cyd, who is not in the store any more
		"new eve a", "new ada new 30",
		"renewed ada e",
	}
	got := tell(changes)
	slices.Sort(got)
	slices.Sort(want)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	for _, c := range changes {
		if c.Key == "dan" && c.State != roster.StateUnknown || c.Kind == roster.ChangeGone && c.State != "" || c.Key == "ada" && c.Name != "Name of ada" {
			t.Errorf("%+v", c)
		}
	}
	// What could not be read is kept: it is neither gone now nor new later.
	changes, _ = matrixOf(on(t, 5, wide, narrow), append(after[:1:1], worker("bob", held("a", 10)), before[3], after[3])...).Changes(again(t, next))
	if len(changes) != 0 {
		t.Errorf("after the same again: %q", tell(changes))
	}
}

func TestChangesAreTheSameWhateverTheOrder(t *testing.T) {
	workers := []roster.Worker{worker("ada", held("a", 1), held("b", 2)), worker("bob", held("a", 1)), worker("cyd", held("c", 1))}
	_, snapshot := matrixOf(on(t, 0), workers...).Changes(nil)
	var first []string
	for range 10 {
		shuffle(workers)
		changes, next := matrixOf(on(t, 3), workers...).Changes(snapshot)
		text, err := json.Marshal(next)
		if err != nil {
			t.Fatal(err)
		}
		all := append(tell(changes), string(text))
		if first == nil {
			first = all
		}
		if !slices.Equal(first, all) {
			t.Fatalf("%q\n%q", first, all)
		}
	}
}

func TestChangesOfAnIncompleteRangeLoseNobody(t *testing.T) {
	_, snapshot := matrixOf(on(t, 0), worker("ada", held("a", 100)), worker("bob", held("a", 100))).Changes(nil)
	changes, next := matrixOf(on(t, 0), worker("ada", held("a", 100)), roster.Worker{Err: roster.ErrIncomplete}).Changes(snapshot)
	if len(changes) != 0 || !maps.EqualFunc(next.Workers, snapshot.Workers, maps.Equal) {
		t.Errorf("%q, %v", tell(changes), next.Workers)
	}
}

func TestASnapshotHasNoNames(t *testing.T) {
	_, snapshot := matrixOf(policy(t), worker("ada", held("epa-608", 100))).Changes(nil)
	text, err := json.Marshal(snapshot)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"ada", "Name of", "example", "epa"} {
		if strings.Contains(strings.ToLower(string(text)), strings.ToLower(name)) {
			t.Errorf("%q is in %s", name, text)
		}
	}
	if !strings.Contains(string(text), "keep it private") || !strings.Contains(string(text), "2027-03-05") {
		t.Errorf("%s", text)
	}
	_, other := matrixOf(policy(t), worker("ada", held("epa-608", 100))).Changes(nil)
	if other.Salt == snapshot.Salt || maps.EqualFunc(other.Workers, snapshot.Workers, maps.Equal) {
		t.Error("two snapshots can be compared with each other")
	}
}

func TestReadSnapshotRefusesOtherFiles(t *testing.T) {
	for _, text := range []string{"", "worker,type\n", "[]", "{}", `{"format":2,"salt":"x","day":"2026-01-01"}`, `{"format":1,"day":"2026-01-01"}`, `{"format":1,"salt":"x"}`} {
		if s, err := roster.ReadSnapshot(strings.NewReader(text)); err == nil {
			t.Errorf("%q is read as %+v", text, s)
		}
	}
}
