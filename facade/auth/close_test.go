package auth

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// keyStore loses the saves of broken keys.
type keyStore struct {
	Store
	mu     sync.Mutex
	broken map[string]bool
}

func (s *keyStore) breaks(key string, broken bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.broken[key] = broken
}

func (s *keyStore) Update(ctx context.Context, key string, f func(context.Context, []byte) ([]byte, error)) error {
	return s.Store.Update(ctx, key, func(ctx context.Context, current []byte) ([]byte, error) {
		next, err := f(ctx, current)
		s.mu.Lock()
		defer s.mu.Unlock()
		if err == nil && next != nil && s.broken[key] {
			err = errDisk
		}
		return next, err
	})
}

// pending signs in under each key and rotates once without saving it.
func (s *keyStore) pending(t *testing.T, server *tokenServer, p *process, keys ...string) {
	t.Helper()
	for _, key := range keys {
		if err := p.SignIn(t.Context(), key, mustGrantOf(t, server.endpoint(), testApp)); err != nil {
			t.Fatal(err)
		}
	}
	time.Sleep(2 * time.Hour)
	for _, key := range keys {
		s.breaks(key, true)
		server.then(says(200, "application/json", fmt.Sprintf(`{"access_token":"access-of-%s","refresh_token":"refresh of %[1]s","expires_in":3600}`, key)))
		src, err := p.Key(key).Source(server.endpoint())
		if err != nil {
			t.Fatal(err)
		}
		mustToken(t, src)
	}
}

// saved reports whether the rotation of pending is in the store.
func (s *keyStore) saved(t *testing.T, key string) bool {
	t.Helper()
	data, err := s.Load(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	r, err := parseRecord(data)
	if err != nil {
		t.Fatal(err)
	}
	return r.RefreshToken == "refresh of "+key
}

func TestCloseSavesTheOthersWhenOneSessionCannotBeSaved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, store := newTokenServer(), &keyStore{Store: NewMemoryStore(), broken: map[string]bool{}}
		p := start(t, s, store)
		keys := []string{"a", "b", "c", "d", "e", "f", "g", "h"}
		store.pending(t, s, p, keys...)
		for _, key := range keys[1:] {
			store.breaks(key, false)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		var se *StoreError
		if err := p.Close(ctx); !errors.As(err, &se) || se.Key != "a" {
			t.Errorf("Close: %v, want the error of the one that cannot be saved", err)
		}
		for _, key := range keys {
			if want := key != "a"; store.saved(t, key) != want {
				t.Errorf("%s saved: %t, want %t", key, !want, want)
			}
		}
	})
}

func TestCloseSavesWhileARequestIsInFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, store := newTokenServer(), &keyStore{Store: NewMemoryStore(), broken: map[string]bool{}}
		p := start(t, s, store)
		store.pending(t, s, p, "a")
		if err := p.SignIn(t.Context(), "k", mustGrantOf(t, s.endpoint(), testApp)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Hour) // longer than the token of k lives
		s.then(hangs)
		go p.src.Token(t.Context()) //nolint:errcheck // its error is not what this is about
		synctest.Wait()
		store.breaks("a", false)
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		if err := p.Close(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Close: %v", err)
		}
		if !store.saved(t, "a") {
			t.Error("a pending record was not saved because of another session's request")
		}
	})
}
