package storetest_test

import (
	"testing"
	"time"

	"github.com/credkit/credkit-go/facade/auth"
	"github.com/credkit/credkit-go/facade/auth/storetest"
)

// The test of a store. The two handles stand for two processes that share records;
// a store that lives in one process returns the same handle twice.
func ExampleRun() {
	_ = func(t *testing.T) { // func TestStore(t *testing.T) {
		storetest.Run(t, func(t *testing.T) (a, b auth.Store) {
			store := auth.NewMemoryStore()
			return store, store
		}, storetest.WithTimeout(10*time.Second))
	}
}
