// Package keylock gives the goroutines of one process a lock a name, with a
// wait that a context can end. Stores use it in front of their lock between
// processes, so that goroutines queue instead of polling.
package keylock

import (
	"context"
	"sync"
)

// Set is a set of locks by name. The zero Set is ready for use. A name costs
// memory only while somebody holds its lock or waits for it.
type Set struct {
	mu    sync.Mutex
	locks map[string]*lock
}

type lock struct {
	held  chan struct{} // holds one element while the lock is held
	users int           // holder and waiters, guarded by Set.mu
}

// Lock waits for the lock of name and returns the function that gives it
// back, which is to be called once. If ctx has ended or ends first, its error
// comes back and the lock is not held. Waiters are served in their order.
func (s *Set) Lock(ctx context.Context, name string) (unlock func(), err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	l := s.enter(name)
	select {
	case l.held <- struct{}{}:
		return func() {
			<-l.held
			s.leave(name, l)
		}, nil
	case <-ctx.Done():
		s.leave(name, l)
		return nil, ctx.Err()
	}
}

func (s *Set) enter(name string) *lock {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.locks[name]
	if l == nil {
		if s.locks == nil {
			s.locks = make(map[string]*lock)
		}
		l = &lock{held: make(chan struct{}, 1)}
		s.locks[name] = l
	}
	l.users++
	return l
}

func (s *Set) leave(name string, l *lock) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if l.users--; l.users == 0 {
		delete(s.locks, name)
	}
}
