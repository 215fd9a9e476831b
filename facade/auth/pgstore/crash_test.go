package pgstore_test

import (
	"database/sql"
	"testing"

	"github.com/credkit/credkit-go/facade/auth"
	"github.com/credkit/credkit-go/facade/auth/internal/crashtest"
	"github.com/credkit/credkit-go/facade/auth/pgstore"
)

// TestStoreSurvivesKills kills processes during an Update; the long run is
// TestReliabilityPostgresKills.
func TestStoreSurvivesKills(t *testing.T) { killProcesses(t, 20) }

// TestStoreExcludesProcesses has four processes count in one record.
func TestStoreExcludesProcesses(t *testing.T) {
	crashtest.Race(t, 4, 25, newTable(t), openTable)
}

func killProcesses(t *testing.T, kills int) {
	t.Helper()
	crashtest.Run(t, kills, newTable(t), openTable)
}

func newTable(t *testing.T) func() string {
	return func() string {
		url := server.NewDatabase(t)
		migrated(t, openDB(t, url))
		return url
	}
}

func openTable(url string) (auth.Store, error) {
	db, err := sql.Open("pgx", url)
	if err != nil {
		return nil, err
	}
	store, err := pgstore.New(db)
	return pooled{store, db}, err
}

// pooled is a store that closes its pool.
type pooled struct {
	*pgstore.Store
	pool *sql.DB
}

func (p pooled) Close() error { return p.pool.Close() }
