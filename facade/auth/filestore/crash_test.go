package filestore_test

import (
	"path/filepath"
	"testing"

	"github.com/credkit/credkit-go/facade/auth"
	"github.com/credkit/credkit-go/facade/auth/filestore"
	"github.com/credkit/credkit-go/facade/auth/internal/crashtest"
)

// TestStoreSurvivesKills kills processes during an Update; the long run
// is TestReliabilityKills.
func TestStoreSurvivesKills(t *testing.T) { killStores(t, 25) }

// TestStoreExcludesProcesses has four processes count in one record.
func TestStoreExcludesProcesses(t *testing.T) {
	crashtest.Race(t, 4, 25, newFolder(t), openFolder)
}

func killStores(t *testing.T, kills int) {
	t.Helper()
	crashtest.Run(t, kills, newFolder(t), openFolder)
}

func newFolder(t *testing.T) func() string {
	return func() string { return filepath.Join(t.TempDir(), "store") }
}

func openFolder(dir string) (auth.Store, error) { return filestore.New(dir) }
