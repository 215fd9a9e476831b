package storetest

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/credkit/credkit-go/facade/auth"
)

// calls are the calls of stores that have not returned yet, to name them when
// one hangs. The zero calls are ready.
type calls struct {
	mu   sync.Mutex
	next int
	open map[int]string
}

// of returns s with its calls noted. It is an auth.RecordReader if s is one.
func (c *calls) of(s auth.Store) auth.Store {
	noted := notedStore{s, c}
	if r, ok := s.(auth.RecordReader); ok {
		return notedReader{noted, r}
	}
	return noted
}

// begin notes a call. end is called when it returns, panics or ends its goroutine.
func (c *calls) begin(format string, args ...any) (end func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.open == nil {
		c.open = map[int]string{}
	}
	id := c.next
	c.next++
	c.open[id] = fmt.Sprintf(format, args...)
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(c.open, id)
	}
}

// String lists the open calls, the oldest first.
func (c *calls) String() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.open) == 0 {
		return "none (the check itself waits)"
	}
	var names []string
	for _, id := range slices.Sorted(maps.Keys(c.open)) {
		names = append(names, c.open[id])
	}
	return strings.Join(names, ", ")
}

type notedStore struct {
	store auth.Store
	calls *calls
}

func (s notedStore) Load(ctx context.Context, key string) ([]byte, error) {
	defer s.calls.begin("Load(%.40q)", key)()
	return s.store.Load(ctx, key)
}

func (s notedStore) Update(ctx context.Context, key string, f func(ctx context.Context, current []byte) ([]byte, error)) error {
	defer s.calls.begin("Update(%.40q)", key)()
	return s.store.Update(ctx, key, f)
}

func (s notedStore) Keys(ctx context.Context) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		defer s.calls.begin("Keys")()
		s.store.Keys(ctx)(yield)
	}
}

type notedReader struct {
	notedStore
	reader auth.RecordReader
}

func (s notedReader) Records(ctx context.Context) iter.Seq2[auth.Record, error] {
	return func(yield func(auth.Record, error) bool) {
		defer s.calls.begin("Records")()
		s.reader.Records(ctx)(yield)
	}
}
