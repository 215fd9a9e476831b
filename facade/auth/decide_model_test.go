package auth

import (
	"fmt"
	"strconv"
	"testing"
	"time"
)

// This file walks through every state that three processes, a store and a
// server can get into, with a crash, a cut connection and a failed save at
// every step. What the processes do is decided by decide, follow and
// decideSave, the functions that the library runs; the rest of the library is
// replaced by the smallest thing that has the same order of events:
//
//	idle --lock, read, decide--> sending --answer--> answered --save--> idle
//	                                  \--lost--> idle        \--fails--> idle, pending
//	pending --lock, compare, save--> idle (a process with a pending record does nothing else)
//
// Refresh tokens are known by their age: 0 is the server's current one, 1 its
// direct parent, old anything whose replay ends the session.

const (
	old     = 2
	foreig  = 3 // of an earlier sign-in
	nobody  = -1
	mVerMax = 16
)

// mRecord is a record: a version, and the age of its refresh token. Version 0
// is no record.
type mRecord struct {
	ver   int8
	age   int8
	ended bool
}

type mProc struct {
	pc      int8 // 0 idle, 1 sending, 2 answered
	held    int8 // version in use
	refused bool // this lock was taken because of a 401
	next    mRecord
	pending mRecord // ver 0: none
	from    int8
}

type mState struct {
	store   mRecord
	lock    int8
	dead    bool // ended by the server for its own reasons
	killed  bool // ended by a replay
	faults  int8 // left; negative: no limit
	signIns int8 // left
	forgets int8 // left
	ends    int8 // left
	procs   [3]mProc
}

// server is how a replay of the direct parent is answered.
type server int

const (
	same    server = iota // with the current token once more
	sibling               // with a new token; the parent stays the parent, the current one is void
	strict                // never forgiven
)

// rotate sends the stored token and returns the state after, with the age of
// the token answered (always 0), or refused.
func (m mState) rotate(kind server) (next mState, refused bool) {
	age := m.store.age
	switch {
	case m.dead || m.killed:
		return m, true
	case age == 0:
		return m.older(0), false
	case age == 1 && kind == same:
		return m, false
	case age == 1 && kind == sibling:
		return m.older(1), false
	}
	m.killed = true
	return m, true
}

// older makes every token of the current session older: by one, if the
// current one was used; else those that were current become void.
func (m mState) older(used int8) mState {
	each := func(r *mRecord) {
		switch {
		case r.ver == 0 || r.age >= old:
		case used == 0:
			r.age++
		case r.age == 0:
			r.age = old
		}
	}
	each(&m.store)
	for i := range m.procs {
		each(&m.procs[i].next)
		each(&m.procs[i].pending)
	}
	return m
}

// canon renames versions by the order in which they occur, so that states that
// differ in names alone are one.
func (m mState) canon() mState {
	var names [mVerMax * 8]int8
	last := int8(0)
	name := func(v *int8) {
		if *v == 0 {
			return
		}
		if names[*v] == 0 {
			last++
			names[*v] = last
		}
		*v = names[*v]
	}
	name(&m.store.ver)
	for i := range m.procs {
		p := &m.procs[i]
		for _, v := range []*int8{&p.next.ver, &p.pending.ver, &p.from, &p.held} {
			name(v)
		}
	}
	return m
}

// fresh is a version that no one has.
func (m mState) fresh() int8 { return mVerMax + 2 }

var modelTime = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// real is the record that r stands for.
func (r mRecord) real(usable bool) *record {
	if r.ver == 0 {
		return nil
	}
	v := strconv.Itoa(int(r.ver))
	out := &record{Format: 1, Kind: kindSession, Version: v, Issuer: "i", ClientID: "c", AccessToken: "a" + v, RefreshToken: "r" + v,
		ExpiresIn: 3600, ExpiresAt: modelTime.Add(-time.Second)}
	if usable {
		out.ExpiresAt = modelTime.Add(30 * time.Minute)
	}
	if r.ended {
		out = out.end("x", "", modelTime)
		out.Version = v
	}
	return out
}

// model explores. The rules are the library's, or broken ones.
type model struct {
	kind       server
	procs      int
	decide     func(*record, view) action
	decideSave func(stored *record, from, pending string) saveAction

	seen   map[mState]struct{}
	todo   []mState
	sends  int
	broken []string // what was violated
}

func newModel(kind server, procs int) *model {
	return &model{kind: kind, procs: procs, decide: decide, decideSave: decideSave}
}

func (x *model) violated(what string, m mState) {
	x.broken = append(x.broken, fmt.Sprintf("%s: %+v", what, m))
}

func (x *model) visit(m mState) {
	if m.killed {
		x.violated("a replay ended the session", m)
	}
	if m.store.ver != 0 && !m.store.ended && !m.dead && m.store.age > 1 {
		x.violated("the store holds neither the current token nor its direct parent", m)
	}
	m = m.canon()
	if _, found := x.seen[m]; !found {
		x.seen[m] = struct{}{}
		x.todo = append(x.todo, m)
	}
}

// fault visits m if another fault may happen.
func (x *model) fault(m mState) {
	if m.faults == 0 {
		return
	}
	if m.faults > 0 {
		m.faults--
	}
	x.visit(m)
}

