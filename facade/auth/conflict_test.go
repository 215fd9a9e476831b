package auth

import (
	"context"
	"testing"
	"time"
)

// overtakenStore loses the lock of its next Update to another process, which
// has rotated and saved by the time that f returns.
type overtakenStore struct {
	*MemoryStore
	next bool
}

func (s *overtakenStore) Update(ctx context.Context, key string, f func(context.Context, []byte) ([]byte, error)) error {
	if !s.next {
		return s.MemoryStore.Update(ctx, key, f)
	}
	s.next = false
	current, err := s.Load(ctx, key)
	if err != nil {
		return err
	}
	if _, err := f(ctx, current); err != nil {
		return err
	}
	err = s.MemoryStore.Update(ctx, key, func(context.Context, []byte) ([]byte, error) {
		r, err := parseRecord(current)
		if err != nil {
			return nil, err
		}
		return r.rotate(response{access: "the-other-s", refresh: "the-other-s", life: time.Hour}, time.Now(), causeExpiry).encode()
	})
	if err != nil {
		return err
	}
	return ErrConflict
}

// TestADeadTokenOfThePastEndsNoSession: what the server says of a token that
// another process has replaced meanwhile is not about the session.
func TestADeadTokenOfThePastEndsNoSession(t *testing.T) {
	bubble(t, func(t *testing.T, s *tokenServer, _ *faultyStore, _ *process) {
		store := &overtakenStore{MemoryStore: NewMemoryStore()}
		s.signIn(t, store)
		p := start(t, s, store)
		time.Sleep(2 * time.Hour)
		store.next = true
		s.then(says(400, "application/json", `{"error":"invalid_grant"}`))
		if tok := mustToken(t, p.src); tok.Value() != "the-other-s" {
			t.Error("the token is not the other process's")
		}
		if p.kinds() != "adopted" {
			t.Errorf("changes: %s", p.kinds())
		}
		p.stop(t)
	})
}
