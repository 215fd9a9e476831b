package auth

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
)

// lingeringStore holds the return of its first Update, which has committed.
type lingeringStore struct {
	Store
	committed, release chan struct{}
}

func (s *lingeringStore) Update(ctx context.Context, key string, f func(context.Context, []byte) ([]byte, error)) error {
	err := s.Store.Update(ctx, key, f)
	select {
	case <-s.committed:
	default:
		close(s.committed)
		<-s.release
	}
	return err
}

// TestASignOutIsNotUndoneByASignInBeforeIt: the sign-in comes first in the
// store, so it must not be the last word in memory.
func TestASignOutIsNotUndoneByASignInBeforeIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newTokenServer()
		store := &lingeringStore{Store: NewMemoryStore(), committed: make(chan struct{}), release: make(chan struct{})}
		p := start(t, s, store)
		go p.SignIn(t.Context(), "k", mustGrantOf(t, s.endpoint(), testApp)) //nolint:errcheck // what it leaves is looked at
		<-store.committed
		forgotten := make(chan error)
		go func() { forgotten <- p.Forget(t.Context(), "k") }()
		synctest.Wait()
		close(store.release)
		if err := <-forgotten; err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		var re *ReauthError
		if _, err := p.src.Token(t.Context()); !errors.As(err, &re) {
			t.Errorf("after the sign-out: %v, want a *ReauthError", err)
		}
		p.stop(t)
	})
}

func TestAByteOrderMarkCostsNoRotation(t *testing.T) {
	if a := parseResponse([]byte("\ufeff"+`{"access_token":"a=","refresh_token":"r="}`), true); a.refresh != "r=" || a.access != "a=" {
		t.Errorf("access %q, refresh %q", a.access, a.refresh)
	}
}
