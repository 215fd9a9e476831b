package auth

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"sync"

	"github.com/credkit/credkit-go/facade/auth/internal/keylock"
)

// Store keeps one opaque record a key, durably, for any number of goroutines
// and processes. Its contract is tested by package storetest, which any store
// can run.
//
// A key is any non-empty string, whatever its bytes; a store takes keys of at
// least 1,024 bytes and records of at least 1 MiB. Keys are names and not
// secrets: they appear in errors. Records hold secrets: they never do.
type Store interface {
	// Load returns the record of key, or nil if there is none. It takes no
	// lock and never waits for an Update: until one has committed, Load gives
	// the record before it. The slice belongs to the caller.
	Load(ctx context.Context, key string) ([]byte, error)

	// Update locks key against every other goroutine and process, calls f
	// once with the current record (nil if there is none), and durably
	// commits what f returns: nil keeps the record, an empty non-nil slice
	// deletes it, anything else replaces it. An error of f keeps the record
	// and comes back as it is (errors.Is). If f panics, the record is kept
	// and the lock is released. The slice that f gets belongs to f, the slice
	// that it returns to the store until Update is done.
	//
	// ctx bounds locking and reading alone: if it ends before the lock is
	// held, its error comes back and f is not called. The context that f gets
	// carries ctx's values but not its end; it ends only when the store knows
	// that the lock is lost. What f has returned is saved on a time budget of
	// the store's own.
	//
	// When Update fails after f has returned a record, the store holds the
	// old record or the new one, whole, and which of the two is not known.
	// With [ErrConflict] it holds a later one of another process.
	//
	// f must not call Update: for its own key it would wait for itself, and
	// a store that bounds the number of Updates at once may have no room for
	// another key.
	Update(ctx context.Context, key string, f func(ctx context.Context, current []byte) ([]byte, error)) error

	// Keys walks the keys of all records, each once, in no promised order. A
	// record that comes or goes during the walk may be in it or not. An error
	// is yielded with an empty key and ends the walk. The caller may load and
	// update records on the way.
	Keys(ctx context.Context) iter.Seq2[string, error]
}

// A Deleter is a [Store] that can delete a record which it cannot read:
// damaged, copied from another key, encrypted with a key that is lost. Of a
// store that is no Deleter such a record has to be removed by hand.
type Deleter interface {
	Store

	// Delete locks key as Update does, within ctx, and durably deletes its
	// record, whatever it is. No record is no error.
	Delete(ctx context.Context, key string) error
}

// A RecordReader is a [Store] that can read all of its records faster than by one
// Load for each key.
type RecordReader interface {
	Store

	// Records walks all records as Keys walks their keys. A record whose key is
	// known but which cannot be read comes with its error in Record.Err, and the
	// walk goes on. An error of the walk itself is yielded with the zero Record
	// and ends it.
	Records(ctx context.Context) iter.Seq2[Record, error]
}

// A Record is one record of a [RecordReader]. It prints without its data.
type Record struct {
	// Key is the record's key.
	Key string
	// Data is what Load would have returned. It belongs to the caller.
	Data []byte
	// Err is the error that Load would have returned.
	Err error
}

// String names the record without its data.
func (r Record) String() string { return fmt.Sprintf("auth.Record(%q)", r.Key) }

// Format writes String for every verb.
func (r Record) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, r.String()) }

// MarshalText writes String.
func (r Record) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// LogValue logs the key.
func (r Record) LogValue() slog.Value { return slog.StringValue(r.String()) }

// records walks the records of any store.
func records(ctx context.Context, s Store) iter.Seq2[Record, error] {
	if r, ok := s.(RecordReader); ok {
		return safeWalk(ctx, r.Records)
	}
	return func(yield func(Record, error) bool) {
		for key, err := range safeWalk(ctx, s.Keys) {
			if err != nil {
				yield(Record{}, err)
				return
			}
			data, err := load(ctx, s, key)
			if ended := ctx.Err(); ended != nil {
				yield(Record{}, ended)
				return
			}
			if err == nil && len(data) == 0 {
				continue // deleted since
			}
			if !yield(Record{Key: key, Data: data, Err: err}, nil) {
				return
			}
		}
	}
}

