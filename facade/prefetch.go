package facade

import (
	"context"
	"errors"
	"sync"

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
		err := errReaderLeft
		defer func() {
			q.crash = recover() // a panic belongs to the caller's goroutine
			p.close()
			q.end(err)
		}()
		err = q.fill(p)
	}()
	defer func() {
		cancel()
		<-done
		if q.crash != nil {
			panic(q.crash) //nolint:forbidigo // the caller's own panic goes on
		}
	}()
	for {
		rows := q.receive()
		if rows == nil {
			if q.err != nil && q.crash == nil {
				yield(*new(T), q.err)
			}
			return
		}
		for i := range rows {
			r := rows[i]
			rows[i] = row[T]{} // the caller's now
			q.release(r.size)
			if !r.out && !yield(r.value, r.err) {
				return
			}
		}
	}
}

// errReaderLeft is the end of a reader that runtime.Goexit ended, which a
// filter of the caller's may call.
var errReaderLeft = errors.New("facade: the reader of the list was ended by runtime.Goexit")

// row is what one step of a pager gave.
type row[T any] struct {
	value T
	err   error
	size  int64
	out   bool // filtered out: it only counts as read ahead
}

// queue has what was read ahead. The reader gathers a batch before it passes
// it on, so that the two goroutines seldom wake each other; it passes on what
// it has before it waits for the network.
type queue[T any] struct {
	ctx      context.Context
	most     int
	mostSize int64
	batch    []row[T] // the reader's own
	crash    any      // what the reader panicked with

	mu    sync.Mutex
	rows  []row[T]
	spare []row[T]
	count int   // rows that the caller has not got yet
	size  int64 // their bytes
	ended bool
	err   error // why the reader could not go on

	ready chan struct{} // has capacity 1: there may be rows, or the end
	room  chan struct{} // has capacity 1: there may be room
}

// A batch is small at the beginning, so that a short list costs little, and
// grows to batchMost elements.
const (
	batchLeast = 2
	batchMost  = 32
)

func newQueue[T any](ctx context.Context, count int, size int64) *queue[T] {
	return &queue[T]{
		ctx:      ctx,
		batch:    make([]row[T], 0, min(batchLeast, max(1, count/4))),
		most:     count,
		mostSize: size,
		ready:    make(chan struct{}, 1),
		room:     make(chan struct{}, 1),
	}
}

// fill reads until the list has ended, and returns nil, or until it cannot go
// on, and returns why.
func (q *queue[T]) fill(p *pager[T]) error {
	var gathered int64
	reserved := 0 // how many more elements there is room for
	for {
		if reserved == 0 {
			q.flush()
			if gathered > 0 {
				q.widen()
			}
			if !q.reserve() {
				return p.list.client.failed(p.list.id, transport.ContextError(q.ctx))
			}
			reserved, gathered = cap(q.batch), 0
		}
		size, err := p.next()
		_, mismatch := errors.AsType[*ElementError](err) // As would allocate, for each element
		next := row[T]{err: err, size: size}
		switch {
		case err != nil && !mismatch && !errors.Is(err, errPageEnd):
			q.flush()
			return err
		case q.ctx.Err() != nil:
			return p.list.client.failed(p.list.id, transport.ContextError(q.ctx))
		case errors.Is(err, errPageEnd):
			q.flush()
			if !p.more {
				return nil
			}
			continue
		case mismatch:
		case p.fits(p.item):
			next.value = p.item
		default:
			next.out = true
		}
		q.batch = append(q.batch, next)
		reserved--
		if gathered += size; gathered > q.mostSize/4 {
			reserved = 0
		}
	}
}

// widen makes room for a larger batch; this one has been handed on.
func (q *queue[T]) widen() {
	if wider := min(2*cap(q.batch), batchMost, q.most/4); wider > cap(q.batch) {
		q.batch = make([]row[T], 0, wider)
	}
}

// reserve waits until there is room for another batch. It reports false when
// the context has ended.
func (q *queue[T]) reserve() bool {
	for {
		q.mu.Lock()
		free := q.count == 0 || q.count+cap(q.batch) <= q.most && q.size < q.mostSize*3/4
		q.mu.Unlock()
		if free {
			return true
		}
		select {
		case <-q.room:
		case <-q.ctx.Done():
			return false
		}
	}
}

// flush hands on what was gathered.
func (q *queue[T]) flush() {
	if len(q.batch) == 0 {
		return
	}
	q.mu.Lock()
	q.rows = append(q.rows, q.batch...)
	q.count += len(q.batch)
	for i := range q.batch {
		q.size += q.batch[i].size
	}
	q.mu.Unlock()
	clear(q.batch)
	q.batch = q.batch[:0]
	signal(q.ready)
}

// end says that nothing more will come, and why if the list has not ended.
func (q *queue[T]) end(err error) {
	q.mu.Lock()
	q.ended, q.err = true, err
	q.mu.Unlock()
	signal(q.ready)
}

// receive returns all rows that are there, waiting for some; nil at the end.
func (q *queue[T]) receive() []row[T] {
	for {
		q.mu.Lock()
		rows, ended := q.rows, q.ended
		if len(rows) > 0 {
			q.rows, q.spare = q.spare[:0], rows
			q.mu.Unlock()
			return rows
		}
		q.mu.Unlock()
		if ended {
			return nil
		}
		<-q.ready
	}
}

// release counts one row off that the caller gets.
func (q *queue[T]) release(size int64) {
	q.mu.Lock()
	q.count--
	q.size -= size
	q.mu.Unlock()
	signal(q.room)
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
