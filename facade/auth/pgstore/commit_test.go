package pgstore_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
)

// cutter is a driver that loses connections while it commits.
type cutter struct {
	driver.Connector
	// before and after are how many commits to come lose their connection
	// before and after they reach the server.
	before, after atomic.Int32
}

func (c *cutter) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	return &cutConn{conn.(*stdlib.Conn), c}, nil
}

type cutConn struct {
	*stdlib.Conn
	cutter *cutter
}

func (c *cutConn) BeginTx(ctx context.Context, opts driver.TxOptions) (driver.Tx, error) {
	tx, err := c.Conn.BeginTx(ctx, opts)
	return &cutTx{tx, c}, err
}

type cutTx struct {
	driver.Tx
	conn *cutConn
}

var errCut = errors.New("the connection was cut")

func (tx *cutTx) Commit() error {
	if tx.conn.cutter.before.Add(-1) >= 0 {
		return errors.Join(errCut, tx.conn.Close())
	}
	err := tx.Tx.Commit()
	if tx.conn.cutter.after.Add(-1) >= 0 {
		return errors.Join(errCut, err, tx.conn.Close())
	}
	return err
}

// TestStoreFindsOutWhatBecameOfACommit loses the answer to one commit or more.
func TestStoreFindsOutWhatBecameOfACommit(t *testing.T) {
	config, err := pgx.ParseConfig(server.NewDatabase(t))
	if err != nil {
		t.Fatal(err)
	}
	faulty := &cutter{Connector: stdlib.GetConnector(*config)}
	db := sql.OpenDB(faulty)
	t.Cleanup(func() { _ = db.Close() })
	store := migrated(t, db)
	for _, c := range []struct {
		name          string
		before, after int32
	}{{"cut before", 1, 0}, {"cut after", 0, 1}, {"cut twice after", 0, 2}, {"cut before, then after", 1, 1}, {"cut often", 3, 2}} {
		for _, start := range []string{"", "old"} {
			for _, next := range []string{"new", ""} {
				key := fmt.Sprintf("%s, from %q to %q", c.name, start, next)
				t.Run(key, func(t *testing.T) {
					if start != "" {
						put(t, store, key, start)
					}
					calls := 0
					err := store.Update(t.Context(), key, func(context.Context, []byte) ([]byte, error) {
						calls++
						faulty.before.Store(c.before)
						faulty.after.Store(c.after)
						return []byte(next), nil
					})
					faulty.before.Store(0)
					faulty.after.Store(0)
					if err != nil || calls != 1 {
						t.Errorf("Update called f %d times and gave %v", calls, err)
					}
					want(t, store, key, next)
				})
			}
		}
	}
}
