package pgstore_test

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/credkit/credkit-go/facade/auth"
	"github.com/credkit/credkit-go/facade/auth/pgstore"
)

// cut has the server end every connection that holds a lock, and waits until
// the locks are free.
func (f fixture) cut(t testing.TB) {
	t.Helper()
	var holders, cut int
	err := f.admin.QueryRow(`SELECT count(*), count(*) FILTER (WHERE pg_terminate_backend(pid, 600000)) FROM pg_stat_activity
		WHERE datname = current_database() AND state = 'idle in transaction'`).Scan(&holders, &cut)
	if err != nil || holders == 0 || holders != cut {
		t.Errorf("%d of %d holders were cut (%v)", cut, holders, err)
	}
}

// TestStoreSavesOnANewConnection loses the connection, and the lock with it,
// while f runs.
func TestStoreSavesOnANewConnection(t *testing.T) {
	for name, start := range map[string]string{"a record": "old", "no record": ""} {
		for change, next := range map[string]string{"replaced": "new", "deleted": ""} {
			t.Run(name+" "+change, func(t *testing.T) {
				store := newStore(t)
				if start != "" {
					put(t, store, "a", start)
				}
				err := store.Update(t.Context(), "a", func(context.Context, []byte) ([]byte, error) {
					store.cut(t)
					return []byte(next), nil
				})
				if next == "" && start == "" { // nothing to save: keep the connection's loss quiet
					if err != nil {
						t.Error(err)
					}
				} else if err != nil {
					t.Errorf("the record was not saved: %v", err)
				}
				want(t, store, "a", next)
				put(t, store, "a", "after")
				want(t, store, "a", "after")
			})
		}
	}
}

// TestStoreConflict loses the lock to another process, which then saves,
// keeps or deletes.
func TestStoreConflict(t *testing.T) {
	keep := func(context.Context, []byte) ([]byte, error) { return nil, nil }
	for _, c := range []struct {
		name, start, next string
		other             func(context.Context, []byte) ([]byte, error)
		conflict          bool
		stored            string
	}{
		{"replaced, so the save conflicts", "old", "mine", returning("theirs"), true, "theirs"},
		{"replaced by the same, so the save conflicts", "old", "mine", returning("old"), true, "old"},
		{"deleted, so the save conflicts", "old", "mine", returning(""), true, ""},
		{"kept, so the save goes through", "old", "mine", keep, false, "mine"},
		{"made, so the save conflicts", "", "mine", returning("theirs"), true, "theirs"},
		{"still not there, so the save goes through", "", "mine", keep, false, "mine"},
		{"replaced, so the deletion conflicts", "old", "", returning("theirs"), true, "theirs"},
		{"deleted, so the deletion has happened", "old", "", returning(""), false, ""},
		{"kept, so the deletion goes through", "old", "", keep, false, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			store := newStore(t)
			other := store.another(t)
			if c.start != "" {
				put(t, store, "a", c.start)
			}
			err := store.Update(t.Context(), "a", func(context.Context, []byte) ([]byte, error) {
				store.cut(t)
				if err := other.Update(t.Context(), "a", c.other); err != nil {
					t.Error(err)
				}
				return []byte(c.next), nil
			})
			if errors.Is(err, auth.ErrConflict) != c.conflict || (err != nil) != c.conflict {
				t.Errorf("Update gave %v, want a conflict: %v", err, c.conflict)
			}
			want(t, store, "a", c.stored)
		})
	}
}

// TestStoreMakesARecordOverAPlaceholder loses the lock of a new key to a
// process that was killed before it had a record.
func TestStoreMakesARecordOverAPlaceholder(t *testing.T) {
	store := newStore(t)
	err := store.Update(t.Context(), "a", func(context.Context, []byte) ([]byte, error) {
		store.cut(t)
		exec(t, store.admin, "UPDATE credkit_sessions SET version = 'of another process'")
		return []byte("mine"), nil
	})
	if err != nil {
		t.Error(err)
	}
	want(t, store, "a", "mine")
}

