package pgstore_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"go.uber.org/goleak"

	"github.com/credkit/credkit-go/facade/auth"
	"github.com/credkit/credkit-go/facade/auth/pgstore"
	"github.com/credkit/credkit-go/facade/auth/pgstore/pgtest"
	"github.com/credkit/credkit-go/facade/auth/storetest"
)

var server pgtest.Server

func TestMain(m *testing.M) {
	code := m.Run()
	server.Stop()
	err := goleak.Find()
	for range 600 { // on a busy machine goroutines take their time to end
		if err == nil {
			break
		}
		time.Sleep(100 * time.Millisecond)
		err = goleak.Find()
	}
	if err != nil && code == 0 {
		fmt.Println(err)
		code = 1
	}
	os.Exit(code)
}

// openDB opens a pool on the database at url.
func openDB(t testing.TB, url string) *sql.DB {
	t.Helper()
	db, err := sql.Open("pgx", url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// migrated opens a store over db, with its tables.
func migrated(t testing.TB, db *sql.DB, opts ...pgstore.Option) *pgstore.Store {
	t.Helper()
	store, err := pgstore.New(db, opts...)
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	return store
}

// fixture is a store with a pool of its own, and a second pool for what a test
// does behind its back.
type fixture struct {
	*pgstore.Store
	db, admin *sql.DB
	url       string
}

// shared is the URL of the database that newStore empties for each test. A
// database for each would take longer than most tests.
var shared string

// newStore opens a store on new tables. Its database is shared with the tests
// before and after, so t must not change its settings: see newStoreApart.
func newStore(t testing.TB, opts ...pgstore.Option) fixture {
	t.Helper()
	if shared == "" {
		shared = server.NewDatabase(t)
	}
	f := fixture{db: openDB(t, shared), admin: openDB(t, shared), url: shared}
	exec(t, f.admin, "DROP TABLE IF EXISTS credkit_sessions, credkit_sessions_schema")
	f.Store = migrated(t, f.db, opts...)
	return f
}

// newStoreApart opens a store in a database of its own.
func newStoreApart(t testing.TB, opts ...pgstore.Option) fixture {
	t.Helper()
	url := server.NewDatabase(t)
	f := fixture{db: openDB(t, url), admin: openDB(t, url), url: url}
	f.Store = migrated(t, f.db, opts...)
	return f
}

// another opens another store on the same table: another process.
func (f fixture) another(t testing.TB, opts ...pgstore.Option) *pgstore.Store {
	t.Helper()
	return migrated(t, openDB(t, f.url), opts...)
}

// rows counts the rows of the default table, placeholders too.
func (f fixture) rows(t testing.TB) (n int) {
	t.Helper()
	if err := f.admin.QueryRow("SELECT count(*) FROM credkit_sessions").Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// put stores record under key.
func put(t testing.TB, store auth.Store, key, record string) {
	t.Helper()
	if err := store.Update(t.Context(), key, returning(record)); err != nil {
		t.Fatal(err)
	}
}

// returning is an f that stores record; the empty one deletes.
func returning(record string) func(context.Context, []byte) ([]byte, error) {
	return func(context.Context, []byte) ([]byte, error) { return append([]byte{}, record...), nil }
}

func want(t testing.TB, store auth.Store, key, record string) {
	t.Helper()
	got, err := store.Load(t.Context(), key)
	if err != nil || string(got) != record {
		t.Errorf("Load(%q) = %q, %v, want %q", key, got, err, record)
	}
}

// contract runs the suite on the database at url, with a table for each part
// of it and two pools, as two processes have.
func contract(t *testing.T, url string) {
	t.Helper()
	one, two := openDB(t, url), openDB(t, url)
	table := 0
	storetest.Run(t, func(t *testing.T) (a, b auth.Store) {
		table++
		name := pgstore.WithTable(fmt.Sprint("part_", table))
		return migrated(t, one, name), migrated(t, two, name)
	})
}

func TestStoreContract(t *testing.T) {
	for name, parameters := range map[string]string{
		"prepared statements": "",
		"as behind PgBouncer": "&default_query_exec_mode=exec",
		"simple protocol":     "&default_query_exec_mode=simple_protocol",
	} {
		t.Run(name, func(t *testing.T) { contract(t, server.NewDatabase(t)+parameters) })
	}
}

func TestStoreContractUnderStrangeDefaults(t *testing.T) {
	url := server.NewDatabase(t)
	db := openDB(t, url)
	for _, setting := range []string{
		"default_transaction_isolation = 'serializable'", "synchronous_commit = off", "lock_timeout = '1ms'",
		"idle_in_transaction_session_timeout = '1min'", "bytea_output = 'escape'", "standard_conforming_strings = off",
	} {
		exec(t, db, "ALTER DATABASE "+currentDatabase(t, db)+" SET "+setting)
	}
	contract(t, url)
}

func TestStoreSetsItsTransactionsUp(t *testing.T) {
	store := newStoreApart(t)
	for server, own := range map[string]string{"off": "on", "on": "on", "local": "local", "remote_apply": "remote_apply"} {
		exec(t, store.admin, "ALTER DATABASE "+currentDatabase(t, store.admin)+" SET synchronous_commit = "+server)
		exec(t, store.admin, "ALTER DATABASE "+currentDatabase(t, store.admin)+" SET default_transaction_isolation = serializable")
		fresh := store.another(t, pgstore.WithHoldTimeout(90*time.Second))
		got, err := fresh.Settings(t.Context(), "synchronous_commit", "lock_timeout", "idle_in_transaction_session_timeout", "transaction_isolation")
		if wanted := []string{own, "90s", "90s", "read committed"}; err != nil || !slices.Equal(got, wanted) {
			t.Errorf("with synchronous_commit %s: %q, %v, want %q", server, got, err, wanted)
		}
	}
}

func currentDatabase(t testing.TB, db *sql.DB) (name string) {
	t.Helper()
	if err := db.QueryRow("SELECT current_database()").Scan(&name); err != nil {
		t.Fatal(err)
	}
	return name
}

func exec(t testing.TB, db *sql.DB, statement string, args ...any) {
	t.Helper()
	if _, err := db.ExecContext(t.Context(), statement, args...); err != nil {
		t.Fatal(err)
	}
}

// TestStoreRefusesARowOfAnotherKey: somebody has copied or renamed a row.
func TestStoreRefusesARowOfAnotherKey(t *testing.T) {
	store := newStore(t)
	put(t, store, "a", "record")
	exec(t, store.admin, "UPDATE credkit_sessions SET key = 'b'")
	_, loading := store.Load(t.Context(), "a")
	updating := store.Update(t.Context(), "a", func(context.Context, []byte) ([]byte, error) {
		t.Error("f was called")
		return []byte("new"), nil
	})
	for what, err := range map[string]error{"Load": loading, "Update": updating} {
		if !errors.Is(err, auth.ErrCorruptRecord) || !strings.Contains(err.Error(), `"b"`) {
			t.Errorf("%s: %v, want ErrCorruptRecord and whose record it is", what, err)
		}
	}
	for range 2 { // no record is no error
		if err := store.Delete(t.Context(), "a"); err != nil {
			t.Errorf("Delete: %v", err)
		}
		if n := store.rows(t); n != 0 {
			t.Errorf("Delete left %d rows", n)
		}
	}
	put(t, store, "a", "new")
	want(t, store, "a", "new")
	if err := store.Delete(t.Context(), ""); err == nil {
		t.Error("an empty key was taken")
	}
}

// TestStoreSaysWhatAPoolerNeeds has the server know another statement by the
// name that pgx gives to one of the store: as behind PgBouncer in transaction
// mode, where clients share a connection.
func TestStoreSaysWhatAPoolerNeeds(t *testing.T) {
	store := newStore(t)
	store.db.SetMaxOpenConns(1)
	put(t, store, "a", "record")
	want(t, store, "a", "record")
	rows, err := store.db.Query("SELECT name FROM pg_prepared_statements")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var others strings.Builder
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&others, "PREPARE %q AS SELECT 1;", name)
	}
	if err := rows.Err(); err != nil || others.Len() == 0 {
		t.Fatalf("no statement is prepared: %v", err)
	}
	config, err := pgx.ParseConfig(store.url)
	if err != nil {
		t.Fatal(err)
	}
	pooled := stdlib.OpenDB(*config, stdlib.OptionAfterConnect(func(ctx context.Context, c *pgx.Conn) error {
		_, err := c.PgConn().Exec(ctx, others.String()).ReadAll()
		return err
	}))
	defer func() { _ = pooled.Close() }()
	behind, err := pgstore.New(pooled)
	if err != nil {
		t.Fatal(err)
	}
	_, err = behind.Load(t.Context(), "a")
	if err == nil || !strings.Contains(err.Error(), "42P05") || !strings.Contains(err.Error(), "default_query_exec_mode=exec") {
		t.Errorf("Load gave %v, want 42P05 and what to set", err)
	}
}

func TestStoreLeavesNoRowBehind(t *testing.T) {
	store := newStore(t)
	errOfF := errors.New("an error of f")
	for name, f := range map[string]func(context.Context, []byte) ([]byte, error){
		"kept":    func(context.Context, []byte) ([]byte, error) { return nil, nil },
		"failed":  func(context.Context, []byte) ([]byte, error) { return nil, errOfF },
		"deleted": returning(""),
	} {
		if err := store.Update(t.Context(), name, f); err != nil && !errors.Is(err, errOfF) {
			t.Error(err)
		}
	}
	put(t, store, "a", "record")
	put(t, store, "a", "")
	if n := store.rows(t); n != 0 {
		t.Errorf("the table has %d rows, want none", n)
	}
}

// TestStoreWithOneConnection gives the store a pool of one.
func TestStoreWithOneConnection(t *testing.T) {
	store := newStore(t)
	store.db.SetMaxOpenConns(1)
	ctx := t.Context()
	var wg sync.WaitGroup
	for i := range 6 {
		wg.Go(func() {
			for range 5 {
				if err := store.Update(ctx, fmt.Sprint("key ", i%2), returning("record")); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	for key, err := range store.Keys(ctx) {
		if err != nil {
			t.Fatal(err)
		}
		if err := store.Update(ctx, key, returning("updated")); err != nil {
			t.Error(err)
		}
		want(t, store, key, "updated")
	}
	err := store.Update(ctx, "key 0", func(context.Context, []byte) ([]byte, error) {
		store.cut(t)
		return []byte("after the cut"), nil
	})
	if err != nil {
		t.Error(err)
	}
	want(t, store, "key 0", "after the cut")
}

// TestStoreInsideATransaction calls Update where its caller has the only
// connection of the pool.
func TestStoreInsideATransaction(t *testing.T) {
	store := newStore(t, pgstore.WithConnectTimeout(100*time.Millisecond))
	store.db.SetMaxOpenConns(1)
	fresh, err := pgstore.New(store.db, pgstore.WithConnectTimeout(100*time.Millisecond)) // has not seen the schema
	if err != nil {
		t.Fatal(err)
	}
	patient, err := pgstore.New(store.db) // waits for a connection for longer than the deadline below
	if err != nil {
		t.Fatal(err)
	}
	tx, err := store.db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	update := func(ctx context.Context, store auth.Store) error {
		return store.Update(ctx, "a", func(context.Context, []byte) ([]byte, error) {
			t.Error("f was called")
			return nil, nil
		})
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := update(ctx, patient); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("with a deadline: %v, want context.DeadlineExceeded", err)
	}
	for what, err := range map[string]error{
		"Load":                  second(store.Load(context.Background(), "a")),
		"Load of a new store":   second(fresh.Load(context.Background(), "a")),
		"Update of a new store": fresh.Update(context.Background(), "a", returning("record")),
	} {
		if err == nil || !strings.Contains(err.Error(), "inside a transaction") {
			t.Errorf("%s: %v, want an error that says what is wrong", what, err)
		}
	}
	if err := update(context.Background(), store); err == nil || !strings.Contains(err.Error(), "inside a transaction") {
		t.Errorf("without a deadline: %v, want an error that says what is wrong", err)
	}
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}
	put(t, store.another(t), "a", "record") // whose time for a connection is not as short
}

func second(_ []byte, err error) error { return err }

// TestStoreWaitersHoldNoConnection has more waiters than connections.
func TestStoreWaitersHoldNoConnection(t *testing.T) {
	url := server.NewDatabase(t)
	holder := migrated(t, openDB(t, url), pgstore.WithMaxRefreshes(5))
	pool := openDB(t, url)
	pool.SetMaxOpenConns(2)
	waiter := migrated(t, pool)

	var inside, done sync.WaitGroup
	leave := make(chan struct{})
	for i := range 5 {
		key := fmt.Sprint("key ", i)
		inside.Add(1)
		done.Go(func() {
			err := holder.Update(t.Context(), key, func(context.Context, []byte) ([]byte, error) {
				inside.Done()
				<-leave
				return []byte("the holder's"), nil
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	inside.Wait()
	for i := range 5 {
		done.Go(func() {
			err := waiter.Update(t.Context(), fmt.Sprint("key ", i), func(_ context.Context, current []byte) ([]byte, error) {
				if string(current) != "the holder's" {
					t.Errorf("the waiter got %q", current)
				}
				return []byte("the waiter's"), nil
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	for range 20 { // while all of them wait, the pool is free for others
		put(t, waiter, "free", "record")
		want(t, waiter, "free", "record")
	}
	close(leave)
	done.Wait()
	for i := range 5 {
		want(t, holder, fmt.Sprint("key ", i), "the waiter's")
	}
}

func TestStoreKeepsToMaxRefreshes(t *testing.T) {
	store := newStore(t, pgstore.WithMaxRefreshes(2))
	var inside, most atomic.Int32
	var wg sync.WaitGroup
	for i := range 12 {
		wg.Go(func() {
			err := store.Update(t.Context(), fmt.Sprint("key ", i), func(context.Context, []byte) ([]byte, error) {
				defer inside.Add(-1)
				most.Store(max(most.Load(), inside.Add(1)))
				if used := store.db.Stats().InUse; used > 2 {
					t.Errorf("%d connections are in use", used)
				}
				return []byte("record"), nil
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if most.Load() > 2 {
		t.Errorf("%d f ran at once, want 2 at most", most.Load())
	}
	for pool, refreshes := range map[int]int{0: 4, 1: 1, 2: 1, 3: 1, 4: 2, 5: 2, 8: 4, 100: 4} {
		if got := pgstore.DefaultRefreshes(pool); got != refreshes {
			t.Errorf("a pool of %d has %d refreshes, want %d", pool, got, refreshes)
		}
	}
}