func (x *model) run(m mState) {
	x.seen = map[mState]struct{}{}
	for x.visit(m); len(x.todo) > 0 && len(x.broken) == 0; {
		m, x.todo = x.todo[len(x.todo)-1], x.todo[:len(x.todo)-1]
		x.outside(m)
		for i := range x.procs {
			x.step(m, i)
		}
	}
}

// outside is what people and the server do on their own.
func (x *model) outside(m mState) {
	if m.lock == nobody && m.signIns > 0 {
		n := m
		n.signIns--
		n.dead = false
		for i := range n.procs {
			if n.procs[i].pending.ver != 0 {
				n.procs[i].pending.age = foreig
			}
		}
		n.store = mRecord{ver: n.fresh()}
		x.visit(n)
	}
	if m.lock == nobody && m.forgets > 0 {
		n := m
		n.forgets--
		n.store = mRecord{}
		x.visit(n)
	}
	if m.ends > 0 && !m.dead {
		n := m
		n.ends--
		n.dead = true
		x.visit(n)
	}
}

// step is everything that process i can do next, and everything that can
// happen to it.
func (x *model) step(m mState, i int) {
	p := m.procs[i]
	crashed := m
	crashed.procs[i] = mProc{}
	if m.lock == int8(i) {
		crashed.lock = nobody
	}
	if p != (mProc{}) {
		x.fault(crashed)
	}
	switch {
	case p.pc == 1:
		x.sending(m, i, crashed)
	case p.pc == 2:
		x.answered(m, i, crashed)
	case p.pending.ver != 0:
		if m.lock == nobody {
			x.flushPending(m, i)
		}
	default:
		for _, usable := range []bool{true, false} {
			for _, refused := range []bool{true, false} {
				x.need(m, i, usable, refused)
			}
		}
	}
}

// need is a process that needs a token: without the lock, then with it.
func (x *model) need(m mState, i int, usable, refused bool) {
	p := m.procs[i]
	v := view{kind: kindSession, issuer: "i", clientID: "c", now: modelTime}
	if p.held != 0 {
		v.held = strconv.Itoa(int(p.held))
		if refused {
			v.rejected = "a" + v.held
		}
	} else if refused {
		return
	}
	r := m.store.real(usable)
	switch x.decide(r, v) {
	case actAdopt: // with the lock or without: the same, as nothing is written
		n := m
		n.procs[i].held = m.store.ver
		x.visit(n)
	case actSend:
		if r == nil || r.Ended != nil || m.store.age == foreig {
			x.violated("a token is sent that is ended or of another sign-in", m)
			return
		}
		if m.lock != nobody {
			return
		}
		n := m
		n.lock = int8(i)
		n.procs[i].pc, n.procs[i].refused = 1, refused
		x.visit(n)
	}
}

func (x *model) sending(m mState, i int, crashed mState) {
	x.sends++
	unlocked := m
	unlocked.lock, unlocked.procs[i].pc, unlocked.procs[i].refused = nobody, 0, false
	x.fault(unlocked) // lost on the way there

	after, refused := m.rotate(x.kind)
	lost := after
	lost.lock, lost.procs[i] = nobody, unlocked.procs[i]
	x.fault(lost) // lost on the way back
	crashed = after
	crashed.lock, crashed.procs[i] = nobody, mProc{}
	x.fault(crashed)

	a, te := response{access: "a", refresh: "new", life: time.Hour}, (*TokenError)(nil)
	if refused {
		a, te = response{}, &TokenError{outcome: dead, Code: "x"}
	}
	stored := m.store.real(false)
	next := successor(stored, view{now: modelTime}, a, te, modelTime)
	if next == nil || next.Version == stored.Version || refused != (next.RefreshToken == "") || !refused != (next.RefreshToken == "new") {
		x.violated("an answer is not kept as it came", m)
	}
	after.procs[i].pc = 2
	after.procs[i].next = mRecord{ver: after.fresh(), ended: refused}
	if refused {
		after.procs[i].next.age = old
	}
	x.visit(after)
}

func (x *model) answered(m mState, i int, crashed mState) {
	p := m.procs[i]
	saved := m
	saved.lock, saved.store = nobody, p.next
	saved.procs[i] = mProc{held: p.next.ver}
	x.visit(saved)

	pending := m
	pending.lock = nobody
	pending.procs[i] = mProc{held: p.next.ver, pending: p.next, from: m.store.ver}
	x.fault(pending) // the save failed

	pending.store = p.next
	x.fault(pending) // the save failed, it is said; but it did not

	crashed.store = p.next
	x.fault(crashed) // after the commit
}

func (x *model) flushPending(m mState, i int) {
	p := m.procs[i]
	n := m
	n.procs[i] = mProc{held: p.held}
	switch x.decideSave(m.store.real(false), strconv.Itoa(int(p.from)), strconv.Itoa(int(p.pending.ver))) {
	case saveNow:
		n.store = p.pending
		x.visit(n)
		n.procs[i] = p
		x.fault(n) // committed, but said to have failed
		return
	case saveDone, saveMoved:
		x.visit(n)
	}
}

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