// safeWalk is a walk of a store whose panic is its last error. A panic of the loop
// over it goes on.
func safeWalk[T any](ctx context.Context, walk func(context.Context) iter.Seq2[T, error]) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		outside := false // of the store: in the loop's body, or behind its end
		defer func() {
			if outside {
				return
			}
			if v := recover(); v != nil {
				var none T
				yield(none, newPanicError("the store", v))
			}
		}()
		walk(ctx)(func(t T, err error) bool {
			outside = true
			outside = !yield(t, err)
			return !outside
		})
	}
}

// ErrConflict is in the chain of an Update's error if the store lost its lock
// while f ran or was saved, and another process has changed the record since.
// The stored record is that of the other process, which may or may not have
// seen what f returned; it is the one to go on with.
var ErrConflict = errors.New("the lock was lost and another process has changed the record since")

// ErrCorruptRecord is in the chain of an error about a record that is there but
// cannot be read: damaged, cut short, copied from another key, or of another
// program. No renewal overwrites such a record, and a store may refuse a sign-in
// in its place; [Sessions.Forget] removes it.
var ErrCorruptRecord = errors.New("the stored record cannot be read: forget the session and sign in again")

// errEmptyKey is the error of our stores for an empty key, which is always a
// mistake: a variable that was never set.
var errEmptyKey = errors.New("auth: the store key is empty")

// errContract is the error of a store that breaks its contract.
var errContract = errors.New("it did not run the update exactly once: its implementation breaks the Store contract")

// lockedUpdate is s.Update for a store that may break its contract: f runs once
// at most, and a panic of the store is an error. locked reports whether f has
// run. An error of f comes back as it is; nil means that f has run without one
// and that the store says that it has saved what f returned.
func lockedUpdate(ctx context.Context, s Store, key string, f func(ctx context.Context, current []byte) ([]byte, error)) (locked bool, err error) {
	var failed error // of f: a store may lose it
	err = Safely("the store", func() error {
		return s.Update(ctx, key, func(ctx context.Context, current []byte) (next []byte, err error) {
			if locked { // it must not lead to a second token request
				return nil, errContract
			}
			locked = true
			next, failed = f(ctx, current)
			return next, failed
		})
	})
	switch {
	case failed != nil:
		return true, failed
	case err == nil && !locked:
		return false, errContract
	}
	return locked, err
}

// load is s.Load; a panic is an error.
func load(ctx context.Context, s Store, key string) (record []byte, err error) {
	err = Safely("the store", func() (err error) {
		record, err = s.Load(ctx, key)
		return err
	})
	return record, err
}

// deleteRecord deletes the record of key, also one that cannot be read if the
// store can do that.
func deleteRecord(ctx context.Context, s Store, key string) error {
	if d, ok := s.(Deleter); ok {
		return Safely("the store", func() error { return d.Delete(ctx, key) })
	}
	_, err := lockedUpdate(ctx, s, key, func(context.Context, []byte) ([]byte, error) { return []byte{}, nil })
	return err
}

// MemoryStore is a [Store] that forgets everything when the process ends. It
// is meant for tests, and for sessions that may be lost. The zero MemoryStore
// is empty and ready for use.
type MemoryStore struct {
	locks   keylock.Set
	mu      sync.RWMutex
	records map[string]secret // prints as an address
}

var _ RecordReader = (*MemoryStore)(nil)

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
		return []byte(r.value())
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

// Records walks the records whose keys were there when the walk began; see
// [RecordReader].
func (s *MemoryStore) Records(ctx context.Context) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		for key, err := range s.Keys(ctx) {
			s.mu.RLock()
			data := s.record(key)
			s.mu.RUnlock()
			switch {
			case err != nil:
				yield(Record{}, err)
				return
			case data == nil: // deleted since
			case !yield(Record{Key: key, Data: data}, nil):
				return
			}
		}
	}
}
