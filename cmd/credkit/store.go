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

// sessionStore is where sessions are saved.
type sessionStore struct {
	auth.Store
	// where names the store for people, without a password.
	where string
	// prepare makes the store ready for a first sign-in.
	prepare func(context.Context) error
}

// connectTimeout bounds the wait for a database at the start: a person is waiting.
const connectTimeout = 10 * time.Second

// A connection string of PostgreSQL in keywords, host=… password=…, and what
// may be a mistyped one with a password in it: it must not become the name of a
// directory.
var (
	keywordString = regexp.MustCompile(`^\s*[a-z_]+\s*=`)
	mistypedURL   = regexp.MustCompile(`^(postgres(ql)?:|[^/\\]*:[^/\\]*@)`)
)

// openStore opens the store that the environment names, to be closed when the
// command is done.
func (p *program) openStore(ctx context.Context) (*sessionStore, error) {
	return p.openStoreAt(ctx, p.env(envStore))
}

// openStoreAt opens the store at a place as [envStore] has it.
func (p *program) openStoreAt(ctx context.Context, place string) (*sessionStore, error) {
	scheme, _, isURL := strings.Cut(place, "://")
	switch {
	case isURL && scheme != "postgres" && scheme != "postgresql":
		return nil, usagef("%s starts with %s://: want a directory, or a postgres:// URL", envStore, scheme)
	case isURL, keywordString.MatchString(place):
		return p.openPostgres(ctx, place)
	case mistypedURL.MatchString(place):
		return nil, usagef("%s is not a URL like postgres://user@host/database; if it is a directory, start it with ./", envStore)
	case place == "":
		config, err := os.UserConfigDir()
		if err != nil {
			return nil, usagef("no directory for sessions: %w: set %s to one", err, envStore)
		}
		place = filepath.Join(config, "credkit", "sessions")
	}
	store, err := filestore.New(place)
	if err != nil {
		return nil, fmt.Errorf("the store of sessions, which %s sets: %w", envStore, err)
	}
	return &sessionStore{Store: store, where: place, prepare: func(context.Context) error { return nil }}, nil
}

func (p *program) openPostgres(ctx context.Context, address string) (*sessionStore, error) {
	config, err := pgx.ParseConfig(address)
	if err != nil { // its text may hold a password
		return nil, usagef("%s is not a valid connection string of PostgreSQL: want postgres://user@host/database, or host=… dbname=…; if it is a directory, start it with ./", envStore)
	}
	db := stdlib.OpenDB(*config)
	p.onClose(func(context.Context) error { return db.Close() })
	db.SetMaxOpenConns(4)
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
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
	return &sessionStore{Store: store, where: where, prepare: store.Migrate}, nil
}
