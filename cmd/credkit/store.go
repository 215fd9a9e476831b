package main

import (
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver of postgres:// stores

	"github.com/credkit/credkit-go/facade/auth"
	"github.com/credkit/credkit-go/facade/auth/pgstore"
)

// openStore is where sessions are kept.
type openStore struct {
	auth.Store
	// where names the store for people, without a password.
	where string
	// prepare makes the store ready for a first sign-in.
	prepare func(context.Context) error
}

// reachWithin bounds the wait for a database at the start: a person is waiting.
const reachWithin = 10 * time.Second

// openStore opens the store of the environment, to be closed at the end.
func (p *program) openStore(ctx context.Context) (*openStore, error) {
	place := p.env(envStore)
	if scheme, _, ok := strings.Cut(place, "://"); ok {
		if scheme != "postgres" && scheme != "postgresql" {
			return nil, usagef("%s begins with %s://: want a folder, or a postgres:// URL", envStore, scheme)
		}
		return p.openPostgres(ctx, place)
	}
	if place == "" {
		config, err := os.UserConfigDir()
		if err != nil {
			return nil, usagef("there is no folder for sessions: %w: set %s to one", err, envStore)
		}
		place = filepath.Join(config, "credkit", "sessions")
	}
	store, err := auth.NewFileStore(place)
	if err != nil {
		return nil, fmt.Errorf("the store of sessions, which %s sets: %w", envStore, err)
	}
	return &openStore{Store: store, where: place, prepare: func(context.Context) error { return nil }}, nil
}

func (p *program) openPostgres(ctx context.Context, address string) (*openStore, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, usagef("%s is not a URL like postgres://user@host/database", envStore) // its text may hold a password
	}
	db, err := sql.Open("pgx", address)
	if err != nil {
		return nil, usagef("%s is not a URL that PostgreSQL's driver takes", envStore) // the same
	}
	p.atEnd(func(context.Context) error { return db.Close() })
	db.SetMaxOpenConns(4)
	ctx, cancel := context.WithTimeout(ctx, reachWithin)
	defer cancel()
	if err := db.PingContext(ctx); err != nil {
		return nil, fmt.Errorf("the store of sessions, which %s sets, cannot be reached: %w", envStore, err)
	}
	store, err := pgstore.New(db)
	if err != nil {
		return nil, err
	}
	where := "the database" + strings.TrimSuffix(" "+strings.TrimPrefix(u.Path, "/"), " ")
	if u.Host != "" {
		where += " on " + u.Host
	}
	return &openStore{Store: store, where: where, prepare: store.Migrate}, nil
}
