package roster

import (
	"cmp"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/credkit/credkit-go/facade"
)

// ChangeKind is what has happened to a worker's certification of one type.
type ChangeKind string

// The kinds, in the order in which changes are listed. There is at most one
// change of a worker and a type.
const (
	// ChangeLapsed: it has ended.
	ChangeLapsed ChangeKind = "lapsed"
	// ChangeDue: its end has come within a window, or a narrower one.
	ChangeDue ChangeKind = "due"
	// ChangeGone: it is not in the worker's list any more, or the worker is not
	// in the store.
	ChangeGone ChangeKind = "gone"
	// ChangeNew: there was none of the type.
	ChangeNew ChangeKind = "new"
	// ChangeRenewed: it ends later than the one before, or not at all.
	ChangeRenewed ChangeKind = "renewed"
)

var changeOrder = []ChangeKind{ChangeLapsed, ChangeDue, ChangeGone, ChangeNew, ChangeRenewed}

// Change is what has happened to a worker's certification of one type since a
// [Snapshot].
type Change struct {
	Kind ChangeKind `json:"change"`
	// Key, Name and Email are the worker's; empty if the worker is not in the
	// store any more, since a snapshot has no names.
	Key   string `json:"key"`
	Name  string `json:"name"`
	Email string `json:"email"`
	// Type and Title are of the certification type; empty if nobody holds it
	// or must hold it any more.
	Type  string `json:"type"`
	Title string `json:"title"`
	// State, ExpiresOn and Window are of the certification as it is now: see
	// [Cell]. State is empty for one that is gone.
	State     State       `json:"state,omitempty"`
	ExpiresOn facade.Date `json:"expires_on"`
	Window    int         `json:"window,omitempty"`
	// Was is when the one before ended; the zero Date is no end, or none.
	Was facade.Date `json:"was"`
}

// Snapshot is what is remembered of a roster until the next one: which
// certifications there were and when they end, under hashes that are keyed by
// a random salt. Its JSON has no names. Whoever has the file and guesses a key
// can find out whether it is in it, so it is still data about people.
type Snapshot struct {
	About  string      `json:"about"`
	Format int         `json:"format"`
	Day    facade.Date `json:"day"`
	Salt   string      `json:"salt"`
	// Workers has the certifications' ends by worker and by type.
	Workers map[string]map[string]facade.Date `json:"workers"`
}

const (
	snapshotAbout = "credkit roster, the state between two runs: days on which certifications end, by hashes of workers and types. " +
		"It has no names and is still data about people: keep it private."
	snapshotFormat = 1
)

// ReadSnapshot reads a snapshot as it is marshalled. The error is about a
// file that is none, or that a newer version has written.
func ReadSnapshot(from io.Reader) (*Snapshot, error) {
	var s Snapshot
	if err := json.NewDecoder(from).Decode(&s); err != nil {
		return nil, fmt.Errorf("not a state file of a roster: %w", err)
	}
	switch {
	case s.Format > snapshotFormat:
		return nil, fmt.Errorf("the state file has the format %d: it was written by a newer version", s.Format)
	case s.Format != snapshotFormat || s.Salt == "" || s.Day.IsZero():
		return nil, errors.New("not a state file of a roster: its format, salt or day is missing")
	}
	return &s, nil
}

// hash names a worker or a type in a snapshot.
func (s *Snapshot) hash(kind, name string) string {
	h := hmac.New(sha256.New, []byte(s.Salt))
	_, _ = io.WriteString(h, kind+"\x00"+name) // never fails
	return hex.EncodeToString(h.Sum(nil)[:12])
}

// Changes returns what has changed since a snapshot, and the next snapshot.
// Without one, nil, nothing has changed. The windows at the time of the snapshot are
// those of the policy today. Of a worker who could not be read, what was not
// read is kept as it was; so is everybody who was not seen of an incomplete
// range.
func (m *Matrix) Changes(before *Snapshot) ([]Change, *Snapshot) {
	after := &Snapshot{About: snapshotAbout, Format: snapshotFormat, Day: m.Day, Workers: map[string]map[string]facade.Date{}}
	first := before == nil
	if first {
		after.Salt = rand.Text()
		before = after
	} else {
		after.Salt = before.Salt
	}
	types := map[string]Type{} // by hash
	hashes := make(map[string]string, len(m.Types))
	for _, t := range m.Types {
		h := after.hash("type", t.Slug)
		types[h], hashes[t.Slug] = t, h
	}
	var changes []Change
	for _, r := range m.Rows {
		if r.Key == "" {
			continue
		}
		worker := after.hash("worker", r.Key)
		was, now := before.Workers[worker], map[string]facade.Date{}
		after.Workers[worker] = now
		for _, c := range r.Cells {
			if !c.Held() {
				continue
			}
			h := hashes[c.Type]
			now[h] = c.ExpiresOn
			end, had := was[h]
			if kind := m.kindOf(c, had, end, before.Day); kind != "" {
				changes = append(changes, Change{Kind: kind, Key: r.Key, Name: r.Name, Email: r.Email, Type: c.Type, Title: c.Title,
					State: c.State, ExpiresOn: c.ExpiresOn, Window: c.Window, Was: end})
			}
		}
		for h, end := range was {
			if _, there := now[h]; there {
				continue
			}
			if r.Problem != "" {
				now[h] = end
				continue
			}
			t := types[h]
			changes = append(changes, Change{Kind: ChangeGone, Key: r.Key, Name: r.Name, Email: r.Email, Type: t.Slug, Title: t.Title, Was: end})
		}
	}
	if first {
		return nil, after
	}
	for worker, was := range before.Workers {
		if _, there := after.Workers[worker]; there {
			continue
		}
		if m.Incomplete != "" {
			after.Workers[worker] = maps.Clone(was)
			continue
		}
		for h, end := range was {
			changes = append(changes, Change{Kind: ChangeGone, Type: types[h].Slug, Title: types[h].Title, Was: end})
		}
	}
	slices.SortFunc(changes, func(a, b Change) int {
		return cmp.Or(cmp.Compare(slices.Index(changeOrder, a.Kind), slices.Index(changeOrder, b.Kind)),
			a.ExpiresOn.Compare(b.ExpiresOn), strings.Compare(a.Name, b.Name), strings.Compare(a.Key, b.Key),
			strings.Compare(a.Type, b.Type), a.Was.Compare(b.Was))
	})
	return changes, after
}

// kindOf says what has happened to a certification that is held now; was is
// the end of the one before, on the day then, if there was one.
func (m *Matrix) kindOf(c Cell, had bool, was, then facade.Date) ChangeKind {
	width := func(window int) int {
		if window == 0 {
			return mostDays + 1
		}
		return window
	}
	before := m.policy.window(then, was, c.limit)
	now := m.policy.window(m.Day, c.ExpiresOn, c.limit)
	lapsed := func(day, end facade.Date) bool { return !end.IsZero() && day.After(end) }
	switch {
	case !had:
		return ChangeNew
	case !was.IsZero() && (c.ExpiresOn.IsZero() || c.ExpiresOn.After(was)):
		return ChangeRenewed
	case lapsed(m.Day, c.ExpiresOn):
		if !lapsed(then, was) {
			return ChangeLapsed
		}
	case width(now) < width(before):
		return ChangeDue
	}
	return ""
}
