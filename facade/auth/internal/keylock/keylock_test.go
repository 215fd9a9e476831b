package keylock

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
)

func TestLockExcludesAndForgetsUnusedNames(t *testing.T) {
	var set Set
	var wg sync.WaitGroup
	inside, total := 0, 0
	for range 16 {
		wg.Go(func() {
			for range 50 {
				unlock, err := set.Lock(t.Context(), "a")
				if err != nil {
					t.Error(err)
					return
				}
				inside++
				total++
				if inside != 1 {
					t.Errorf("%d holders at once", inside)
				}
				inside--
				unlock()
			}
		})
	}
	wg.Wait()
	if total != 16*50 {
		t.Errorf("%d locks were held, want %d", total, 16*50)
	}
	if len(set.locks) != 0 {
		t.Errorf("%d names are still in memory", len(set.locks))
	}
}

func TestLockGivesUpWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var set Set
		unlock, err := set.Lock(t.Context(), "a")
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() {
			_, err := set.Lock(ctx, "a")
			done <- err
		}()
		synctest.Wait()
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("the waiter got %v, want context.Canceled", err)
		}
		unlock()
		if _, err := set.Lock(ctx, "a"); !errors.Is(err, context.Canceled) {
			t.Errorf("an ended context got %v, want context.Canceled", err)
		}
		if len(set.locks) != 0 {
			t.Errorf("%d names are still in memory", len(set.locks))
		}
		again, err := set.Lock(t.Context(), "a")
		if err != nil {
			t.Fatal(err)
		}
		again()
	})
}
