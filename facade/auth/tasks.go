package auth

import (
	"context"
	"sync"
)

// tasks are the goroutines that work for no caller in particular. The zero
// tasks is ready and never closes.
type tasks struct {
	mu     sync.Mutex
	closed bool
	wg     sync.WaitGroup
	// quit ends when nothing new may begin: waiting for a lock or for the next
	// attempt stops, a request in flight goes on. Nil means never.
	quit context.Context
}

// start runs f in a goroutine, unless the tasks are closed.
func (t *tasks) start(f func(ctx context.Context)) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return false
	}
	ctx := t.quit
	if ctx == nil {
		ctx = context.Background()
	}
	t.wg.Go(func() { f(ctx) })
	return true
}

// close lets nothing new start.
func (t *tasks) close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.closed = true
}

// wait waits until all have ended, or ctx.
func (t *tasks) wait(ctx context.Context) error {
	done := make(chan struct{})
	go func() {
		t.wg.Wait()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
