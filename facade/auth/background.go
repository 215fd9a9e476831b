package auth

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"

	"github.com/credkit/credkit-go/facade/internal/safehttp"
)

// background is a set of goroutines that work for no caller in particular. The
// zero background is ready for use and never closes.
type background struct {
	mu     sync.Mutex
	closed bool
	wg     sync.WaitGroup
	// quit ends when nothing new may begin: waiting for a lock or for the next
	// attempt stops, a request in flight goes on. Nil means never.
	quit context.Context
}

// start runs f in a goroutine, unless the background is closed.
func (b *background) start(f func(ctx context.Context)) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return false
	}
	ctx := b.quit
	if ctx == nil {
		ctx = context.Background()
	}
	b.wg.Go(func() { f(ctx) })
	return true
}

// close lets nothing new start.
func (b *background) close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
}

// wait waits until all goroutines have ended, or ctx.
func (b *background) wait(ctx context.Context) error {
	done := make(chan struct{})
	go func() {
		b.wg.Wait()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// A PanicError says that code of the program's own panicked while this package
// called it in the background: a [Store], an HTTP transport, an
// oauth2.TokenSource. It is in the chain of the error that the waiting callers
// get; the process goes on, locks are released, and a renewal is tried again as
// after any other failure of that part. What had come of a token request by then
// is not lost: it stays pending as after a failed save.
//
// A panic on a goroutine that is not of this package still ends the process: in
// a DialContext of net/http's Transport, for example.
type PanicError struct {
	// What panicked: "the store", "the HTTP transport", "the token source", "a
	// renewal"; in package signin "the function of WithOpenBrowser" and the like.
	What string
	// Stack is the stack of the goroutine that panicked, as debug.Stack gives it.
	Stack []byte

	text string
	err  error // of the panic, if its value was one
}

// Safely calls f and turns a panic of it into a *PanicError of what panicked, for
// packages that call code of the program as this one does.
func Safely(what string, f func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = newPanicError(what, v)
		}
	}()
	return f()
}

// newPanicError makes a PanicError of what panicked and of the value that recover
// returned. It is called in the deferred function, for the stack.
func newPanicError(what string, value any) *PanicError {
	e := &PanicError{What: what, Stack: debug.Stack()}
	switch v := value.(type) {
	case error:
		e.err = redactedError(v)
		e.text = e.err.Error()
	case string:
		e.text = safehttp.Redact(v)
	default: // it may hold anything
		e.text = fmt.Sprintf("a value of type %T", v)
	}
	return e
}

// Error implements error. The value of the panic is redacted.
func (e *PanicError) Error() string { return fmt.Sprintf("%s panicked: %s", e.What, e.text) }

// Unwrap gives errors.Is and errors.As the value of the panic, if it is an
// error.
func (e *PanicError) Unwrap() error { return e.err }

// GoString is Error.
func (e *PanicError) GoString() string { return e.Error() }

// LogValue logs the text and the stack.
func (e *PanicError) LogValue() slog.Value {
	return slog.GroupValue(slog.String("error", "panic"), slog.String("text", e.Error()), slog.String("stack", string(e.Stack)))
}
