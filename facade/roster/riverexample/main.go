// Command riverexample reads a team's roster every night, on as many machines
// as there are: a job for each worker in a queue (River) on the PostgreSQL that
// has the sessions, and a table of results. It is an example to copy.
//
// A job that fails is tried again by the queue. A process that is killed loses
// nothing: its sessions are safe (package pgstore), its jobs are rescued, and
// the result of a job is written in the transaction that completes it. To try
// it, with PostgreSQL on this machine:
//
//	createdb team
//	export CREDKIT_STORE=postgres:///team
//	credkit sandbox --workers 200 --store $CREDKIT_STORE  # prints what to export below
//
// and in other terminals, with the lines that it prints:
//
//	go run . -migrate
//	go run .
//	go run .    # a second process; kill -9 any of them
//	psql team -c "SELECT worker, c->>'title', c->>'expires_on', c->>'state'
//		FROM roster_result, jsonb_array_elements(row->'certifications') c
//		WHERE c->>'state' IN ('expired', 'due') ORDER BY 3 LIMIT 20"
//	psql team -c "SELECT worker, row->'error'->>'remedy' FROM roster_result WHERE row->'error' != 'null'"
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"

	"github.com/credkit/credkit-go/api/date"
	"github.com/credkit/credkit-go/facade"
	"github.com/credkit/credkit-go/facade/auth"
	"github.com/credkit/credkit-go/facade/auth/pgstore"
)

func main() {
	migrate := flag.Bool("migrate", false, "create the tables and exit")
	parallel := flag.Int("parallel", 16, "how many workers this process reads at a time")
	timeout := flag.Duration("timeout", 2*time.Minute, "how long one worker may take; a killed process's jobs are run again after four times that")
	hour := flag.Int("hour", 2, "at which hour (UTC) the night's work begins")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *migrate, *parallel, *timeout, *hour); err != nil {
		fmt.Fprintln(os.Stderr, "riverexample:", err)
		os.Exit(1)
	}
}

// run works on jobs until ctx ends.
func run(ctx context.Context, migrate bool, parallel int, timeout time.Duration, hour int) (err error) {
	address := os.Getenv("CREDKIT_STORE")
	if address == "" {
		return errors.New("CREDKIT_STORE is not set: want postgres://user@host/database, where the sessions are")
	}
	config, err := pgxpool.ParseConfig(address)
	if err != nil {
		return err
	}
	config.MaxConns = max(config.MaxConns, int32(parallel)) //nolint:gosec // small
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return err
	}
	defer pool.Close()
	db := stdlib.OpenDBFromPool(pool)
	defer func() { err = errors.Join(err, db.Close()) }()
	store, err := pgstore.New(db)
	if err != nil {
		return err
	}
	if migrate {
		return createTables(ctx, pool, store)
	}

	sessions, err := auth.NewSessions(store, auth.App{ClientID: os.Getenv("COSMIC_CLIENT_ID"), ClientSecret: os.Getenv("COSMIC_CLIENT_SECRET")})
	if err != nil {
		return err
	}
	defer func() { // tokens that are being renewed are saved
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), 15*time.Second)
		defer cancel()
		err = errors.Join(err, sessions.Close(closing))
	}()
	var options []facade.Option
	if base := os.Getenv("COSMIC_BASE_URL"); base != "" {
		options = append(options, facade.WithBaseURL(base))
	}
	cosmic, err := facade.NewCosmic(sessions.Key("any"), options...) // of each session, later
	if err != nil {
		return err
	}

	host, _ := os.Hostname()
	name := fmt.Sprintf("%s-%d", host, os.Getpid())
	workers := river.NewWorkers()
	river.AddWorker(workers, &nightWorker{sessions: sessions})
	river.AddWorker(workers, &readWorker{cosmic: cosmic, sessions: sessions, pool: pool, timeout: timeout, process: name})
	client, err := river.NewClient(riverpgxv5.New(pool), &river.Config{
		ID:      name,
		Logger:  slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})),
		Queues:  map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: parallel}},
		Workers: workers,
		// One process inserts the night's job, whichever leads; the day makes it unique.
		PeriodicJobs: []*river.PeriodicJob{river.NewPeriodicJob(daily(hour), func() (river.JobArgs, *river.InsertOpts) {
			return nightArgs{Day: date.FromTime(time.Now().UTC())}, nil
		}, &river.PeriodicJobOpts{RunOnStart: true})},
		JobTimeout:           2 * timeout, // what a worker takes, and writing the result
		RescueStuckJobsAfter: 4 * timeout, // more than JobTimeout, or jobs run twice
		SoftStopTimeout:      10 * time.Second,
	})
	if err != nil {
		return err
	}
	if err := client.Start(ctx); err != nil {
		return err
	}
	<-client.Stopped()
	return nil
}

// daily is the hour of the day (UTC) at which the night's work begins.
type daily int

// Next implements [river.PeriodicSchedule].
func (hour daily) Next(now time.Time) time.Time {
	y, m, d := now.UTC().Date()
	next := time.Date(y, m, d, int(hour), 0, 0, 0, time.UTC)
	if !next.After(now) {
		next = next.AddDate(0, 0, 1)
	}
	return next
}

// createTables makes the tables of the queue, of the sessions and of the
// results.
func createTables(ctx context.Context, pool *pgxpool.Pool, store *pgstore.Store) error {
	migrator, err := rivermigrate.New(riverpgxv5.New(pool), nil)
	if err != nil {
		return err
	}
	if _, err := migrator.Migrate(ctx, rivermigrate.DirectionUp, nil); err != nil {
		return err
	}
	if err := store.Migrate(ctx); err != nil {
		return err
	}
	_, err = pool.Exec(ctx, `CREATE TABLE IF NOT EXISTS roster_result (
		day date, worker text, row jsonb NOT NULL, attempt int NOT NULL, read_by text NOT NULL,
		read_at timestamptz NOT NULL DEFAULT now(), PRIMARY KEY (day, worker))`)
	return err
}
