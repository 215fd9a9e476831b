package pgstore

import (
	"context"
	"time"
)

// WithConnectTimeout shortens the wait for a connection.
func WithConnectTimeout(d time.Duration) Option {
	return func(s *settings) error {
		s.connect = d
		return nil
	}
}

// Settings returns settings of the server in a transaction of the store.
func (s *Store) Settings(ctx context.Context, names ...string) ([]string, error) {
	tx, err := s.begin(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { _ = tx.Rollback() }()
	values := make([]string, len(names))
	for i, name := range names {
		if err := tx.QueryRowContext(ctx, "SELECT current_setting($1)", name).Scan(&values[i]); err != nil {
			return nil, err
		}
	}
	return values, nil
}

// DefaultRefreshes is the default of WithMaxRefreshes for a size of the pool.
var DefaultRefreshes = defaultRefreshes
