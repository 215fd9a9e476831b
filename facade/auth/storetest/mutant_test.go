package storetest

import (
	"context"
	"errors"
	"iter"
	"sync"

	"github.com/credkit/credkit-go/facade/auth"
)

type updateFunc = func(ctx context.Context, current []byte) ([]byte, error)

// mutant is a store that works but for the method that is replaced.
type mutant struct {
	auth.Store
	load   func(ctx context.Context, key string) ([]byte, error)
	update func(ctx context.Context, key string, f updateFunc) error
	keys   func(ctx context.Context) iter.Seq2[string, error]
}

func (m *mutant) Load(ctx context.Context, key string) ([]byte, error) {
	if m.load != nil {
		return m.load(ctx, key)
	}
	return m.Store.Load(ctx, key)
}

func (m *mutant) Update(ctx context.Context, key string, f updateFunc) error {
	if m.update != nil {
		return m.update(ctx, key, f)
	}
	return m.Store.Update(ctx, key, f)
}

func (m *mutant) Keys(ctx context.Context) iter.Seq2[string, error] {
	if m.keys != nil {
		return m.keys(ctx)
	}
	return m.Store.Keys(ctx)
}

// walked is a store in memory whose walk over the records gives them to each.
type walked struct {
	*auth.MemoryStore
	each func(number int, r auth.Record, yield func(auth.Record, error) bool) bool
}

func (w walked) Records(ctx context.Context) iter.Seq2[auth.Record, error] {
	return func(yield func(auth.Record, error) bool) {
		number := 0
		for r, err := range w.MemoryStore.Records(ctx) {
			if err != nil {
				yield(r, err)
				return
			}
			if number++; !w.each(number, r, yield) {
				return
			}
		}
	}
}

// ended is a store in memory whose walk ends early, as if that was all.
type ended struct{ *auth.MemoryStore }

func (e ended) Records(ctx context.Context) iter.Seq2[auth.Record, error] {
	if ctx.Err() != nil {
		return func(func(auth.Record, error) bool) {}
	}
	return e.MemoryStore.Records(ctx)
}

// renamed is a store that mistakes keys for one another.
func renamed(s auth.Store, name func(string) string) *mutant {
	return &mutant{
		Store: s,
		load:  func(ctx context.Context, key string) ([]byte, error) { return s.Load(ctx, name(key)) },
		update: func(ctx context.Context, key string, f updateFunc) error {
			return s.Update(ctx, name(key), f)
		},
	}
}

// rewritten is a store that changes the records on their way in.
func rewritten(s auth.Store, change func([]byte) []byte) *mutant {
	return wrapped(s, func(ctx context.Context, current []byte, f updateFunc) ([]byte, error) {
		next, err := f(ctx, current)
		if err != nil || len(next) == 0 {
			return next, err
		}
		return change(next), nil
	})
}

// wrapped is a store that calls f in a way of its own.
func wrapped(s auth.Store, call func(ctx context.Context, current []byte, f updateFunc) ([]byte, error)) *mutant {
	return &mutant{Store: s, update: func(ctx context.Context, key string, f updateFunc) error {
		return s.Update(ctx, key, func(ctx context.Context, current []byte) ([]byte, error) {
			return call(ctx, current, f)
		})
	}}
}

// naive keeps records in a map without copying and with a lock of any kind.
type naive struct {
	mu      sync.Mutex
	records map[string][]byte
	lock    func(ctx context.Context, key string) (unlock func(), err error)
	// undeferred leaves the lock held when f does not return.
	undeferred bool
	// afterF runs between f and the save.
	afterF func(ctx context.Context) error
}

func (n *naive) Load(_ context.Context, key string) ([]byte, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if key == "" {
		return nil, errors.New("empty key")
	}
	return n.records[key], nil
}

func (n *naive) Update(ctx context.Context, key string, f updateFunc) error {
	if key == "" {
		return errors.New("empty key")
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	unlock, err := n.lock(ctx, key)
	if err != nil {
		return err
	}
	if !n.undeferred {
		defer unlock()
	}
	current, _ := n.Load(ctx, key)
	next, err := f(context.WithoutCancel(ctx), current)
	if n.undeferred {
		defer unlock()
	}
	if err == nil && n.afterF != nil {
		err = n.afterF(ctx)
	}
	if err != nil || next == nil {
		return err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.records == nil {
		n.records = make(map[string][]byte)
	}
	n.records[key] = next
	if len(next) == 0 {
		delete(n.records, key)
	}
	return nil
}

func (n *naive) Keys(context.Context) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		n.mu.Lock()
		defer n.mu.Unlock()
		for key := range n.records {
			if !yield(key, nil) {
				return
			}
		}
	}
}

// oneLock is one lock for all keys; it minds the context unless deaf.
func oneLock(deaf bool) func(context.Context, string) (func(), error) {
	held := make(chan struct{}, 1)
	return func(ctx context.Context, _ string) (func(), error) {
		if deaf {
			ctx = context.Background()
		}
		select {
		case held <- struct{}{}:
			return func() { <-held }, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func noLock(context.Context, string) (func(), error) { return func() {}, nil }

func same(s auth.Store) (a, b auth.Store) { return s, s }
