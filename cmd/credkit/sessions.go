package main

import (
	"cmp"
	"context"
	"time"

	"github.com/credkit/credkit-go/facade/auth"
)

type sessionsCommand struct {
	List  sessionsListCommand  `cmd:"" default:"withargs" help:"List the sessions in the store (the default)."`
	Renew sessionsRenewCommand `cmd:"" help:"Renew the sessions that nobody has used, so that the server does not end them. For cron."`
	Prune sessionsPruneCommand `cmd:"" help:"Delete the records of sessions that ended long ago."`
}

type sessionsListCommand struct{}

// Run lists the state of every session. It makes no request and needs no client id.
func (c *sessionsListCommand) Run(ctx context.Context, p *program) error {
	sessions, _, err := p.storedSessions(ctx)
	if err != nil {
		return err
	}
	n, err := printRows(p, sessions.Statuses(ctx), 0, newRows(p, statusLayout()))
	if err == nil && n == 0 && p.format() == formatTable {
		p.printErrf("no sessions")
	}
	return err
}

func statusLayout() layout[auth.Status] {
	type status = auth.Status
	at := func(t time.Time) string {
		if t.IsZero() {
			return "-"
		}
		return t.Local().Format("2006-01-02 15:04")
	}
	return layout[status]{
		table: []column[status]{
			{name: "key", member: "key", minWidth: 12},
			{name: "state", member: "state"},
			{name: "token ends", cell: func(s status) string { return at(s.ExpiresAt) }},
			{name: "renewed", cell: func(s status) string { return at(s.IssuedAt) }},
			{name: "reason", cell: func(s status) string { return dashIfEmpty(cmp.Or(s.EndedReason, s.LastError)) }, minWidth: 12},
		},
		csv: members[status]("key", "state", "client_id", "can_renew", "signed_in_at", "issued_at", "expires_at", "ended_at", "ended_reason", "last_error"),
	}
}

type sessionsRenewCommand struct {
	Idle durationFlag `default:"20h" help:"Renew what was not renewed for so long: well below the server's limit of inactivity."`
}

// Run makes one sweep over the store. Any number of machines may run it.
func (c *sessionsRenewCommand) Run(ctx context.Context, p *program) error {
	if c.Idle <= 0 {
		return usagef("--idle must be more than 0")
	}
	endpoint, err := p.cosmicEndpoint()
	if err != nil {
		return err
	}
	sessions, store, err := p.sessions(ctx)
	if err != nil {
		return err
	}
	report, err := sessions.KeepAlive(ctx, endpoint, auth.KeepAliveOptions{
		Idle: time.Duration(c.Idle),
		Report: func(key string, _ auth.KeepAliveResult, err error) {
			if err != nil {
				p.printErrf("credkit: %s: %v", key, err)
			}
		},
	})
	p.printErrf("%s in %s: %d renewed, %d renewed elsewhere, %d not due, %d ended, %d failed.",
		plural(report.Checked, "record"), store.where, report.Renewed, report.Elsewhere, report.NotDue, report.Ended, report.Failed)
	if err == nil && report.Failed > 0 {
		return partialError{plural(report.Failed, "session") + " could not be renewed; the next run tries again"}
	}
	return err
}

type sessionsPruneCommand struct {
	EndedBefore durationFlag `default:"90d" help:"Delete sessions that ended before this long ago."`
}

// Run deletes ended records. It makes no request and needs no client id.
func (c *sessionsPruneCommand) Run(ctx context.Context, p *program) error {
	sessions, store, err := p.storedSessions(ctx)
	if err != nil {
		return err
	}
	n, err := sessions.Prune(ctx, p.now().Add(-time.Duration(c.EndedBefore)))
	if err != nil {
		return err
	}
	p.printErrf("Deleted %s from %s.", plural(n, "ended session"), store.where)
	return nil
}
