package pgstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// ErrNoSchema is in the chain of an error about a table that is missing, or
// of another version than this release needs. The error's text says which.
var ErrNoSchema = errors.New("the database has not the schema that is needed")

// Migrate creates the tables, or brings those of an older release up to date,
// in one transaction. It does nothing if there is nothing to do, and may run
// in several processes at once. The role of db needs the right to create
// tables in the schema, which itself is not created. Tables of a newer release
// are left alone and are an error (ErrNoSchema).
//
// For daily use a role needs SELECT, INSERT, UPDATE and DELETE on the table,
// and SELECT on the one that ends in "_schema".
func (s *Store) Migrate(ctx context.Context) error {
	if err := s.retry(ctx, func() error { return s.migrate(ctx) }); err != nil {
		return fmt.Errorf("pgstore: migrating %s: %w", s.set.table, s.explain(err))
	}
	s.known.Store(true)
	return nil
}

func (s *Store) migrate(ctx context.Context) error {
	tx, err := s.db.BeginTx(ctx, readCommitted)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	// CREATE TABLE IF NOT EXISTS alone fails if two processes do it at once.
	if _, err := tx.ExecContext(ctx, `SELECT pg_advisory_xact_lock(hashtextextended($1, 0))`, "credkit "+s.set.table); err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, s.queries.createSchema); err != nil {
		return err
	}
	var version int
	if err := tx.QueryRowContext(ctx, s.queries.readSchema).Scan(&version); err != nil {
		return err
	}
	if version == s.schemaVersion() {
		return tx.Commit()
	}
	if version > s.schemaVersion() {
		return s.wrongVersion(version)
	}
	for _, step := range s.queries.steps[version:] {
		if _, err := tx.ExecContext(ctx, step); err != nil {
			return err
		}
	}
	if _, err := tx.ExecContext(ctx, s.queries.clear); err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, s.queries.setSchema, s.schemaVersion()); err != nil {
		return err
	}
	return tx.Commit()
}

// schemaVersion is the version that this release needs.
func (s *Store) schemaVersion() int { return len(s.queries.steps) }

// querier is a pool or a transaction of one.
type querier interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// checkSchema asks db for the version of the schema, once.
func (s *Store) checkSchema(ctx context.Context, db querier) error {
	if s.known.Load() {
		return nil
	}
	var version sql.Null[int]
	if err := db.QueryRowContext(ctx, s.queries.version).Scan(&version); err != nil {
		return err
	}
	if version.V != s.schemaVersion() {
		return s.wrongVersion(version.V)
	}
	s.known.Store(true)
	return nil
}

func (s *Store) wrongVersion(version int) error {
	if version > s.schemaVersion() {
		return fmt.Errorf("%w: table %s has version %d, this release of credkit knows up to %d: update credkit",
			ErrNoSchema, s.set.table, version, s.schemaVersion())
	}
	return fmt.Errorf("%w: table %s has version %d, this release of credkit needs %d: call Store.Migrate once",
		ErrNoSchema, s.set.table, version, s.schemaVersion())
}
