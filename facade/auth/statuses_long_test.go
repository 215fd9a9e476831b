//go:build reliability

package auth_test

import (
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"fmt"
	"os"
	"runtime"
	"testing"
	"time"

	"golang.org/x/oauth2"

	"github.com/credkit/credkit-go/facade/auth"
	"github.com/credkit/credkit-go/facade/auth/filestore"
	"github.com/credkit/credkit-go/facade/auth/pgstore"
	"github.com/credkit/credkit-go/facade/auth/pgstore/pgtest"
)

const manySessions = 100_000

// template is the record of a session, as the library saves it.
func template(t *testing.T) []byte {
	t.Helper()
	store := auth.NewMemoryStore()
	sessions, err := auth.NewSessions(store, auth.App{ClientID: "app-1"})
	if err != nil {
		t.Fatal(err)
	}
	e := auth.Endpoint{TokenURL: "https://api.example.com/token", AuthorizeURL: "https://api.example.com/authorize"}
	g, err := auth.NewGrant(e, auth.App{ClientID: "app-1"}, &oauth2.Token{AccessToken: fmt.Sprintf("%01000d", 1), RefreshToken: "r", ExpiresIn: 3600})
	if err != nil {
		t.Fatal(err)
	}
	if err := sessions.SignIn(t.Context(), "k", g); err != nil {
		t.Fatal(err)
	}
	data, err := store.Load(t.Context(), "k")
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// walkStatuses prints how long the states of all sessions take, and how much
// memory at most.
func walkStatuses(t *testing.T, store auth.Store, within time.Duration) {
	t.Helper()
	sessions, err := auth.NewSessions(store, auth.App{ClientID: "app-1"})
	if err != nil {
		t.Fatal(err)
	}
	runtime.GC()
	var before, now runtime.MemStats
	runtime.ReadMemStats(&before)
	begin, n, peak := time.Now(), 0, uint64(0)
	for st, err := range sessions.Statuses(t.Context()) {
		if err != nil || st.State != auth.StateGood {
			t.Fatalf("%+v, %v", st, err)
		}
		if n++; n%5000 == 0 {
			runtime.ReadMemStats(&now)
			peak = max(peak, now.HeapAlloc-min(before.HeapAlloc, now.HeapAlloc))
		}
	}
	t.Logf("%d statuses in %s (aim %s), %.1f MiB of heap at most", n, time.Since(begin).Round(time.Millisecond), within, float64(peak)/(1<<20))
	if n != manySessions || peak > 32<<20 {
		t.Errorf("%d statuses, %d bytes", n, peak)
	}
}

func TestReliabilityStatusesFiles(t *testing.T) {
	dir := t.TempDir() + "/store"
	store, err := filestore.New(dir)
	if err != nil {
		t.Fatal(err)
	}
	// Written as the store does, but for the fsync of each, which takes minutes.
	record := template(t)
	for i := range manySessions {
		key := fmt.Sprint("worker-", i)
		b := binary.BigEndian.AppendUint32([]byte("credkit-record 1\n"), uint32(len(key)))
		b = binary.BigEndian.AppendUint32(append(b, key...), uint32(len(record)))
		b = append(b, record...)
		sum := sha256.Sum256(b)
		if err := os.WriteFile(fmt.Sprintf("%s/%x.record", dir, sha256.Sum256([]byte(key))), append(b, sum[:]...), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	walkStatuses(t, store, 10*time.Second)
}

func TestReliabilityStatusesPostgreSQL(t *testing.T) {
	var server pgtest.Server
	t.Cleanup(server.Stop)
	db, err := sql.Open("pgx", server.NewDatabase(t))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	store, err := pgstore.New(db)
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := db.ExecContext(t.Context(), `INSERT INTO credkit_sessions (id, key, version, data)
		SELECT sha256(convert_to('worker-' || i, 'UTF8')), convert_to('worker-' || i, 'UTF8'), i::text, $1 FROM generate_series(1, $2::int) i`, template(t), manySessions); err != nil {
		t.Fatal(err)
	}
	walkStatuses(t, store, 5*time.Second)
}
