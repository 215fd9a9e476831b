package pgstore

import "time"

// WithConnectTimeout shortens the wait for a connection.
func WithConnectTimeout(d time.Duration) Option {
	return func(s *settings) error {
		s.connect = d
		return nil
	}
}

// DefaultRefreshes is the default of WithMaxRefreshes for a size of the pool.
var DefaultRefreshes = defaultRefreshes
