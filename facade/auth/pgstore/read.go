package pgstore

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"iter"

	"github.com/credkit/credkit-go/facade/auth"
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
		for r, err := range s.pages(ctx, s.queries.keys) {
			if !yield(r.Key, err) {
				return
			}
		}
	}
}

// Records walks the records in pages, in the order of their keys' hashes; see
// [auth.RecordReader].
func (s *Store) Records(ctx context.Context) iter.Seq2[auth.Record, error] {
	return s.pages(ctx, s.queries.records)
}

// pages walks the rows that query reads, page by page: what follows an id.
func (s *Store) pages(ctx context.Context, query string) iter.Seq2[auth.Record, error] {
	return func(yield func(auth.Record, error) bool) {
		after := []byte{}
		for {
			var last []byte
			var page []auth.Record
			err := s.read(ctx, func(ctx context.Context) (err error) {
				last, page, err = s.page(ctx, query, after)
				return err
			})
			if err != nil {
				yield(auth.Record{}, fmt.Errorf("pgstore: walking the keys: %w", s.explain(err)))
				return
			}
			for _, r := range page {
				if !yield(r, nil) {
					return
				}
			}
			if len(page) < keysPage {
				return
			}
			after = last
		}
	}
}

// page reads the rows that follow after, and returns the last one's id.
func (s *Store) page(ctx context.Context, query string, after []byte) (last []byte, page []auth.Record, err error) {
	rows, err := s.db.QueryContext(ctx, query, after, keysPage)
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var id, key, data []byte
		if err := rows.Scan(&id, &key, &data); err != nil {
			return nil, nil, err
		}
		r := auth.Record{Key: string(key), Data: data}
		if !bytes.Equal(id, idOf(r.Key)) {
			r.Data, r.Err = nil, fmt.Errorf("pgstore: loading %q: its row is that of another key: %w", r.Key, auth.ErrCorruptRecord)
		}
		last, page = id, append(page, r)
	}
	return last, page, rows.Err()
}
