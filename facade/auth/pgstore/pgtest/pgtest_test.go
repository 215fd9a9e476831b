package pgtest_test

import (
	"database/sql"
	"os"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib"

	"github.com/credkit/credkit-go/facade/auth/pgstore/pgtest"
)

var server pgtest.Server

func TestMain(m *testing.M) {
	code := m.Run()
	server.Stop()
	os.Exit(code)
}

func open(t *testing.T) *sql.DB {
	t.Helper()
	db, err := sql.Open("pgx", server.NewDatabase(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func TestServerKeepsDatabasesApartAndThroughACrash(t *testing.T) {
	one, two := open(t), open(t)
	for _, db := range []*sql.DB{one, two} {
		if _, err := db.Exec("CREATE TABLE t (a int)"); err != nil {
			t.Fatal(err)
		}
	}
	server.Crash(t)
	var n int
	err := one.QueryRow("SELECT count(*) FROM t").Scan(&n)
	if err != nil { // the pooled connection was cut
		err = one.QueryRow("SELECT count(*) FROM t").Scan(&n)
	}
	if err != nil || n != 0 {
		t.Errorf("after the crash: %d rows, %v", n, err)
	}
}
