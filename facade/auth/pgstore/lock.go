package pgstore

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/credkit/credkit-go/facade/auth"
)

// tidyWithin bounds the end of a transaction that has nothing to save.
const tidyWithin = 5 * time.Second

var errBusy = errors.New("timed out waiting for a database connection: the server does not respond, or all connections of the pool are in use (is Update called inside a transaction on the same pool?)")

// readCommitted is asked for by name: SKIP LOCKED and the compare-and-swap
// rely on it, and the default of the database may be another.
var readCommitted = &sql.TxOptions{Isolation: sql.LevelReadCommitted}

// lockedRow is the row of a key, locked by an open transaction.
type lockedRow struct {
	store   *Store
	id      []byte
	key     string
	version string
	stored  []byte // the key that the row names
	record  []byte // nil if there is none
	exists  bool   // there is a record, the row is no placeholder

	tx     *sql.Tx
	cancel context.CancelCauseFunc // ends tx
	closed bool
}

// lock locks the row of key, which it creates if need be, and reads it. It
// waits within ctx, and holds no connection between two looks.
func (s *Store) lock(ctx context.Context, key string) (row *lockedRow, err error) {
	wait := newBackoff()
	for {
		again := false
		err := s.retry(ctx, func() (err error) {
			row, again, err = s.tryLock(ctx, key)
			return err
		})
		if err != nil || row != nil {
			return row, err
		}
		if again {
			continue
		}
		if err := wait.next(ctx); err != nil {
			return nil, err
		}
	}
}

// tryLock looks once. No row and no error mean that another process has the
// lock, or, with again, that there was no row and now is one.
func (s *Store) tryLock(ctx context.Context, key string) (row *lockedRow, again bool, err error) {
	select {
	case s.slots <- struct{}{}:
	case <-ctx.Done():
		return nil, false, ctx.Err()
	}
	// The transaction outlives the caller's context, but only once the lock
	// is held and the record is read.
	inner, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	row = &lockedRow{store: s, id: idOf(key), key: key, cancel: cancel}
	leave := context.AfterFunc(ctx, func() { cancel(ctx.Err()) })
	timer := time.AfterFunc(s.set.connect, func() { cancel(errBusy) })

	found, again, err := row.open(inner)
	if !leave() && err == nil {
		err = ctx.Err()
	}
	if !timer.Stop() && (err == nil || errors.Is(context.Cause(inner), errBusy)) {
		err = errBusy
	}
	if err != nil || !found {
		row.close()
		return nil, again && err == nil, err
	}
	return row, false, nil
}

// open locks and reads the row in a new transaction. If the row was not found
// for the lack of one, it makes a placeholder, and is to be called again.
func (r *lockedRow) open(ctx context.Context) (found, again bool, err error) {
	if r.tx, err = r.store.begin(ctx); err != nil {
		return false, false, err
	}
	if err := r.store.checkSchema(ctx, r.tx); err != nil {
		return false, false, err
	}
	if found, err = r.read(ctx); found || err != nil {
		return found, false, err
	}
	again, err = r.place(ctx)
	return false, again, err
}

// begin opens a transaction with its timeouts set.
func (s *Store) begin(ctx context.Context) (*sql.Tx, error) {
	tx, err := s.db.BeginTx(ctx, readCommitted)
	if err != nil {
		return nil, err
	}
	hold := fmt.Sprint(s.set.hold.Milliseconds()) // a bare number means milliseconds
	if _, err := tx.ExecContext(ctx, s.queries.hold, hold); err != nil {
		_ = tx.Rollback()
		return nil, err
	}
	return tx, nil
}

// read locks and reads the row, unless it is missing or locked.
func (r *lockedRow) read(ctx context.Context) (found bool, err error) {
	var key []byte
	err = r.tx.QueryRowContext(ctx, r.store.queries.lock, r.id).Scan(&key, &r.version, &r.record)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return false, nil
	case err != nil:
		return false, err
	}
	r.exists, r.stored = r.record != nil, key
	return true, nil
}

// place puts a placeholder where there is no row, and reports whether it is
// worth looking again at once. It looks first: an insert would wait for a
// process that is about to delete the row.
func (r *lockedRow) place(ctx context.Context) (again bool, err error) {
	var exists bool
	if err := r.tx.QueryRowContext(ctx, r.store.queries.exists, r.id).Scan(&exists); err != nil || exists {
		return false, err
	}
	if _, err := r.tx.ExecContext(ctx, r.store.queries.insert, r.id, []byte(r.key), rand.Text()); err != nil {
		return false, err
	}
	return true, r.tx.Commit()
}

// keep ends the Update with the row as it was; a placeholder is removed. What
// goes wrong here changes no record, and the lock ends with the connection.
func (r *lockedRow) keep() {
	defer r.close()
	if r.exists {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), tidyWithin)
	defer cancel()
	defer context.AfterFunc(ctx, func() { r.cancel(ctx.Err()) })()
	if _, err := r.tx.ExecContext(ctx, r.store.queries.remove, r.id, r.version); err == nil {
		_ = r.tx.Commit()
	}
}

// close ends the transaction, if it has not ended, and frees its place. It
// may be called again.
func (r *lockedRow) close() {
	if r.closed {
		return
	}
	r.closed = true
	if r.tx != nil {
		timer := time.AfterFunc(tidyWithin, func() { r.cancel(context.DeadlineExceeded) })
		_ = r.tx.Rollback()
		timer.Stop()
	}
	r.cancel(nil)
	<-r.store.slots
}

// checkKey makes sure that the row is the key's: somebody may have copied it.
func checkKey(key string, stored []byte) error {
	if string(stored) != key {
		return fmt.Errorf("its row holds the record of %q: %w", stored, auth.ErrCorruptRecord)
	}
	return nil
}
