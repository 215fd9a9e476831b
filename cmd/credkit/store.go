package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/credkit/credkit-go/facade/auth"
	"github.com/credkit/credkit-go/facade/auth/filestore"
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

// A connection string of PostgreSQL in keywords, host=… password=…, and what
// else may be a mistyped one with a password in it: no directory is made of
// either.
var (
	keywordString = regexp.MustCompile(`^\s*[a-z_]+\s*=`)
	mistypedURL   = regexp.MustCompile(`^(postgres(ql)?:|[^/\\]*:[^/\\]*@)`)
)

// openStore opens the store of the environment, to be closed at the end.
func (p *program) openStore(ctx context.Context) (*openStore, error) {
	place := p.env(envStore)
	scheme, _, isURL := strings.Cut(place, "://")
	switch {
	case isURL && scheme != "postgres" && scheme != "postgresql":
		return nil, usagef("%s begins with %s://: want a directory, or a postgres:// URL", envStore, scheme)
	case isURL, keywordString.MatchString(place):
		return p.openPostgres(ctx, place)
	case mistypedURL.MatchString(place):
		return nil, usagef("%s is not a URL like postgres://user@host/database; if it is a directory, begin it with ./", envStore)
	case place == "":
		config, err := os.UserConfigDir()
		if err != nil {
			return nil, usagef("there is no directory for sessions: %w: set %s to one", err, envStore)
		}
		place = filepath.Join(config, "credkit", "sessions")
	}
	store, err := filestore.New(place)
	if err != nil {
		return nil, fmt.Errorf("the store of sessions, which %s sets: %w", envStore, err)
	}
	return &openStore{Store: store, where: place, prepare: func(context.Context) error { return nil }}, nil
}

func (p *program) openPostgres(ctx context.Context, address string) (*openStore, error) {
	config, err := pgx.ParseConfig(address)
	if err != nil { // its text may hold a password
		return nil, usagef("%s is no connection string that PostgreSQL's driver takes: want postgres://user@host/database, or host=… dbname=…; if it is a directory, begin it with ./", envStore)
	}
	db := stdlib.OpenDB(*config)
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
	where := strings.TrimSuffix("the database "+config.Database, " ")
	if !strings.HasPrefix(config.Host, "/") { // a socket
		where += " on " + net.JoinHostPort(config.Host, strconv.Itoa(int(config.Port)))
	}
	return &openStore{Store: store, where: where, prepare: store.Migrate}, nil
}
