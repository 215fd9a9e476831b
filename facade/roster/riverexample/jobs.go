package main

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"

	"github.com/credkit/credkit-go/facade"
	"github.com/credkit/credkit-go/facade/auth"
	"github.com/credkit/credkit-go/facade/roster"
)

// nightArgs is the job of one night: it inserts a job for each worker.
type nightArgs struct {
	Day facade.Date `json:"day"`
}

// Kind implements [river.JobArgs].
func (nightArgs) Kind() string { return "roster_night" }

// InsertOpts has one job a day.
func (nightArgs) InsertOpts() river.InsertOpts {
	return river.InsertOpts{UniqueOpts: river.UniqueOpts{ByArgs: true}}
}

// readArgs is the job of one worker in one night.
type readArgs struct {
	Day facade.Date `json:"day"`
	Key string      `json:"key"` // of the session
}

// Kind implements [river.JobArgs].
func (readArgs) Kind() string { return "roster_read" }

// InsertOpts has one job a worker and day. River waits longer after each
// attempt: six take about 16 minutes.
func (readArgs) InsertOpts() river.InsertOpts {
	return river.InsertOpts{MaxAttempts: 6, UniqueOpts: river.UniqueOpts{ByArgs: true}}
}

type nightWorker struct {
	river.WorkerDefaults[nightArgs]
	sessions *auth.Sessions
}

// Work inserts the jobs of all workers. Run again, it inserts those that are
// missing.
func (w *nightWorker) Work(ctx context.Context, job *river.Job[nightArgs]) error {
	var jobs []river.InsertManyParams
	for key, err := range w.sessions.Keys(ctx) {
		if err != nil {
			return err
		}
		jobs = append(jobs, river.InsertManyParams{Args: readArgs{Day: job.Args.Day, Key: key}})
	}
	for some := range slices.Chunk(jobs, 1000) {
		if _, err := river.ClientFromContext[pgx.Tx](ctx).InsertMany(ctx, some); err != nil {
			return err
		}
	}
	return nil
}

type readWorker struct {
	river.WorkerDefaults[readArgs]
	cosmic   *facade.Cosmic
	sessions *auth.Sessions
	pool     *pgxpool.Pool
	timeout  time.Duration
	process  string
}

// Work reads one worker and writes the result.
func (w *readWorker) Work(ctx context.Context, job *river.Job[readArgs]) error {
	policy, err := roster.NewPolicy(job.Args.Day, nil, nil)
	if err != nil {
		return err
	}
	for worker := range roster.Workers(ctx, w.cosmic, w.sessions, roster.WithKeys(job.Args.Key), roster.WithTimeout(w.timeout)) {
		if worker.Key == "" || passes(worker.Problem()) && job.Attempt < job.MaxAttempts {
			return worker.Err
		}
		return w.write(ctx, job, policy.Assess(worker))
	}
	return nil // the record is no session
}

// passes reports whether another attempt may help without anybody's doing.
func passes(p roster.Problem) bool {
	return slices.Contains([]roster.Problem{roster.ProblemFailed, roster.ProblemRateLimited, roster.ProblemTimeout, roster.ProblemStore}, p)
}

// write saves the result and completes the job in one transaction.
func (w *readWorker) write(ctx context.Context, job *river.Job[readArgs], row roster.Row) error {
	data, err := json.Marshal(row)
	if err != nil {
		return err
	}
	return pgx.BeginFunc(ctx, w.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `INSERT INTO roster_result (day, worker, row, attempt, read_by) VALUES ($1, $2, $3, $4, $5)
			ON CONFLICT (day, worker) DO UPDATE SET row = excluded.row, attempt = excluded.attempt, read_by = excluded.read_by, read_at = now()`,
			job.Args.Day.String(), row.Key, data, job.Attempt, w.process); err != nil {
			return err
		}
		_, err := river.JobCompleteTx[*riverpgxv5.Driver](ctx, tx, job)
		return err
	})
}
