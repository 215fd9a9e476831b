//go:build reliability

package pgstore_test

import (
	"fmt"
	"sync"
	"testing"
)

// TestReliabilityPostgresKills kills 300 processes during an Update.
func TestReliabilityPostgresKills(t *testing.T) { killProcesses(t, 300) }

// TestReliabilityPostgresRestarts restarts the server 30 times.
func TestReliabilityPostgresRestarts(t *testing.T) { countThroughRestarts(t, 30) }

// TestReliabilityPostgresTenThousandKeys makes each key by an Update of its
// own, from 32 goroutines, then walks and deletes them.
func TestReliabilityPostgresTenThousandKeys(t *testing.T) {
	const n, workers = 10_000, 32
	store := newStore(t)
	each := func(record string) {
		var wg sync.WaitGroup
		for worker := range workers {
			wg.Go(func() {
				for i := worker; i < n; i += workers {
					put(t, store, fmt.Sprint("worker-", i), record)
				}
			})
		}
		wg.Wait()
	}
	count := func() (keys int) {
		for _, err := range store.Keys(t.Context()) {
			if err != nil {
				t.Fatal(err)
			}
			keys++
		}
		return keys
	}
	each("record")
	if keys := count(); keys != n {
		t.Errorf("Keys gave %d keys, want %d", keys, n)
	}
	each("updated")
	each("")
	if keys, left := count(), store.rows(t); keys != 0 || left != 0 {
		t.Errorf("%d keys and %d rows are left", keys, left)
	}
}
