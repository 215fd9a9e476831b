package pgstore_test

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/credkit/credkit-go/facade/auth"
)

// TestStoreCountsThroughRestarts counts in a few records from several stores
// while the server is stopped and started; the long run is
// TestReliabilityPostgresRestarts.
func TestStoreCountsThroughRestarts(t *testing.T) { countThroughRestarts(t, 2) }

func countThroughRestarts(t *testing.T, restarts int) {
	t.Helper()
	const keys = 3
	store := newStore(t)
	var done, failed, conflicts [keys]atomic.Int64
	ctx, stop := context.WithCancel(t.Context())
	var workers sync.WaitGroup
	for range 4 {
		other := store.another(t)
		for i := range keys {
			workers.Go(func() {
				for ctx.Err() == nil {
					// An Update that has begun is waited for: only its end says
					// what it did.
					err := other.Update(t.Context(), strconv.Itoa(i), func(_ context.Context, current []byte) ([]byte, error) {
						n, _ := strconv.ParseInt(string(current), 10, 64)
						return strconv.AppendInt(nil, n+1, 10), nil
					})
					switch {
					case err == nil:
						done[i].Add(1)
					case errors.Is(err, auth.ErrConflict):
						conflicts[i].Add(1)
					default:
						failed[i].Add(1)
					}
				}
			})
		}
	}
	progress := func() { // a few more updates of each record
		for i := range keys {
			for until := done[i].Load() + 3; done[i].Load() < until; {
				time.Sleep(time.Millisecond)
			}
		}
	}
	for range restarts {
		progress()
		server.Crash(t)
	}
	progress()
	stop()
	workers.Wait()
	for i := range keys {
		record, err := store.Load(t.Context(), strconv.Itoa(i))
		if err != nil {
			t.Fatal(err)
		}
		n, _ := strconv.ParseInt(string(record), 10, 64)
		// An Update that failed may have been saved, or not; one that was
		// reported saved was.
		least := done[i].Load()
		if most := least + failed[i].Load() + conflicts[i].Load(); n < least || n > most || n == 0 {
			t.Errorf("the record counts %d, but %d updates were saved and %d failed", n, least, most-least)
		}
		t.Logf("%d restarts: %d saved, %d in conflict, %d failed, the record counts %d",
			restarts, least, conflicts[i].Load(), failed[i].Load(), n)
	}
}
