// Package pgstore keeps sessions in PostgreSQL (12 or newer), for programs
// that run on several machines. It works over database/sql and imports no
// driver: the caller opens the pool with the driver of its choice.
//
//	db, err := sql.Open("pgx", url)
//	store, err := pgstore.New(db)
//	err = store.Migrate(ctx) // once, by a role that may create tables
//
// # The lock
//
// An Update locks the row of its key in a transaction that stays open while f
// runs. Whoever finds the row locked gives its connection back and looks
// again a little later (FOR UPDATE SKIP LOCKED, 10 to 250 ms, jittered), so
// waiting costs no connection. At most MaxRefreshes transactions are open at
// once in one Store. PostgreSQL itself ends the transaction of a process that
// has died, and of one that has not said a word for the hold timeout.
//
// # The save
//
// Every save is a compare-and-swap on the row's version. If the connection is
// lost while f runs (a restart, a failover, a cut), the save is made on a new
// connection, and goes through unless another process has saved meanwhile;
// then Update returns [auth.ErrConflict]. A session with synchronous_commit
// off is switched on for the save: a rotated token that PostgreSQL forgets in
// a crash is lost for good. A failover to an asynchronous replica can forget
// it all the same.
//
// # Pools
//
// The pool may have a single connection. Then Load, and an Update of another
// key, wait while an Update holds it. An Update inside a transaction on the
// same pool needs a second connection; without one it waits until its context
// ends, for half a minute at most, and says so in its error.
//
// PgBouncer works in session mode and in transaction mode: nothing outlives a
// transaction. In transaction mode the driver must not use named prepared
// statements that PgBouncer does not know of (pgx: default_query_exec_mode=exec,
// or PgBouncer 1.21 with max_prepared_statements), and its own
// idle_transaction_timeout has to be above the hold timeout. Statement mode
// does not work.
package pgstore

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"sync/atomic"

	"github.com/credkit/credkit-go/facade/auth"
	"github.com/credkit/credkit-go/facade/auth/internal/keylock"
)

// Store is an [auth.Store] in one table of a PostgreSQL database.
type Store struct {
	db      *sql.DB
	set     settings
	queries queries
	// keys makes the goroutines of this process queue for a key, so that one
	// of them at most asks the database for its lock.
	keys keylock.Set
	// slots has an element for each transaction that is open.
	slots chan struct{}
	// known is true once the schema was seen to be the right one.
	known atomic.Bool
}

var (
	_ auth.Deleter      = (*Store)(nil)
	_ auth.RecordReader = (*Store)(nil)
)

// New returns a store in the database of db. It makes no request: a missing
// table is reported by the first use, see [Store.Migrate]. The pool stays the
// caller's, to be closed after the last Update has returned.
func New(db *sql.DB, opts ...Option) (*Store, error) {
	if db == nil {
		return nil, errors.New("pgstore: the database is nil")
	}
	set := settings{table: defaultTable, hold: defaultHold, save: defaultSave, connect: connectWithin}
	for _, opt := range opts {
		if opt == nil {
			continue
		}
		if err := opt(&set); err != nil {
			return nil, fmt.Errorf("pgstore: %w", err)
		}
	}
	if set.refreshes == 0 {
		set.refreshes = defaultRefreshes(db.Stats().MaxOpenConnections)
	}
	return &Store{
		db:      db,
		set:     set,
		queries: queriesFor(set.table),
		slots:   make(chan struct{}, set.refreshes),
	}, nil
}

// MaxRefreshes returns how many Updates can run at once, see
// [WithMaxRefreshes].
func (s *Store) MaxRefreshes() int { return s.set.refreshes }

// String names the table. The database's password stays out of it.
func (s *Store) String() string { return fmt.Sprintf("pgstore.Store(%s)", s.set.table) }

// Format writes String for every verb.
func (s *Store) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, s.String()) }

// Update runs f under the row lock of key; see [auth.Store].
func (s *Store) Update(ctx context.Context, key string, f func(ctx context.Context, current []byte) ([]byte, error)) error {
	return s.update(ctx, key, func(ctx context.Context, row *lockedRow) ([]byte, error) {
		if err := checkKey(key, row.stored); err != nil {
			return nil, fmt.Errorf("pgstore: updating %q: %w", key, err)
		}
		return f(ctx, row.record)
	})
}

// Delete deletes the row of key, whether its record can be read or not; see
// [auth.Deleter].
func (s *Store) Delete(ctx context.Context, key string) error {
	return s.update(ctx, key, func(context.Context, *lockedRow) ([]byte, error) { return []byte{}, nil })
}

// update locks the row of key and saves what f makes of it, as Update does.
func (s *Store) update(ctx context.Context, key string, f func(context.Context, *lockedRow) ([]byte, error)) error {
	if key == "" {
		return errEmptyKey
	}
	unlock, err := s.keys.Lock(ctx, key)
	if err != nil {
		return fmt.Errorf("pgstore: locking %q: %w", key, err)
	}
	defer unlock()
	row, err := s.lock(ctx, key)
	if err != nil {
		return fmt.Errorf("pgstore: locking %q: %w", key, s.explain(err))
	}
	defer row.close()

	next, err := f(context.WithoutCancel(ctx), row)
	if err != nil || next == nil || len(next) == 0 && !row.exists {
		row.keep()
		return err
	}
	if err := s.save(ctx, row, next); err != nil {
		return fmt.Errorf("pgstore: saving %q: %w", key, s.explain(err))
	}
	return nil
}

var errEmptyKey = errors.New("pgstore: the store key is empty")

// idOf returns the primary key of key's row. PostgreSQL indexes neither long
// values nor text with zero bytes, and a key may be both.
func idOf(key string) []byte {
	sum := sha256.Sum256([]byte(key))
	return sum[:]
}
