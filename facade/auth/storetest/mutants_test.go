package storetest

import (
	"bytes"
	"context"
	"errors"
	"iter"
	"path"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/credkit/credkit-go/facade/auth"
)

// TestStoreMutants holds broken stores against the suite: each must fail the
// check that is about its flaw. Time is that of a bubble: a hang ends at once,
// and who can get in between does.
func TestStoreMutants(t *testing.T) {
	memory := func() auth.Store { return auth.NewMemoryStore() }
	for _, m := range []struct {
		flaw  string
		check string
		open  func() (a, b auth.Store)
	}{
		{"no lock", "updates of one key exclude each other", func() (a, b auth.Store) {
			return same(&naive{lock: noLock})
		}},
		{"a lock for each process alone", "updates of one key exclude each other", func() (a, b auth.Store) {
			s := &naive{lock: noLock}
			locked := func(lock func(context.Context, string) (func(), error)) auth.Store {
				return &mutant{Store: s, update: func(ctx context.Context, key string, f updateFunc) error {
					unlock, err := lock(ctx, key)
					if err != nil {
						return err
					}
					defer unlock()
					return s.Update(ctx, key, f)
				}}
			}
			return locked(oneLock(false)), locked(oneLock(false))
		}},
		{"the record is read before the lock", "a record deleted under contention is gone for the next", func() (a, b auth.Store) {
			s := memory()
			return same(&mutant{Store: s, update: func(ctx context.Context, key string, f updateFunc) error {
				current, err := s.Load(ctx, key)
				if err != nil {
					return err
				}
				return s.Update(ctx, key, func(ctx context.Context, _ []byte) ([]byte, error) {
					time.Sleep(time.Millisecond)
					return f(ctx, current)
				})
			}})
		}},
		{"one lock for all keys", "keys are independent", func() (a, b auth.Store) {
			return same(&naive{lock: oneLock(false)})
		}},
		{"a wait that minds no context", "a waiter gives up with its context", func() (a, b auth.Store) {
			return same(&naive{lock: oneLock(true)})
		}},
		{"a context that has ended is not looked at", "an ended context calls no f", func() (a, b auth.Store) {
			s := memory()
			return same(&mutant{Store: s, update: func(ctx context.Context, key string, f updateFunc) error {
				return s.Update(context.WithoutCancel(ctx), key, f)
			}})
		}},
		{"the end of a context becomes another error", "an ended context calls no f", func() (a, b auth.Store) {
			s := memory()
			return same(&mutant{Store: s, update: func(ctx context.Context, key string, f updateFunc) error {
				if ctx.Err() != nil {
					return errors.New("gave up")
				}
				return s.Update(ctx, key, f)
			}})
		}},
		{"f gets the caller's context", "f's context outlives the caller's", func() (a, b auth.Store) {
			s := memory()
			return same(&mutant{Store: s, update: func(ctx context.Context, key string, f updateFunc) error {
				return s.Update(ctx, key, func(_ context.Context, current []byte) ([]byte, error) { return f(ctx, current) })
			}})
		}},
		{"f gets a bare context", "f's context outlives the caller's", func() (a, b auth.Store) {
			return same(wrapped(memory(), func(_ context.Context, current []byte, f updateFunc) ([]byte, error) {
				return f(context.Background(), current)
			}))
		}},
		{"the save dies with the caller's context", "the save outlives the caller's context", func() (a, b auth.Store) {
			return same(&naive{lock: oneLock(false), afterF: context.Context.Err})
		}},
		{"the lock dies with the caller's context", "the lock outlives the caller's context", func() (a, b auth.Store) {
			lock := oneLock(false)
			return same(&naive{lock: func(ctx context.Context, key string) (func(), error) {
				unlock, err := lock(ctx, key)
				if err != nil {
					return nil, err
				}
				unlock = sync.OnceFunc(unlock)
				context.AfterFunc(ctx, unlock)
				return unlock, nil
			}})
		}},
		{"an error of f is hidden", "an error of f keeps the record and comes back", func() (a, b auth.Store) {
			s := memory()
			return same(&mutant{Store: s, update: func(ctx context.Context, key string, f updateFunc) error {
				if err := s.Update(ctx, key, f); err != nil {
					return errors.New(err.Error())
				}
				return nil
			}})
		}},
		{"a record beside an error is saved", "an error of f keeps the record and comes back", func() (a, b auth.Store) {
			s := memory()
			return same(&mutant{Store: s, update: func(ctx context.Context, key string, f updateFunc) (err error) {
				return errors.Join(s.Update(ctx, key, func(ctx context.Context, current []byte) (next []byte, _ error) {
					next, err = f(ctx, current)
					return next, nil
				}), err)
			}})
		}},
		{"nil deletes", "nil keeps the record", func() (a, b auth.Store) {
			return same(wrapped(memory(), func(ctx context.Context, current []byte, f updateFunc) ([]byte, error) {
				next, err := f(ctx, current)
				if next == nil {
					next = []byte{}
				}
				return next, err
			}))
		}},
		{"an empty slice keeps", "an empty slice deletes the record", func() (a, b auth.Store) {
			return same(wrapped(memory(), func(ctx context.Context, current []byte, f updateFunc) ([]byte, error) {
				next, err := f(ctx, current)
				if len(next) == 0 {
					next = nil
				}
				return next, err
			}))
		}},
		{"no record is an empty one", "a key without a record has none", func() (a, b auth.Store) {
			return same(wrapped(memory(), func(ctx context.Context, current []byte, f updateFunc) ([]byte, error) {
				return f(ctx, append([]byte{}, current...))
			}))
		}},
		{"f is called again", "f is called once", func() (a, b auth.Store) {
			return same(wrapped(memory(), func(ctx context.Context, current []byte, f updateFunc) ([]byte, error) {
				_, _ = f(ctx, bytes.Clone(current))
				return f(ctx, current)
			}))
		}},
		{"the other process has a cache", "what f returns is stored", func() (a, b auth.Store) {
			s := memory()
			cache := make(map[string][]byte)
			return s, &mutant{Store: s, load: func(ctx context.Context, key string) ([]byte, error) {
				if cache[key] == nil {
					cache[key], _ = s.Load(ctx, key)
				}
				return cache[key], nil
			}}
		}},
		{"the empty key is taken", "an empty key is an error", func() (a, b auth.Store) {
			return same(renamed(memory(), func(key string) string { return "k" + key }))
		}},
		{"keys are paths", "any other key is taken", func() (a, b auth.Store) {
			return same(renamed(memory(), path.Clean))
		}},
		{"keys have no case", "any other key is taken", func() (a, b auth.Store) {
			return same(renamed(memory(), strings.ToLower))
		}},
		{"keys are cut at 255 bytes", "any other key is taken", func() (a, b auth.Store) {
			return same(renamed(memory(), func(key string) string { return key[:min(len(key), 255)] }))
		}},
		{"keys are made valid text", "any other key is taken", func() (a, b auth.Store) {
			return same(renamed(memory(), func(key string) string { return strings.ToValidUTF8(key, "?") }))
		}},
		{"records end at a zero byte", "records are opaque", func() (a, b auth.Store) {
			return same(rewritten(memory(), func(b []byte) []byte { before, _, _ := bytes.Cut(b, []byte{0}); return before }))
		}},
		{"records are trimmed", "records are opaque", func() (a, b auth.Store) {
			return same(rewritten(memory(), bytes.TrimSpace))
		}},
		{"records are cut at 64 KiB", "records are opaque", func() (a, b auth.Store) {
			return same(rewritten(memory(), func(b []byte) []byte { return b[:min(len(b), 64<<10)] }))
		}},
		{"slices are shared", "slices are not shared", func() (a, b auth.Store) {
			return same(&naive{lock: oneLock(false)})
		}},
		{"a panic of f leaves the lock held", "a panic of f releases the lock", func() (a, b auth.Store) {
			return same(&naive{lock: oneLock(false), undeferred: true})
		}},
		{"a Goexit of f leaves the lock held", "a Goexit of f releases the lock", func() (a, b auth.Store) {
			return same(&naive{lock: oneLock(false), undeferred: true})
		}},
		{"a panic of f is swallowed", "a panic of f releases the lock", func() (a, b auth.Store) {
			s := memory()
			return same(&mutant{Store: s, update: func(ctx context.Context, key string, f updateFunc) error {
				defer func() { _ = recover() }()
				return s.Update(ctx, key, f)
			}})
		}},
		{"Load waits for the lock", "Load waits for no Update", func() (a, b auth.Store) {
			s := memory()
			return same(&mutant{Store: s, load: func(ctx context.Context, key string) (record []byte, err error) {
				err = s.Update(ctx, key, func(_ context.Context, current []byte) ([]byte, error) {
					record = current
					return nil, nil
				})
				return record, err
			}})
		}},
		{"records are written in two steps", "Load sees whole records", func() (a, b auth.Store) {
			s := memory()
			return same(&mutant{Store: s, update: func(ctx context.Context, key string, f updateFunc) error {
				var next []byte
				err := s.Update(ctx, key, func(ctx context.Context, current []byte) (half []byte, err error) {
					next, err = f(ctx, current)
					return next[:(len(next)+1)/2], err
				})
				if err != nil {
					return err
				}
				time.Sleep(time.Millisecond)
				return put(ctx, s, key, string(next))
			}})
		}},
		{"Keys gives a key twice", "Keys gives each key once", func() (a, b auth.Store) {
			s := memory()
			return same(&mutant{Store: s, keys: func(ctx context.Context) iter.Seq2[string, error] {
				return func(yield func(string, error) bool) {
					for key, err := range s.Keys(ctx) {
						if !yield(key, err) || !yield(key, err) {
							return
						}
					}
				}
			}})
		}},
		{"Keys gives every key it has ever locked", "Keys gives each key once", func() (a, b auth.Store) {
			s, seen := memory(), memory()
			return same(&mutant{
				Store: s,
				update: func(ctx context.Context, key string, f updateFunc) error {
					return errors.Join(put(ctx, seen, key, "seen"), s.Update(ctx, key, f))
				},
				keys: seen.Keys,
			})
		}},
		{"Keys can be walked once", "Keys can be left early", func() (a, b auth.Store) {
			s := memory()
			walked := false
			return same(&mutant{Store: s, keys: func(ctx context.Context) iter.Seq2[string, error] {
				if walked {
					return func(yield func(string, error) bool) { yield("", errors.New("walked already")) }
				}
				walked = true
				return s.Keys(ctx)
			}})
		}},
		{"Keys holds a lock while it yields", "Keys allows updates on the way", func() (a, b auth.Store) {
			s, lock := memory(), oneLock(false)
			return same(&mutant{
				Store: s,
				update: func(ctx context.Context, key string, f updateFunc) error {
					unlock, err := lock(ctx, key)
					if err != nil {
						return err
					}
					defer unlock()
					return s.Update(ctx, key, f)
				},
				keys: func(ctx context.Context) iter.Seq2[string, error] {
					return func(yield func(string, error) bool) {
						unlock, err := lock(ctx, "")
						if err != nil {
							yield("", err)
							return
						}
						defer unlock()
						for key, err := range s.Keys(ctx) {
							if !yield(key, err) {
								return
							}
						}
					}
				},
			})
		}},
		{"Keys goes on after the loop has ended", "Keys can be left early", func() (a, b auth.Store) {
			s := memory()
			return same(&mutant{Store: s, keys: func(ctx context.Context) iter.Seq2[string, error] {
				return func(yield func(string, error) bool) {
					for key, err := range s.Keys(ctx) {
						yield(key, err)
					}
				}
			}})
		}},
		{"Records misses a record", "Records agrees with Keys and Load", func() (a, b auth.Store) {
			return same(walked{auth.NewMemoryStore(), func(number int, r auth.Record, yield func(auth.Record, error) bool) bool {
				return number == 3 || yield(r, nil)
			}})
		}},
		{"Records gives a record twice", "Records agrees with Keys and Load", func() (a, b auth.Store) {
			return same(walked{auth.NewMemoryStore(), func(number int, r auth.Record, yield func(auth.Record, error) bool) bool {
				return yield(auth.Record{Key: r.Key, Data: bytes.Clone(r.Data)}, nil) && (number != 3 || yield(r, nil))
			}})
		}},
		{"Records gives old records", "Records agrees with Keys and Load", func() (a, b auth.Store) {
			cache := map[string][]byte{}
			return same(walked{auth.NewMemoryStore(), func(_ int, r auth.Record, yield func(auth.Record, error) bool) bool {
				if cache[r.Key] == nil {
					cache[r.Key] = bytes.Clone(r.Data)
				}
				return yield(auth.Record{Key: r.Key, Data: bytes.Clone(cache[r.Key])}, nil)
			}})
		}},
		{"Records gives a record under another key", "Records agrees with Keys and Load", func() (a, b auth.Store) {
			var before string
			return same(walked{auth.NewMemoryStore(), func(number int, r auth.Record, yield func(auth.Record, error) bool) bool {
				r.Key, before = before, r.Key
				return number == 1 || yield(r, nil)
			}})
		}},
		{"Records gives deleted records", "Records agrees with Keys and Load", func() (a, b auth.Store) {
			return same(walked{auth.NewMemoryStore(), func(number int, r auth.Record, yield func(auth.Record, error) bool) bool {
				return (number != 1 || yield(auth.Record{Key: "deleted"}, nil)) && yield(r, nil)
			}})
		}},
		{"Records goes on after the loop has ended", "Records can be left early", func() (a, b auth.Store) {
			return same(walked{auth.NewMemoryStore(), func(_ int, r auth.Record, yield func(auth.Record, error) bool) bool {
				yield(r, nil)
				return true
			}})
		}},
		{"Records ends at the end of its context without an error", "Records can be left early", func() (a, b auth.Store) {
			return same(ended{auth.NewMemoryStore()})
		}},
	} {
		t.Run(m.flaw, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				for _, c := range checks() {
					if c.name != m.check {
						continue
					}
					a, b := m.open()
					err := c.within(t.Context(), time.Minute, a, b)
					if err == nil {
						t.Errorf("a store with this flaw passes %q", c.name)
					}
					t.Log(err)
					return
				}
				t.Errorf("there is no check %q", m.check)
			})
		})
	}
}
