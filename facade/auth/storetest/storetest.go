// Package storetest is the contract of [auth.Store] as a test suite. Whoever
// writes a store runs it in one test:
//
//	func TestStore(t *testing.T) {
//		storetest.Run(t, func(t *testing.T) (a, b auth.Store) {
//			table := newTable(t)
//			return mystore.New(table), mystore.New(table)
//		})
//	}
//
// What a suite in one process cannot show stays with the store's own tests:
// that a commit survives a crash, and that the lock of a killed process ends.
package storetest

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/credkit/credkit-go/facade/auth"
)

// Run holds a store against its contract, a subtest for each sentence of it.
// open is called once a subtest and returns two handles on the same records,
// which are none at first; the handles stand for two processes. A store that
// lives in one process returns the same handle twice.
//
// The suite decides nothing by the clock, but gives up on a subtest that has
// hung for a minute.
func Run(t *testing.T, open func(t *testing.T) (a, b auth.Store)) {
	t.Helper()
	for _, c := range checks() {
		t.Run(c.name, func(t *testing.T) {
			a, b := open(t)
			if err := c.within(t.Context(), time.Minute, a, b); err != nil {
				t.Error(err)
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

// within runs the check and gives up after limit: a broken lock hangs.
func (c check) within(ctx context.Context, limit time.Duration, a, b auth.Store) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- c.run(ctx, a, b) }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
	}
	select {
	case err := <-done: // it has noticed the end of its context
		return err
	case <-time.After(limit / 4):
		return fmt.Errorf("the store hung for %v", limit)
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
	}
}
