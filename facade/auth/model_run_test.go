package auth

import "testing"

func TestEveryInterleavingKeepsTheInvariant(t *testing.T) {
	total := 0
	for _, c := range []struct {
		name    string
		kind    server
		faults  int8 // crashes, cuts and failed saves; negative: any number
		signIns int8
		forgets int8
		ends    int8
	}{
		{"a forgiving server, any number of faults, sign-ins, sign-outs and a revocation", same, -1, 2, 2, 1},
		{"a server that forgives with a new token, any single fault", sibling, 1, 0, 0, 0},
		{"a server that does not forgive, no fault, sign-ins and sign-outs", strict, 0, 2, 2, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			x := newModel(c.kind, 3)
			x.run(mState{store: mRecord{ver: 1}, lock: nobody, faults: c.faults, signIns: c.signIns, forgets: c.forgets, ends: c.ends})
			for _, b := range x.broken {
				t.Error(b)
			}
			t.Logf("%d states of three processes, %d token requests in them", len(x.seen), x.sends)
			total += len(x.seen)
		})
	}
	t.Logf("%d states in all", total)
	if total < 10_000 {
		t.Error("the model does not move")
	}
}

// TestTheModelFindsBrokenRules is the positive control.
func TestTheModelFindsBrokenRules(t *testing.T) {
	for name, c := range map[string]struct {
		kind   server
		faults int8
		rules  func(x *model)
	}{
		"a pending record is saved over whatever is stored": {same, -1, func(x *model) {
			x.decideSave = func(*record, string, string) saveAction { return saveNow }
		}},
		"an end is not heeded": {same, 0, func(x *model) {
			x.decide = func(r *record, v view) action {
				if a := decide(r, v); a != actEnded {
					return a
				}
				return actSend
			}
		}},
		"the server does not forgive a crash":             {strict, 1, func(*model) {}},
		"two faults against a server that forgives badly": {sibling, 3, func(*model) {}},
	} {
		t.Run(name, func(t *testing.T) {
			x := newModel(c.kind, 3)
			c.rules(x)
			x.run(mState{store: mRecord{ver: 1}, lock: nobody, faults: c.faults, signIns: 1, ends: 1})
			if len(x.broken) == 0 {
				t.Errorf("nothing found in %d states", len(x.seen))
			}
		})
	}
}
