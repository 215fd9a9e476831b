package auth

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// quietStore breaks its contract on demand: Update says nothing of what it has
// not done.
type quietStore struct {
	faultyStore
	idle     bool // Update does not run f
	swallows bool // Update keeps f's error to itself, and f gets a damaged record
}

func (s *quietStore) Update(ctx context.Context, key string, f func(context.Context, []byte) ([]byte, error)) error {
	s.mu.Lock()
	idle, swallows := s.idle, s.swallows
	s.mu.Unlock()
	switch {
	case idle:
		return nil
	case swallows:
		_, _ = f(ctx, []byte("{"))
		return nil
	}
	return s.faultyStore.Update(ctx, key, f)
}

func TestAPendingRecordIsNotTakenAsSavedByAStoreThatDidNothing(t *testing.T) {
	for name, breaks := range map[string]func(*quietStore){
		"f is not run":         func(s *quietStore) { s.idle = true },
		"f's error is dropped": func(s *quietStore) { s.swallows = true },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, store := newTokenServer(), &quietStore{faultyStore: faultyStore{Store: NewMemoryStore(), saveErr: errDisk}}
				s.signIn(t, store)
				p := start(t, s, store)
				time.Sleep(2 * time.Hour)
				store.set(func(f *faultyStore) { f.saveFails = 1 })
				tok := mustToken(t, p.src)
				store.set(func(*faultyStore) { breaks(store) })
				time.Sleep(time.Minute)
				if st, err := p.Status(t.Context(), "k"); err != nil || st.State != StatePending {
					t.Errorf("status: %+v, %v", st, err)
				}
				store.set(func(*faultyStore) { store.idle, store.swallows = false, false })
				p.stop(t)
				if stored(t, store).AccessToken != tok.Value() {
					t.Error("the rotation was lost")
				}
				s.invariant(t, store)
			})
		})
	}
}

func TestASignInIsNotTakenAsSavedByAStoreThatDidNothing(t *testing.T) {
	s := newTokenServer()
	p := start(t, s, &quietStore{faultyStore: faultyStore{Store: NewMemoryStore()}, idle: true})
	defer p.stop(t)
	var se *StoreError
	if err := p.SignIn(t.Context(), "k", mustGrantOf(t, s.endpoint(), testApp)); !errors.As(err, &se) {
		t.Errorf("SignIn: %v", err)
	}
	if err := p.Forget(t.Context(), "k"); !errors.As(err, &se) {
		t.Errorf("Forget: %v", err)
	}
}
