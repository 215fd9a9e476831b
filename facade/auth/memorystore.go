package auth

import (
	"context"
	"fmt"
	"iter"
	"sync"

	"github.com/credkit/credkit-go/facade/auth/internal/keylock"
)

// MemoryStore is a [Store] that forgets everything when the process ends. It
// is meant for tests, and for sessions that may be lost. The zero MemoryStore
// is empty and ready for use.
type MemoryStore struct {
	locks   keylock.Set
	mu      sync.RWMutex
	records map[string]secret // prints as an address
}

var _ Store = (*MemoryStore)(nil)

// NewMemoryStore returns an empty store.
func NewMemoryStore() *MemoryStore { return new(MemoryStore) }

// Load returns a copy of the record of key, nil if there is none.
func (s *MemoryStore) Load(ctx context.Context, key string) ([]byte, error) {
	if key == "" {
		return nil, errEmptyKey
	}
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("auth: loading %q: %w", key, err)
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.record(key), nil
}

// Update runs f under the lock of key; see [Store]. A save cannot fail.
func (s *MemoryStore) Update(ctx context.Context, key string, f func(ctx context.Context, current []byte) ([]byte, error)) error {
	if key == "" {
		return errEmptyKey
	}
	unlock, err := s.locks.Lock(ctx, key)
	if err != nil {
		return fmt.Errorf("auth: locking %q: %w", key, err)
	}
	defer unlock()
	s.mu.RLock()
	current := s.record(key)
	s.mu.RUnlock()

	next, err := f(context.WithoutCancel(ctx), current)
	if err != nil || next == nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(next) == 0 {
		delete(s.records, key)
		return nil
	}
	if s.records == nil {
		s.records = make(map[string]secret)
	}
	s.records[key] = newSecret(string(next))
	return nil
}

// record returns a copy of the record of key, nil if there is none. s.mu is
// held.
func (s *MemoryStore) record(key string) []byte {
	if r, found := s.records[key]; found {
		return []byte(r.reveal())
	}
	return nil
}

// Keys walks the keys that were there when the walk began.
func (s *MemoryStore) Keys(ctx context.Context) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		s.mu.RLock()
		keys := make([]string, 0, len(s.records))
		for key := range s.records {
			keys = append(keys, key)
		}
		s.mu.RUnlock()
		for _, key := range keys {
			if err := ctx.Err(); err != nil {
				yield("", fmt.Errorf("auth: walking the keys: %w", err))
				return
			}
			if !yield(key, nil) {
				return
			}
		}
	}
}
