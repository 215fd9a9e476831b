package roster

import (
	"context"
	"errors"
	"iter"
	"sync"
	"sync/atomic"
	"time"

	"github.com/credkit/credkit-go/facade"
	"github.com/credkit/credkit-go/facade/auth"
)

// Sessions are whose work it is. An [auth.Sessions] is one.
type Sessions interface {
	// Keys lists the sessions' keys, each once. An error is yielded with an
	// empty key and ends the list.
	Keys(ctx context.Context) iter.Seq2[string, error]
	// Key returns the credentials of one session.
	Key(key string) auth.Credentials
}

// Result is what the work on one session brought.
type Result[T any] struct {
	// Key is the session's key; empty if the range ended early.
	Key string
	// Value is what the function returned.
	Value T
	// Err is an [*Error] with the function's error, or, without a Key, an
	// [ErrIncomplete].
	Err error
}

// Each calls do once for every session, several at a time, and hands out what
// it returned as it comes: see the package documentation for what it promises.
// do gets a client of cosmic for the session; it must return when its context
// ends. Its panic is that session's error, an [*auth.PanicError]. Records of the store that are no
// sessions are left out if do returns what the client says of them
// ([auth.ErrNotSession]).
func Each[T any](ctx context.Context, cosmic *facade.Cosmic, sessions Sessions,
	do func(ctx context.Context, worker *facade.Cosmic, key string) (T, error), opts ...Option,
) iter.Seq[Result[T]] {
	return func(yield func(Result[T]) bool) {
		r := &run[T]{cosmic: cosmic, sessions: sessions, do: do, started: time.Now()}
		s, err := newSettings(opts)
		switch {
		case err != nil:
		case ctx == nil:
			err = errors.New("the context is nil")
		case cosmic == nil || sessions == nil || do == nil:
			err = errors.New("the client, the sessions or the function is nil")
		}
		if err != nil {
			yield(Result[T]{Err: incomplete(err, 0, 0)})
			return
		}
		r.settings = s
		r.all(ctx, yield)
	}
}

// run is one range of Each.
type run[T any] struct {
	*settings
	cosmic   *facade.Cosmic
	sessions Sessions
	do       func(ctx context.Context, worker *facade.Cosmic, key string) (T, error)
	started  time.Time

	results chan Result[T]
	left    chan struct{} // closed when the caller has left the range
	listErr error         // why the keys ended early; set before results is closed
	dropped atomic.Int64  // sessions that the end of the context cut
	total   atomic.Int64  // 0 until it is known
	skipped atomic.Int64  // records that are no sessions
}

// all runs the work and yields its results in the caller's goroutine.
func (r *run[T]) all(ctx context.Context, yield func(Result[T]) bool) {
	r.results, r.left = make(chan Result[T]), make(chan struct{})
	running, stop := context.WithCancel(ctx)
	var work sync.WaitGroup
	defer work.Wait()
	defer close(r.left)
	defer stop()
	if r.progress != nil {
		work.Go(func() { r.count(running) })
	}
	work.Go(func() { r.start(running) })

	p := Progress{}
	r.tell(&p)
	for result := range r.results {
		p.Done++
		if result.Err != nil {
			p.Failed++
		}
		r.tell(&p)
		if !yield(result) {
			return
		}
	}
	err := r.listErr
	if err == nil && r.dropped.Load() > 0 {
		err = context.Cause(ctx)
	}
	if err != nil {
		yield(Result[T]{Err: incomplete(err, p.Done, int(r.dropped.Load()))})
	}
}

// start starts the work on each key when there is room, and closes results
// after the last.
func (r *run[T]) start(ctx context.Context) {
	defer close(r.results)
	var work sync.WaitGroup
	defer work.Wait()
	room := make(chan struct{}, r.parallel)
	for key, err := range r.list(r.sessions.Keys(ctx)) {
		if err != nil && ctx.Err() == nil {
			r.listErr = err
			return
		}
		select {
		case room <- struct{}{}:
		case <-ctx.Done():
		}
		if ctx.Err() != nil {
			break
		}
		work.Go(func() {
			defer func() { <-room }()
			r.one(ctx, key)
		})
	}
	r.listErr = context.Cause(ctx) // a list may just stop when its context ends
}

// one works on one session and hands its result out, whatever happens.
func (r *run[T]) one(ctx context.Context, key string) {
	limited, cancel := context.WithTimeoutCause(ctx, r.timeout, &timeoutError{r.timeout})
	defer cancel()
	result, err := Result[T]{Key: key}, errExited
	defer func() {
		switch {
		case err == nil:
		case errors.Is(err, auth.ErrNotSession):
			r.skipped.Add(1)
			return
		case ctx.Err() != nil:
			r.dropped.Add(1)
			return
		default:
			result.Err = workerError(limited, key, err)
		}
		select {
		case r.results <- result:
		case <-r.left:
		}
	}()
	err = auth.Safely("the function given to Each", func() error {
		worker, err := r.cosmic.For(r.sessions.Key(key))
		if err == nil {
			result.Value, err = r.do(limited, worker, key)
		}
		return err
	})
}

// count finds out how many keys there are. It is no matter if it cannot.
func (r *run[T]) count(ctx context.Context) {
	n := int64(0)
	for _, err := range r.list(r.sessions.Keys(ctx)) {
		if err != nil {
			return
		}
		n++
	}
	r.total.Store(n)
}

func (r *run[T]) tell(p *Progress) {
	if r.progress == nil {
		return
	}
	p.Elapsed = time.Since(r.started)
	if total := r.total.Load(); total > 0 {
		p.Total = max(int(total-r.skipped.Load()), p.Done)
	}
	r.progress(*p)
}
