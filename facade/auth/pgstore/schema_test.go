package pgstore_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/credkit/credkit-go/facade/auth/pgstore"
)

func TestStoreWithoutItsTableSaysSo(t *testing.T) {
	db := openDB(t, server.NewDatabase(t))
	store, err := pgstore.New(db)
	if err != nil {
		t.Fatal(err)
	}
	missing := func(when string) {
		t.Helper()
		_, loading := store.Load(t.Context(), "a")
		updating := store.Update(t.Context(), "a", func(context.Context, []byte) ([]byte, error) {
			t.Error("f was called")
			return nil, nil
		})
		var walking error
		for _, walking = range store.Keys(t.Context()) {
		}
		for what, err := range map[string]error{"Load": loading, "Update": updating, "Keys": walking} {
			if !errors.Is(err, pgstore.ErrNoSchema) || !strings.Contains(err.Error(), "Migrate") {
				t.Errorf("%s %s: %v, want ErrNoSchema and what to call", what, when, err)
			}
		}
	}
	missing("before Migrate")
	if err := store.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	put(t, store, "a", "record")
	exec(t, db, "DROP TABLE credkit_sessions, credkit_sessions_schema")
	missing("after the table was dropped")
}

func TestStoreMigratesOnceWhoeverAsks(t *testing.T) {
	url := server.NewDatabase(t)
	var wg sync.WaitGroup
	for range 8 {
		store, err := pgstore.New(openDB(t, url))
		if err != nil {
			t.Fatal(err)
		}
		wg.Go(func() {
			if err := store.Migrate(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	store := migrated(t, openDB(t, url))
	put(t, store, "a", "record")
	if err := store.Migrate(t.Context()); err != nil {
		t.Error(err)
	}
	want(t, store, "a", "record")
}

func TestStoreRefusesTablesOfAnotherRelease(t *testing.T) {
	store := newStore(t)
	for version, advice := range map[int]string{99: "update credkit", 0: "Migrate"} {
		exec(t, store.admin, "UPDATE credkit_sessions_schema SET version = $1", version)
		fresh, err := pgstore.New(store.db)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := fresh.Load(t.Context(), "a"); !errors.Is(err, pgstore.ErrNoSchema) || !strings.Contains(err.Error(), advice) {
			t.Errorf("version %d: %v, want ErrNoSchema and %q", version, err, advice)
		}
		if err := fresh.Migrate(t.Context()); version == 99 && !errors.Is(err, pgstore.ErrNoSchema) {
			t.Errorf("migrating version %d: %v, want ErrNoSchema", version, err)
		}
	}
}

func TestStoreTablesAreApart(t *testing.T) {
	url := server.NewDatabase(t)
	db := openDB(t, url)
	exec(t, db, "CREATE SCHEMA tokens")
	names := []string{"credkit_sessions", "tokens.credkit_sessions", "Sessions", "sessions", `tokens.` + strings.Repeat("x", 50)}
	for _, name := range names {
		put(t, migrated(t, db, pgstore.WithTable(name)), "a", name)
	}
	for _, name := range names {
		want(t, migrated(t, db, pgstore.WithTable(name)), "a", name)
	}
}

func TestStoreRefusesBadOptions(t *testing.T) {
	db := openDB(t, "postgres:///nowhere")
	for _, name := range []string{
		"", ".", "a.", ".a", "a.b.c", "1a", "a b", `a"b`, "a;b", "a'b", "ä", "a-b", "a\x00", strings.Repeat("x", 51), `sessions"; DROP TABLE users; --`,
	} {
		if _, err := pgstore.New(db, pgstore.WithTable(name)); err == nil {
			t.Errorf("the table name %q was taken", name)
		}
	}
	for name, opt := range map[string]pgstore.Option{
		"no refreshes":          pgstore.WithMaxRefreshes(0),
		"negative refreshes":    pgstore.WithMaxRefreshes(-1),
		"hold of nothing":       pgstore.WithHoldTimeout(0),
		"hold of a millisecond": pgstore.WithHoldTimeout(time.Millisecond),
		"hold of two days":      pgstore.WithHoldTimeout(48 * time.Hour),
		"save of nothing":       pgstore.WithSaveTimeout(0),
		"save in the past":      pgstore.WithSaveTimeout(-time.Second),
	} {
		if _, err := pgstore.New(db, opt); err == nil {
			t.Errorf("%s was taken", name)
		}
	}
	if _, err := pgstore.New(nil); err == nil {
		t.Error("a nil database was taken")
	}
}

func TestStoreExplainsWhatTheServerRefuses(t *testing.T) {
	store := newStoreApart(t)
	put(t, store, "a", "record")
	name := currentDatabase(t, store.admin)
	for _, c := range []struct{ name, setup, undo, advice string }{
		{"a read-only server", "ALTER DATABASE " + name + " SET default_transaction_read_only = on",
			"ALTER DATABASE " + name + " RESET default_transaction_read_only", "primary"},
		{"a role without rights", "ALTER DATABASE " + name + " SET role = 'pg_monitor'",
			"ALTER DATABASE " + name + " RESET role", "grant SELECT"},
	} {
		t.Run(c.name, func(t *testing.T) {
			exec(t, store.admin, c.setup)
			db := openDB(t, store.url)
			refused, err := pgstore.New(db)
			if err != nil {
				t.Fatal(err)
			}
			err = refused.Update(t.Context(), "a", func(context.Context, []byte) ([]byte, error) {
				t.Error("f was called")
				return nil, nil
			})
			if err == nil || !strings.Contains(err.Error(), c.advice) {
				t.Errorf("Update gave %v, want %q in it", err, c.advice)
			}
			if _, err := store.admin.ExecContext(t.Context(), "BEGIN READ WRITE; "+c.undo+"; COMMIT"); err != nil {
				t.Fatal(err)
			}
		})
	}
	want(t, store, "a", "record")
}

// TestStoreErrorsHaveNoRecord has the server refuse a record with an error
// whose details quote the row.
func TestStoreErrorsHaveNoRecord(t *testing.T) {
	store := newStore(t)
	exec(t, store.admin, "ALTER TABLE credkit_sessions ADD CHECK (length(data) < 10)")
	put(t, store, "a", "short")
	err := store.Update(t.Context(), "a", returning("a secret token"))
	if err == nil {
		t.Fatal("the constraint was not there")
	}
	for ; err != nil; err = errors.Unwrap(err) {
		for _, verb := range []string{"%v", "%+v", "%#v", "%q"} {
			text := fmt.Sprintf(verb, err)
			if strings.Contains(text, "secret") || strings.Contains(text, fmt.Sprintf("%x", "secret")) {
				t.Errorf("%s prints the record: %s", verb, text)
			}
		}
	}
	want(t, store, "a", "short")
}

// TestStoreWithTenThousandKeys walks and updates a table of that size.
func TestStoreWithTenThousandKeys(t *testing.T) {
	const n = 10_000
	store := newStore(t)
	exec(t, store.admin, `INSERT INTO credkit_sessions (id, key, version, data)
		SELECT sha256(k), k, gen_random_uuid()::text, 'record' FROM (SELECT convert_to('worker-' || i, 'UTF8') AS k FROM generate_series(1, $1::int) AS i) AS names`, n)
	exec(t, store.admin, `INSERT INTO credkit_sessions (id, key, version) VALUES ('\x00', 'placeholder', '')`)
	seen := make(map[string]bool, n)
	for key, err := range store.Keys(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		if seen[key] {
			t.Errorf("Keys gave %q twice", key)
		}
		seen[key] = true
	}
	if len(seen) != n || !seen["worker-1"] || !seen[fmt.Sprint("worker-", n)] {
		t.Errorf("Keys gave %d keys, want %d", len(seen), n)
	}
	var wg sync.WaitGroup
	for worker := range 8 {
		wg.Go(func() {
			for i := range 25 {
				put(t, store, fmt.Sprint("worker-", 1+worker*25+i), "updated")
			}
		})
	}
	wg.Wait()
	for i := range 200 {
		want(t, store, fmt.Sprint("worker-", 1+i), "updated")
	}
}
