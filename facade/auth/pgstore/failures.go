package pgstore

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/credkit/credkit-go/facade/auth"
)

// reconnectFor is how long a lost connection is tried again before anything
// was done: about what a restart of PostgreSQL takes.
const reconnectFor = 5 * time.Second

// stateOf returns the SQLSTATE that PostgreSQL gave, empty if the error is
// not PostgreSQL's. The drivers pgx and lib/pq both have this method.
func stateOf(err error) string {
	var state interface{ SQLState() string }
	if errors.As(err, &state) {
		return state.SQLState()
	}
	return ""
}

// transient reports whether the same statement may succeed on a new
// connection or a little later: the connection was lost or refused, or a lock
// was not to be had.
func transient(err error) bool {
	switch {
	case err == nil, errors.Is(err, auth.ErrConflict), errors.Is(err, auth.ErrCorruptRecord),
		errors.Is(err, ErrNoSchema), errors.Is(err, errBusy):
		return false
	case err.Error() == "sql: database is closed": // package sql has no value for it
		return false
	}
	state := stateOf(err)
	switch state {
	case "": // not PostgreSQL's: the network's or the driver's
		return true
	case "25P03", // idle_in_transaction_session_timeout
		"25P04",          // transaction_timeout
		"40001", "40P01", // serialization failure, deadlock
		"53300",                   // too many connections
		"55P03",                   // lock_timeout
		"57014",                   // statement_timeout
		"57P01", "57P02", "57P03": // shutting down, crashed, starting up
		return true
	}
	return len(state) == 5 && state[:2] == "08" // connection exceptions
}

// constraintError stands for a violated constraint that somebody has put on
// the table. PostgreSQL's own error has the row in its details, tokens and
// all, so it does not get into the chain.
type constraintError struct{ state, text string }

func (e *constraintError) Error() string    { return e.text }
func (e *constraintError) SQLState() string { return e.state }

// explain adds what to do about an error, where that is known.
func (s *Store) explain(err error) error {
	switch state := stateOf(err); state {
	case "23502", "23503", "23505", "23514", "23P01":
		return &constraintError{state, fmt.Sprintf("table %s has a constraint that refuses the record (SQLSTATE %s): remove it", s.set.table, state)}
	case "42P01", "3F000":
		return fmt.Errorf("%w: table %s is not there: call Store.Migrate once, or check WithTable and search_path: %w", ErrNoSchema, s.set.table, err)
	case "42P05", "26000":
		return fmt.Errorf("%w: a pooler such as PgBouncer in transaction mode mixes up prepared statements: "+
			"open the pool with default_query_exec_mode=exec (pgx) or binary_parameters=yes (lib/pq), "+
			"or set max_prepared_statements in PgBouncer 1.21 or newer", err)
	case "42501":
		return fmt.Errorf("%w: grant SELECT, INSERT, UPDATE and DELETE on %s and SELECT on %s_schema to the role of this program", err, s.set.table, s.set.table)
	case "25006":
		return fmt.Errorf("%w: the server is read-only: connect to the primary", err)
	case "53100":
		return fmt.Errorf("%w: free some space on the disk of the database", err)
	}
	return err
}

// retry calls try again after transient errors, for a few seconds, within
// ctx. It is for what has no effect until it succeeds.
func (s *Store) retry(ctx context.Context, try func() error) error {
	wait := newBackoff()
	for start := time.Now(); ; {
		err := try()
		if err == nil {
			return nil
		}
		if ended := ctx.Err(); ended != nil {
			if errors.Is(err, ended) || errors.Is(err, context.Canceled) {
				return ended
			}
			return fmt.Errorf("%w: %w", ended, err)
		}
		if !transient(err) || time.Since(start) > reconnectFor {
			return err
		}
		if ended := wait.next(ctx); ended != nil {
			return fmt.Errorf("%w: %w", ended, err)
		}
	}
}

// backoff is a jittered wait that doubles from 10 to 250 ms.
type backoff struct{ d time.Duration }

func newBackoff() *backoff { return &backoff{10 * time.Millisecond} }

// next waits once, or until ctx ends, whose error then comes back.
func (b *backoff) next(ctx context.Context) error {
	timer := time.NewTimer(b.d/2 + rand.N(b.d/2))
	defer timer.Stop()
	b.d = min(2*b.d, 250*time.Millisecond)
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
