// Package storetest is the contract of [auth.Store] as a test suite. Whoever
// writes a store runs it in one test:
//
//	storetest.Run(t, func(t *testing.T) (a, b auth.Store) {
//		store := auth.NewMemoryStore()
//		return store, store
//	}, storetest.WithTimeout(10*time.Second))
//
// What a suite in one process cannot show stays with the store's own tests:
// that a commit survives a crash, and that the lock of a killed process ends.
package storetest

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/credkit/credkit-go/facade/auth"
)

// An Option changes how [Run] runs.
type Option func(*options)

type options struct{ timeout time.Duration }

// WithTimeout sets how long one subtest may take before the store is taken to
// hang. Zero or less is the default of a minute.
func WithTimeout(d time.Duration) Option {
	return func(o *options) {
		if d > 0 {
			o.timeout = d
		}
	}
}

// Run holds a store against its contract, a subtest for each sentence of it.
// open is called once a subtest and returns two handles on the same records,
// which are none at first; the handles stand for two processes. A store that
// lives in one process returns the same handle twice.
//
// The suite decides nothing by the clock, but gives up on a store that hangs
// (see [WithTimeout]): the error names the call that does not return, and the
// subtests that are left are not run.
func Run(t *testing.T, open func(t *testing.T) (a, b auth.Store), opts ...Option) {
	t.Helper()
	o := options{timeout: time.Minute}
	for _, opt := range opts {
		if opt != nil {
			opt(&o)
		}
	}
	hung := ""
	for _, c := range checks() {
		if hung != "" {
			t.Errorf("not run after %q, in which the store hung: %q and what follows", hung, c.name)
			return
		}
		t.Run(c.name, func(t *testing.T) {
			a, b := open(t)
			err := c.within(t.Context(), o.timeout, a, b)
			if err != nil {
				t.Error(err)
			}
			if errors.Is(err, errHung) {
				hung = c.name
			}
		})
	}
}

// check is one sentence of the contract. It returns an error and not a failed
// test, so that our own tests can hold broken stores against it.
type check struct {
	name string
	run  func(ctx context.Context, a, b auth.Store) error
}

// errHung is what the error of a check is if the store did not return.
var errHung = errors.New("the store hung")

// within runs the check and gives up after limit: a broken lock hangs.
func (c check) within(ctx context.Context, limit time.Duration, a, b auth.Store) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	var open calls
	a, b = open.of(a), open.of(b)
	done := make(chan error, 1)
	go func() { done <- c.run(ctx, a, b) }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
	}
	hanging := open.String()
	select {
	case err := <-done: // it has noticed the end of its context
		return err
	case <-time.After(limit / 4):
		return fmt.Errorf("%w: after %v these calls had not returned: %s", errHung, limit, hanging)
	}
}

func checks() []check {
	return []check{
		{"a key without a record has none", unknownKey},
		{"what f returns is stored", replaces},
		{"nil keeps the record", keeps},
		{"an empty slice deletes the record", deletes},
		{"an error of f keeps the record and comes back", failingF},
		{"f is called once", calledOnce},
		{"an empty key is an error", emptyKey},
		{"any other key is taken", oddKeys},
		{"records are opaque", opaqueRecords},
		{"slices are not shared", sharedSlices},

		{"an ended context calls no f", endedContext},
		{"a waiter gives up with its context", waiterGivesUp},
		{"f's context outlives the caller's", contextOfF},
		{"the save outlives the caller's context", saveOutlives},
		{"the lock outlives the caller's context", lockOutlives},

		{"updates of one key exclude each other", exclusion},
		{"a record deleted under contention is gone for the next", deletionRace},
		{"keys are independent", independentKeys},
		{"Load waits for no Update", loadDoesNotWait},
		{"Load sees whole records", wholeRecords},
		{"a panic of f releases the lock", panicReleases},
		{"a Goexit of f releases the lock", goexitReleases},

		{"Keys gives each key once", allKeys},
		{"Keys can be left early", leaveKeys},
		{"Keys allows updates on the way", updateDuringKeys},
		{"Records agrees with Keys and Load", recordsAgree},
		{"Records can be left early", leaveRecords},
	}
}
