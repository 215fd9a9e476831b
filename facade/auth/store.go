package auth

import (
	"context"
	"iter"
)

// Store keeps one opaque record a key, durably, for any number of processes.
// Its contract is tested by package storetest, which any store can run.
type Store interface {
	// Load returns the record of key, or nil if there is none. It takes no
	// lock.
	Load(ctx context.Context, key string) ([]byte, error)

	// Update locks key against every other process, calls f once with the
	// current record (nil if there is none), and durably commits what f
	// returns: nil keeps the record, an empty non-nil slice deletes it. An
	// error of f keeps the record and comes back as it is (errors.Is).
	//
	// ctx bounds locking and reading alone: if it ends before the lock is
	// held, its error comes back and f is not called. The context that f gets
	// carries ctx's values but not its end; it ends only when the store knows
	// that the lock is lost. What f has returned is saved on a time budget of
	// the store's own.
	Update(ctx context.Context, key string, f func(ctx context.Context, current []byte) ([]byte, error)) error

	// Keys walks the keys of all records, in no promised order. An error is
	// yielded with an empty key and ends the walk.
	Keys(ctx context.Context) iter.Seq2[string, error]
}
