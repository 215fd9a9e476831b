package roster

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/credkit/credkit-go/facade"
)

// An Option changes how [Workers] and [Each] range over the sessions. A wrong
// one makes the range yield nothing but an [ErrIncomplete]; nil changes nothing.
type Option func(*settings) error

type settings struct {
	parallel int
	timeout  time.Duration
	keys     []string // nil: those of the store
	shard    func(key string) bool
	progress func(Progress)
	matches  []facade.Match[facade.Certification]
}

func newSettings(opts []Option) (*settings, error) {
	s := &settings{parallel: 16, timeout: 5 * time.Minute}
	for _, o := range opts {
		if o == nil {
			continue
		}
		if err := o(s); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// WithParallel sets how many workers are read at a time, at least 1; the
// default is 16. Memory grows with it, and the number of connections.
func WithParallel(n int) Option {
	return func(s *settings) error {
		if n < 1 {
			return fmt.Errorf("WithParallel: must be at least 1, got %d", n)
		}
		s.parallel = n
		return nil
	}
}

// WithTimeout bounds the time for one worker, waits for rate limits included;
// the default is five minutes. A worker that takes longer gets a
// [ProblemTimeout], and the others are not held up.
func WithTimeout(d time.Duration) Option {
	return func(s *settings) error {
		if d <= 0 {
			return fmt.Errorf("WithTimeout: must be positive, got %v", d)
		}
		s.timeout = d
		return nil
	}
}

// WithKeys reads the sessions under these keys alone, each once, instead of
// all that are in the store. A key without a session is a worker who needs to
// sign in. No keys read nothing.
func WithKeys(keys ...string) Option {
	return func(s *settings) error {
		if slices.Contains(keys, "") {
			return errors.New("WithKeys: a key is empty")
		}
		seen := make(map[string]bool, len(keys))
		s.keys = make([]string, 0, len(keys))
		for _, key := range keys {
			if !seen[key] {
				s.keys = append(s.keys, key)
			}
			seen[key] = true
		}
		return nil
	}
}

// WithShard reads part i (from 0) of n, so that n machines share the work:
// every key is in exactly one part, the same on every machine and in every
// version of this package. The part of a key is its SHA-256, the first eight
// bytes as a big-endian number, modulo n.
func WithShard(i, n int) Option {
	return func(s *settings) error {
		if n < 1 || i < 0 || i >= n {
			return fmt.Errorf("WithShard: part %d of %d does not exist: parts count from 0", i, n)
		}
		s.shard = func(key string) bool {
			sum := sha256.Sum256([]byte(key))
			return binary.BigEndian.Uint64(sum[:])%uint64(n) == uint64(i) //nolint:gosec // neither is negative
		}
		return nil
	}
}

// WithMatch has [Workers] return only certifications that fit all the
// matches. Do not judge requirements by workers read in this way: what was
// left out looks as if it were never held.
func WithMatch(matches ...facade.Match[facade.Certification]) Option {
	return func(s *settings) error {
		s.matches = append(s.matches, matches...)
		return nil
	}
}

// Progress is how far a range has come.
type Progress struct {
	// Done is the number of workers that were handed out, Failed that of those
	// among them with an error.
	Done, Failed int
	// Total is how many there will be, 0 while that is not known. Sessions
	// that come or go during the range can change it.
	Total int
	// Elapsed is the time since the range began.
	Elapsed time.Duration
}

// Rate is workers per second since the range began.
func (p Progress) Rate() float64 {
	if p.Elapsed <= 0 {
		return 0
	}
	return float64(p.Done) / p.Elapsed.Seconds()
}

// WithProgress calls f before each worker is handed out, in the goroutine
// that ranges, and once before the first. To know the total, the keys of the
// store are listed a second time beside the range.
func WithProgress(f func(Progress)) Option {
	return func(s *settings) error {
		if f == nil {
			return errors.New("WithProgress: the function is nil")
		}
		s.progress = f
		return nil
	}
}

// list ranges over the keys to read: those given or those of the store.
func (s *settings) list(all iter.Seq2[string, error]) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		if s.keys != nil {
			all = func(yield func(string, error) bool) {
				for _, key := range s.keys {
					if !yield(key, nil) {
						return
					}
				}
			}
		}
		for key, err := range all {
			if err == nil && s.shard != nil && !s.shard(key) {
				continue
			}
			if !yield(key, err) || err != nil {
				return
			}
		}
	}
}
