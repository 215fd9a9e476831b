package pgstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"iter"
)

// keysPage is how many keys are read at once. Between two pages no connection
// is held.
const keysPage = 500

// Load reads the record of key without locking; see [auth.Store].
func (s *Store) Load(ctx context.Context, key string) ([]byte, error) {
	if key == "" {
		return nil, errEmptyKey
	}
	var stored, record []byte
	err := s.read(ctx, func(ctx context.Context) error {
		err := s.db.QueryRowContext(ctx, s.queries.load, idOf(key)).Scan(&stored, &record)
		if errors.Is(err, sql.ErrNoRows) {
			record = nil
			return nil
		}
		return err
	})
	if err == nil && record != nil {
		err = checkKey(key, stored)
	}
	if err != nil {
		return nil, fmt.Errorf("pgstore: loading %q: %w", key, s.explain(err))
	}
	return record, nil
}

// read calls query with the schema checked, again after transient errors, and
// gives up when no connection is to be had.
func (s *Store) read(ctx context.Context, query func(context.Context) error) error {
	ctx, cancel := context.WithTimeoutCause(ctx, s.set.connect, errBusy)
	defer cancel()
	err := s.retry(ctx, func() error {
		if err := s.checkSchema(ctx, s.db); err != nil {
			return err
		}
		return query(ctx)
	})
	if err != nil && errors.Is(context.Cause(ctx), errBusy) {
		return errBusy
	}
	return err
}

// Keys walks the keys in pages, in the order of their hashes.
func (s *Store) Keys(ctx context.Context) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		after := []byte{}
		for {
			var ids, keys [][]byte
			err := s.read(ctx, func(ctx context.Context) (err error) {
				ids, keys, err = s.page(ctx, after)
				return err
			})
			if err != nil {
				yield("", fmt.Errorf("pgstore: walking the keys: %w", s.explain(err)))
				return
			}
			for _, key := range keys {
				if !yield(string(key), nil) {
					return
				}
			}
			if len(ids) < keysPage {
				return
			}
			after = ids[len(ids)-1]
		}
	}
}

// page reads the ids and keys that follow after.
func (s *Store) page(ctx context.Context, after []byte) (ids, keys [][]byte, err error) {
	rows, err := s.db.QueryContext(ctx, s.queries.keys, after, keysPage)
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var id, key []byte
		if err := rows.Scan(&id, &key); err != nil {
			return nil, nil, err
		}
		ids, keys = append(ids, id), append(keys, key)
	}
	return ids, keys, rows.Err()
}
