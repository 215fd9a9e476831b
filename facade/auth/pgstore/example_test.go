package pgstore_test

import (
	"context"
	"database/sql"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib"

	"github.com/credkit/credkit-go/facade/auth/pgstore"
)

// The program opens the pool with the driver it likes, and closes it when it
// is done.
func Example() {
	db, err := sql.Open("pgx", "postgres://credkit@db.example.com/sessions")
	if err != nil {
		return
	}
	defer func() { _ = db.Close() }()
	store, err := pgstore.New(db,
		pgstore.WithTable("tokens.sessions"),
		pgstore.WithHoldTimeout(time.Minute)) // above the token request's timeout
	if err != nil {
		return
	}
	if err := store.Migrate(context.Background()); err != nil {
		return
	}
	_ = store // auth.NewSessions(store, …)
}
