package auth

import (
	"context"
	"errors"
	"iter"
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

// ErrConflict is in the chain of an Update's error if the store lost its lock
// while f ran or was saved, and another process has changed the record since.
// The stored record is that of the other process, which may or may not have
// seen what f returned; it is the one to go on with.
var ErrConflict = errors.New("the lock was lost and another process has changed the record since")

// ErrCorruptRecord is in the chain of an error about a record that is there
// but cannot be read: damaged, cut short, or of another program. Such a
// record is never overwritten; [Sessions.Forget] removes it.
var ErrCorruptRecord = errors.New("the stored record cannot be read")

// errEmptyKey is the error of our stores for an empty key, which is always a
// mistake: a variable that was never set.
var errEmptyKey = errors.New("auth: the store key is empty")

// deleteRecord deletes the record of key, also one that cannot be read if the
// store can do that.
func deleteRecord(ctx context.Context, s Store, key string) error {
	if d, ok := s.(Deleter); ok {
		return d.Delete(ctx, key)
	}
	ran := false
	err := s.Update(ctx, key, func(context.Context, []byte) ([]byte, error) {
		ran = true
		return []byte{}, nil
	})
	if err == nil && !ran {
		return errContract
	}
	return err
}