// TestStoreWaitsForTheProcessThatTookOver saves while another process holds
// the lock: what comes of the save is known once that one is done.
func TestStoreWaitsForTheProcessThatTookOver(t *testing.T) {
	store := newStore(t)
	other := store.another(t)
	put(t, store, "a", "old")
	inside, leave, done := make(chan struct{}), make(chan struct{}), make(chan error)
	err := store.Update(t.Context(), "a", func(context.Context, []byte) ([]byte, error) {
		store.cut(t)
		go func() {
			done <- other.Update(t.Context(), "a", func(context.Context, []byte) ([]byte, error) {
				close(inside)
				<-leave
				return []byte("theirs"), nil
			})
		}()
		<-inside
		time.AfterFunc(100*time.Millisecond, func() { close(leave) })
		return []byte("mine"), nil
	})
	if !errors.Is(err, auth.ErrConflict) {
		t.Errorf("Update gave %v, want ErrConflict", err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
	want(t, store, "a", "theirs")
}

func TestStoreOutlivesARestartOfTheServer(t *testing.T) {
	store := newStore(t)
	put(t, store, "a", "old")
	err := store.Update(t.Context(), "a", func(context.Context, []byte) ([]byte, error) {
		server.Crash(t)
		return []byte("new"), nil
	})
	if err != nil {
		t.Errorf("a restart while f ran: %v", err)
	}
	want(t, store, "a", "new")

	server.Crash(t) // with connections in the pool
	put(t, store, "a", "newer")
	server.Crash(t)
	want(t, store, "a", "newer")
	server.Crash(t)
	for key, err := range store.Keys(t.Context()) {
		if key != "a" || err != nil {
			t.Errorf("Keys gave %q, %v", key, err)
		}
	}
}

func TestStoreWithoutItsServer(t *testing.T) {
	patient := newStore(t)
	put(t, patient, "a", "old")
	store := patient.another(t, pgstore.WithSaveTimeout(200*time.Millisecond))
	ctx, cancel := context.WithCancel(t.Context())
	err := store.Update(ctx, "a", func(context.Context, []byte) ([]byte, error) {
		cancel()
		server.Halt(t)
		return []byte("a secret record"), nil
	})
	if err == nil || errors.Is(err, auth.ErrConflict) || strings.Contains(err.Error(), "secret") {
		t.Errorf("the save gave %v, want an error about the server", err)
	}

	// A context that ends while a connection is tried for again and again.
	config, err := pgx.ParseConfig(patient.url)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel = context.WithCancel(t.Context())
	defer cancel()
	dials := 0
	dial := config.DialFunc
	config.DialFunc = func(c context.Context, network, address string) (net.Conn, error) {
		conn, err := dial(c, network, address)
		if dials++; dials == 3 {
			cancel()
		}
		return conn, err
	}
	db := stdlib.OpenDB(*config)
	defer func() { _ = db.Close() }()
	unreachable, err := pgstore.New(db)
	if err != nil {
		t.Fatal(err)
	}
	err = unreachable.Update(ctx, "a", func(context.Context, []byte) ([]byte, error) {
		t.Error("f was called")
		return nil, nil
	})
	if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "connect") {
		t.Errorf("Update gave %v, want the end of the context and the reason", err)
	}
	server.Resume(t)
	want(t, patient, "a", "old")
	put(t, patient, "a", "new")
	want(t, patient, "a", "new")
}

// TestStoreTakesALockFromAFrozenProcess has f run longer than the hold
// timeout, as in a process that is stopped.
func TestStoreTakesALockFromAFrozenProcess(t *testing.T) {
	store := newStore(t, pgstore.WithHoldTimeout(time.Second))
	other := store.another(t)
	put(t, store, "a", "old")
	err := store.Update(t.Context(), "a", func(context.Context, []byte) ([]byte, error) {
		put(t, other, "a", "theirs") // waits for the lock to be taken away
		return []byte("mine"), nil
	})
	if !errors.Is(err, auth.ErrConflict) {
		t.Errorf("Update gave %v, want ErrConflict", err)
	}
	want(t, store, "a", "theirs")
}
