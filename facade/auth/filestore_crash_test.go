package auth_test

import (
	"path/filepath"
	"testing"

	"github.com/credkit/credkit-go/facade/auth"
	"github.com/credkit/credkit-go/facade/auth/internal/crashtest"
)

// TestFileStoreSurvivesKills kills processes during an Update; the long run
// is TestReliabilityFileStoreKills.
func TestFileStoreSurvivesKills(t *testing.T) { killFileStores(t, 25) }

// TestFileStoreExcludesProcesses has four processes count in one record.
func TestFileStoreExcludesProcesses(t *testing.T) {
	crashtest.Race(t, 4, 25, newFolder(t), openFolder)
}

func killFileStores(t *testing.T, kills int) {
	t.Helper()
	crashtest.Run(t, kills, newFolder(t), openFolder)
}

func newFolder(t *testing.T) func() string {
	return func() string { return filepath.Join(t.TempDir(), "store") }
}

func openFolder(dir string) (auth.Store, error) { return auth.NewFileStore(dir) }
