package pgstore_test

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib"

	"github.com/credkit/credkit-go/facade/auth"
	"github.com/credkit/credkit-go/facade/auth/pgstore"
)

// The program opens the pool with the driver it likes, and closes it when it
// is done.
func Example() {
	ctx := context.Background()
	url := "postgres://credkit@db.example.com/sessions"

	db, err := sql.Open("pgx", url)
	if err != nil {
		return
	}
	store, err := pgstore.New(db)
	if err != nil {
		return
	}
	err = store.Migrate(ctx) // once, by a role that may create tables
	if err != nil {
		return
	}
	_, _ = auth.NewSessions(store, auth.App{ClientID: "acme"})
}

// The settings of a store.
func ExampleNew() {
	db, err := sql.Open("pgx", "postgres://credkit@db.example.com/sessions")
	if err != nil {
		return
	}
	defer func() { _ = db.Close() }()
	_, err = pgstore.New(db,
		pgstore.WithTable("tokens.sessions"),
		pgstore.WithMaxRefreshes(8), // connections that refreshes may hold
		pgstore.WithSaveTimeout(10*time.Second),
		pgstore.WithHoldTimeout(time.Minute)) // above the token request's timeout
	fmt.Println(err)
	// Output: <nil>
}
