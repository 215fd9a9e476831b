package auth

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"testing"
	"testing/synctest"
	"time"
)

// saveRecord puts r under key.
func saveRecord(t *testing.T, store Store, key string, r *record) {
	t.Helper()
	data, err := r.encode()
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Update(t.Context(), key, func(context.Context, []byte) ([]byte, error) { return data, nil }); err != nil {
		t.Fatal(err)
	}
}

func sessionRecord(refresh string) *record {
	return issue(kindSession, "https://api.example.com/auth/v1/oauth/token", testApp.ClientID, causeSignIn, response{access: "a", refresh: refresh, life: time.Hour}, time.Now())
}

// plainStore hides what a store can do besides Store.
type plainStore struct{ Store }

func TestStatusesTellsEverySessionApart(t *testing.T) {
	for _, reads := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			memory := NewMemoryStore()
			var store Store = memory
			if !reads {
				store = plainStore{memory}
			}
			saveRecord(t, store, "good", sessionRecord("r"))
			saveRecord(t, store, "no refresh token", sessionRecord(""))
			saveRecord(t, store, "ended", sessionRecord("r").end("session_expired", ReasonInactivity, time.Now()))
			saveRecord(t, store, "client", issue(kindClient, "i", "c", causeExpiry, response{access: "a", life: time.Hour}, time.Now()))
			if err := store.Update(t.Context(), "damaged", func(context.Context, []byte) ([]byte, error) { return []byte("{"), nil }); err != nil {
				t.Fatal(err)
			}
			p, err := NewSessions(store, testApp)
			if err != nil {
				t.Fatal(err)
			}
			states := func() string {
				got := map[string]string{}
				for st, err := range p.Statuses(t.Context()) {
					if err != nil {
						t.Fatal(err)
					}
					got[st.Key] = fmt.Sprint(st.State, " ", st.EndedReason)
					if one, err := p.Status(t.Context(), st.Key); err == nil && one != st {
						t.Errorf("Status: %+v, Statuses: %+v", one, st)
					}
				}
				return fmt.Sprint(got)
			}
			if got, want := states(), "map[client:not_session  damaged:unreadable  ended:ended inactivity good:good  no refresh token:good ]"; got != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
			time.Sleep(2 * time.Hour)
			if got, want := states(), "map[client:not_session  damaged:unreadable  ended:ended inactivity good:good  no refresh token:ended no_refresh_token]"; got != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
		})
	}
}

func TestPruneDeletesWhatEndedLongAgoAndNothingElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := NewMemoryStore()
		saveRecord(t, store, "long ago", sessionRecord("r").end("x", ReasonUnknown, time.Now()))
		time.Sleep(48 * time.Hour)
		saveRecord(t, store, "just now", sessionRecord("r").end("x", ReasonUnknown, time.Now()))
		saveRecord(t, store, "good", sessionRecord("r"))
		saveRecord(t, store, "client", issue(kindClient, "i", "c", causeExpiry, response{access: "a", life: time.Second}, time.Now().Add(-time.Hour)))
		p, err := NewSessions(store, testApp)
		if err != nil {
			t.Fatal(err)
		}
		n, err := p.Prune(t.Context(), time.Now().Add(-24*time.Hour))
		left := map[string]bool{}
		for key := range store.Keys(t.Context()) {
			left[key] = true
		}
		if err != nil || n != 1 || left["long ago"] || len(left) != 3 {
			t.Errorf("%d deleted, %v, left %v", n, err, left)
		}
	})
}

// signsInStore puts a fresh session under each key before its lock is given to
// anybody else.
type signsInStore struct {
	*MemoryStore
	fresh []byte
}

func (s signsInStore) Update(ctx context.Context, key string, f func(context.Context, []byte) ([]byte, error)) error {
	if err := s.MemoryStore.Update(ctx, key, func(context.Context, []byte) ([]byte, error) { return s.fresh, nil }); err != nil {
		return err
	}
	return s.MemoryStore.Update(ctx, key, f)
}

func TestPruneLeavesASessionThatWasSignedInToMeanwhile(t *testing.T) {
	store := NewMemoryStore()
	saveRecord(t, store, "k", sessionRecord("r").end("x", ReasonUnknown, time.Now().Add(-time.Hour)))
	fresh, err := sessionRecord("new").encode()
	if err != nil {
		t.Fatal(err)
	}
	p, err := NewSessions(signsInStore{store, fresh}, testApp)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := p.Prune(t.Context(), time.Now()); n != 0 || err != nil || stored(t, store).RefreshToken != "new" {
		t.Errorf("%d deleted, %v", n, err)
	}
}

// brokenWalk fails after its first record.
type brokenWalk struct{ *MemoryStore }

func (s brokenWalk) Records(ctx context.Context) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		for r := range s.MemoryStore.Records(ctx) {
			if !yield(r, nil) {
				return
			}
			break
		}
		yield(Record{}, errDisk)
	}
}

func TestAWalkThatBreaksOffIsAStoreError(t *testing.T) {
	store := brokenWalk{NewMemoryStore()}
	saveRecord(t, store, "k", sessionRecord("r"))
	p, err := NewSessions(store, testApp)
	if err != nil {
		t.Fatal(err)
	}
	var last error
	n := 0
	for _, last = range p.Statuses(t.Context()) {
		n++
	}
	var se *StoreError
	if n != 2 || !errors.As(last, &se) || se.Op != "list" || !errors.Is(last, errDisk) {
		t.Errorf("%d, %v", n, last)
	}
}
