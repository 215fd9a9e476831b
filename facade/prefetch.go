package facade

import (
	"context"
	"errors"
	"sync/atomic"

	"github.com/credkit/credkit-go/facade/internal/transport"
)

// prefetch yields what a pager reads in a goroutine of its own, at most count
// elements and about size bytes ahead of the caller. The goroutine has ended
// when prefetch returns.
func prefetch[T any](p *pager[T], count int, size int64, yield func(T, error) bool) {
	ctx, cancel := context.WithCancel(p.ctx)
	p.ctx = ctx
	q := newQueue[T](ctx, count, size)
	p.reader.BeforeRead = q.flush
	done := make(chan struct{})
	go func() {
		defer close(done)
		q.err = errReaderLeft
		defer func() {
			q.panicked = recover() // a panic belongs to the caller's goroutine
			p.close()
			close(q.batches)
		}()
		q.err = q.fill(p)
		q.flush()
	}()
	defer func() {
		cancel()
		<-done
		if q.panicked != nil {
			panic(q.panicked) //nolint:forbidigo // the caller's own panic goes on
		}
	}()
	for batch := range q.batches {
		for i := range batch {
			r := batch[i]
			batch[i] = row[T]{} // the caller's now
			q.release(r.size)
			if !r.filtered && !yield(r.value, r.err) {
				return
			}
		}
		select {
		case q.free <- batch[:0]:
		default:
		}
	}
	if q.err != nil && q.panicked == nil {
		yield(*new(T), q.err)
	}
}

// errReaderLeft is the end of a reader that runtime.Goexit ended, which a
// filter of the caller's may call.
var errReaderLeft = errors.New("facade: the reader of the list was ended by runtime.Goexit")

// row is what one step of a pager gave.
type row[T any] struct {
	value    T
	err      error
	size     int64
	filtered bool // it only counts as read ahead
}

// queue passes rows from the reader to the caller, in batches so that the two
// goroutines seldom wake each other. The number of batches and their length
// bound the elements; the bytes are counted.
type queue[T any] struct {
	ctx      context.Context
	length   int      // of a batch
	size     int64    // the most bytes ahead
	batch    []row[T] // being gathered; the reader's own
	batches  chan []row[T]
	free     chan []row[T] // batches to use again
	ahead    atomic.Int64  // bytes that the caller has not got yet
	released chan struct{} // has capacity 1: ahead is less than it was

	// Set before batches is closed.
	err      error // why the reader could not go on
	panicked any   // what the reader panicked with
}

func newQueue[T any](ctx context.Context, count int, size int64) *queue[T] {
	length := max(1, min(32, count/4))
	// One batch is being gathered, and of one the caller has the first element.
	queued := (count+1)/length - 2
	return &queue[T]{
		ctx: ctx, length: length, size: size,
		batches: make(chan []row[T], queued), free: make(chan []row[T], 1), released: make(chan struct{}, 1),
	}
}

// fill reads until the list has ended, and returns nil, or until it cannot go
// on, and returns why.
func (q *queue[T]) fill(p *pager[T]) error {
	var gathered int64
	for {
		if len(q.batch) == 0 {
			gathered = 0
			q.waitForRoom()
		}
		if q.ctx.Err() != nil {
			return p.list.client.failed(p.list.call.operation, transport.ContextError(q.ctx))
		}
		size, err := p.next()
		if errors.Is(err, errPageEnd) {
			q.flush()
			if !p.more {
				return nil
			}
			continue
		}
		_, mismatch := errors.AsType[*ElementError](err) // As would allocate, for each element
		if err != nil && !mismatch {
			return err
		}
		next := row[T]{err: err, size: size}
		if !mismatch {
			if next.filtered = !p.list.fits(p.item); !next.filtered {
				next.value = p.item
			}
		}
		q.batch = append(q.batch, next)
		q.ahead.Add(size)
		if gathered += size; len(q.batch) == q.length || gathered > q.size/4 {
			q.flush()
		}
	}
}

// flush passes on what was gathered. The reader also does so before it waits
// for the network.
func (q *queue[T]) flush() {
	if len(q.batch) == 0 {
		return
	}
	select {
	case q.batches <- q.batch:
	case <-q.ctx.Done(): // nobody receives any more, or gets the context's error
	}
	select {
	case q.batch = <-q.free:
	default:
		q.batch = nil
	}
}

// waitForRoom waits until another batch may be gathered, or the context has
// ended.
func (q *queue[T]) waitForRoom() {
	for ahead := q.ahead.Load(); ahead > 0 && ahead >= q.size*3/4; ahead = q.ahead.Load() {
		select {
		case <-q.released:
		case <-q.ctx.Done():
			return
		}
	}
}

// release counts off the bytes of a row that the caller gets.
func (q *queue[T]) release(size int64) {
	q.ahead.Add(-size)
	select {
	case q.released <- struct{}{}:
	default:
	}
}
