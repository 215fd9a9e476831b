package pgstore

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/credkit/credkit-go/facade/auth"
)

const (
	defaultTable = "credkit_sessions"
	defaultHold  = 2 * time.Minute
	defaultSave  = 10 * time.Second

	// connectWithin bounds the wait for a connection and a response, whatever
	// the caller's context allows: an Update inside a transaction on the same
	// pool may be waiting for itself.
	connectWithin = 30 * time.Second
)

// settings are what options set.
type settings struct {
	table     string
	refreshes int
	hold      time.Duration
	save      time.Duration
	connect   time.Duration
}

// Option changes a setting of [New]. Nil changes nothing.
type Option func(*settings) error

// WithTable sets the name of the table, with or without a schema before it:
// "credkit_sessions" (the default), "tokens.sessions". Each part is letters,
// digits and underscores, with no digit in front and at most 50 bytes long,
// and is taken as it is written, in its case. A second table beside it, with
// "_schema" behind its name, has the version of the schema.
func WithTable(name string) Option {
	return func(s *settings) error {
		if parts := strings.Split(name, "."); len(parts) > 2 || !allNames(parts) {
			return fmt.Errorf("table name %.100q: want name or schema.name, of letters, digits and underscores, at most 50 bytes each", name)
		}
		s.table = name
		return nil
	}
}

// identifier is short enough for "_schema" behind it: PostgreSQL cuts names
// at 63 bytes.
var identifier = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,49}$`)

func allNames(parts []string) bool {
	for _, part := range parts {
		if !identifier.MatchString(part) {
			return false
		}
	}
	return true
}

// WithMaxRefreshes sets how many Updates may hold a connection of the pool at
// once, at least one. The default is half of the pool as it is set when New
// is called, four at most and one at least.
func WithMaxRefreshes(n int) Option {
	return func(s *settings) error {
		if n < 1 {
			return fmt.Errorf("max refreshes %d: want at least 1", n)
		}
		s.refreshes = n
		return nil
	}
}

// defaultRefreshes is for a pool of the given size; 0 means no limit.
func defaultRefreshes(pool int) int {
	if pool == 0 {
		return 4
	}
	return max(1, min(4, pool/2))
}

// The default leaves a token request its time: this does not compile otherwise.
const _ = uint64(defaultHold - auth.TokenTimeout)

// WithHoldTimeout sets how long an Update may hold its lock without a word
// before PostgreSQL takes it away (idle_in_transaction_session_timeout), and
// how long a save waits for a lock that another process holds (lock_timeout).
// It has to be above the timeout of the token request that f makes; it is
// what a frozen process costs the others. The default is two minutes.
func WithHoldTimeout(d time.Duration) Option {
	return func(s *settings) error {
		if d < time.Second || d > 24*time.Hour {
			return fmt.Errorf("hold timeout %v: want 1s to 24h", d)
		}
		s.hold = d
		return nil
	}
}

// WithSaveTimeout sets how long an Update tries to save what f has returned,
// on new connections if need be. The caller waits for it, whatever its
// context says. The default is ten seconds.
func WithSaveTimeout(d time.Duration) Option {
	return func(s *settings) error {
		if d <= 0 {
			return errors.New("save timeout: want more than 0")
		}
		s.save = d
		return nil
	}
}
