package pgstore

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"

	"github.com/credkit/credkit-go/facade/auth"
)

// change is a save that was begun: it keeps its new version over all
// attempts, so that an attempt whose outcome was lost is found to have
// succeeded.
type change struct {
	row  *lockedRow
	next []byte // empty deletes
	new  string
}

// save commits next as the record of the locked row, within the save timeout
// and whatever becomes of ctx: first in the transaction that holds the lock,
// then, if that was lost, in new ones.
func (s *Store) save(ctx context.Context, row *lockedRow, next []byte) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.set.save)
	defer cancel()
	c := change{row: row, next: next, new: rand.Text()}

	err := c.commitLocked(ctx)
	wait := newBackoff()
	for transient(err) {
		if ended := wait.next(ctx); ended != nil {
			return err // the last one says more than the end of the time
		}
		again := c.commitAnew(ctx)
		if ctx.Err() == nil || again == nil {
			err = again
		}
	}
	return err
}

// commitLocked saves in the transaction that holds the lock. A connection
// that hangs gets half of the time.
func (c change) commitLocked(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, c.row.store.set.save/2)
	defer cancel()
	defer context.AfterFunc(ctx, func() { c.row.cancel(ctx.Err()) })()
	if err := c.apply(ctx, c.row.tx); err != nil {
		c.row.rollback()
		return err
	}
	if err := c.row.tx.Commit(); err != nil {
		c.row.rollback()
		return err
	}
	return nil
}

// commitAnew saves in a transaction of its own. It waits for the lock of a
// process that has taken over, to learn what came of it.
func (c change) commitAnew(ctx context.Context) error {
	tx, err := c.row.store.begin(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	if err := c.apply(ctx, tx); err != nil {
		return err
	}
	return tx.Commit()
}

// apply makes the change unless the row has another version by now. An
// earlier attempt that succeeded counts as this one.
func (c change) apply(ctx context.Context, tx *sql.Tx) error {
	q, row := c.row.store.queries, c.row
	var result sql.Result
	var err error
	switch {
	case len(c.next) == 0:
		result, err = tx.ExecContext(ctx, q.remove, row.id, row.version)
	case row.exists:
		result, err = tx.ExecContext(ctx, q.replace, row.id, c.next, c.new, row.version)
	default: // the placeholder may be gone: no record is no record
		result, err = tx.ExecContext(ctx, q.put, row.id, c.next, c.new, row.version, []byte(row.key))
	}
	if err != nil {
		return err
	}
	if changed, err := result.RowsAffected(); err != nil || changed == 1 {
		return err
	}
	var version string
	var exists bool
	err = tx.QueryRowContext(ctx, q.current, row.id).Scan(&version, &exists)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		version, exists = "", false
	case err != nil:
		return err
	}
	if len(c.next) == 0 && !exists || version == c.new {
		return nil
	}
	return auth.ErrConflict
}

// rollback gives the connection up early, so that a pool of one can make a
// new one; the place among the refreshes is kept.
func (r *lockedRow) rollback() {
	r.cancel(context.Canceled)
	_ = r.tx.Rollback()
}
