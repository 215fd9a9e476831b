package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/credkit/credkit-go/api/date"
	"github.com/credkit/credkit-go/facade"
	"github.com/credkit/credkit-go/facade/auth"
	"github.com/credkit/credkit-go/facade/roster"
	"github.com/credkit/credkit-go/facade/safetext"
)

type rosterCommand struct {
	Due          []durationFlag `default:"30d,60d,90d" help:"How long before its end a certification counts as due, with commas between."`
	Requirements string         `placeholder:"FILE" help:"Who must hold what: CSV lines of worker,type or worker,type,days."`
	Since        string         `placeholder:"FILE" help:"Print what has changed since FILE was written, and write it anew."`
	Parallel     int            `default:"16" help:"How many workers are read at a time."`
	Users        bool           `help:"Compare with the users of the Certn account, by e-mail."`
	To           string         `placeholder:"FILE" help:"Write to FILE, for you alone (mode 0600). Without --output its ending says the format."`
}

// Run reads every session of the store and prints the team.
func (c *rosterCommand) Run(ctx context.Context, p *program) error {
	if err := c.format(p); err != nil {
		return err
	}
	if err := c.files(); err != nil {
		return err
	}
	policy, err := c.policy(p)
	if err != nil {
		return err
	}
	before, err := c.before()
	if err != nil {
		return err
	}
	line := newProgressLine(p)
	defer line.close()
	cosmic, sessions, where, err := rosterClients(ctx, p)
	if err != nil {
		return err
	}
	rows, first, err := readTeam(ctx, cosmic, sessions, policy, roster.WithParallel(c.Parallel), roster.WithProgress(line.show))
	line.close()
	if err != nil {
		return err
	}
	if len(rows) == 0 {
		p.printErrf("credkit: no sessions in %s", where)
	}
	var unreadUsers error
	if c.Users {
		client, err := p.certn()
		if err != nil {
			return err
		}
		if rows, unreadUsers = roster.Join(rows, client.Users().All(ctx)); rows == nil && unreadUsers != nil {
			return unreadUsers
		}
	}
	m := policy.Matrix(rows)
	for _, q := range m.Unmatched[:min(mostNamed, len(m.Unmatched))] {
		p.printErrf("credkit: %s: %s fits no worker%s", c.Requirements, q, map[bool]string{true: " that could be read"}[len(m.Problems()) > 0])
	}
	if more := len(m.Unmatched) - mostNamed; more > 0 {
		p.printErrf("credkit: %s: %d more fit none either", c.Requirements, more)
	}
	changes, after := m.Changes(before)
	if err := c.output(p, m, changes); err != nil {
		return err
	}
	if c.Since != "" { // afterwards: killed before, the next run prints the changes again
		if before == nil {
			p.printErrf("credkit: %s is new: changes are shown from the next run on", c.Since)
		}
		if err := roster.WriteFile(c.Since, func(w io.Writer) error { return jsonLines[*roster.Snapshot]{w}.write(after) }); err != nil {
			return err
		}
	}
	return partial(m, first, unreadUsers)
}

// format settles the format of the output.
func (c *rosterCommand) format(p *program) error {
	if p.output == "" && c.To != "" {
		p.output = formatJSONL
		if err := p.output.UnmarshalText([]byte(strings.TrimPrefix(filepath.Ext(c.To), "."))); err != nil {
			p.output = formatJSONL
		}
	}
	switch {
	case c.Since != "" && p.format() == formatICS:
		return usagef("--since prints what has changed, which is no calendar: want --output table, json, jsonl, csv or html")
	case c.Parallel < 1:
		return usagef("--parallel %d: want at least 1", c.Parallel)
	}
	return nil
}

// files refuses a file that could not be written, before the team is read.
func (c *rosterCommand) files() error {
	if c.To != "" && c.To == c.Since {
		return usagef("--to and --since are one file, %s", c.To)
	}
	for flag, path := range map[string]string{"--to": c.To, "--since": c.Since} {
		if path == "" {
			continue
		}
		if target, err := filepath.EvalSymlinks(path); err == nil {
			path = target
		}
		if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
			return usagef("%s %s: not a regular file", flag, path)
		}
		try, err := os.CreateTemp(filepath.Dir(path), ".credkit-*.tmp")
		if err != nil {
			return usagef("%s %s: no file can be made in its directory: %w", flag, path, errors.Unwrap(err))
		}
		if err := errors.Join(try.Close(), os.Remove(try.Name())); err != nil {
			return err
		}
	}
	return nil
}

func (c *rosterCommand) policy(p *program) (*roster.Policy, error) {
	var due []int
	for _, d := range c.Due {
		const day = 24 * time.Hour
		due = append(due, int((time.Duration(d)+day-1)/day))
	}
	var requirements *roster.Requirements
	if c.Requirements != "" {
		file, err := os.Open(c.Requirements)
		if err != nil {
			return nil, usageError{err}
		}
		defer func() { _ = file.Close() }()
		if requirements, err = roster.ReadRequirements(file); err != nil {
			return nil, usagef("%s: %w", c.Requirements, err)
		}
	}
	policy, err := roster.NewPolicy(date.FromTime(p.now()), due, requirements)
	if err != nil {
		return nil, usagef("--due: %w", err)
	}
	return policy, nil
}

// before reads the state of the last run; nil if there was none. A file that is
// something else is refused before it could be written over.
func (c *rosterCommand) before() (*roster.Snapshot, error) {
	if c.Since == "" {
		return nil, nil
	}
	file, err := os.Open(c.Since)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, usageError{err}
	}
	defer func() { _ = file.Close() }()
	snapshot, err := roster.ReadSnapshot(file)
	if err != nil {
		return nil, usagef("--since %s: %w", c.Since, err)
	}
	return snapshot, nil
}

func rosterClients(ctx context.Context, p *program) (*facade.Cosmic, *auth.Sessions, string, error) {
	if _, err := p.cosmicEndpoint(); err != nil {
		return nil, nil, "", err
	}
	sessions, store, err := p.sessions(ctx)
	if err != nil {
		return nil, nil, "", err
	}
	cosmic, err := facade.NewCosmic(sessions.Key(p.sessionKey()), p.options(p.cosmicBase())...)
	return cosmic, sessions, store.where, err
}

// readTeam assesses every worker. first is the first error of a worker. A range
// that did not see the whole store is an error and no roster.
func readTeam(ctx context.Context, cosmic *facade.Cosmic, sessions *auth.Sessions, policy *roster.Policy, opts ...roster.Option) (rows []roster.Row, first, err error) {
	for w := range roster.Workers(ctx, cosmic, sessions, opts...) {
		if w.Key == "" {
			return nil, nil, w.Err
		}
		if first == nil {
			first = w.Err
		}
		rows = append(rows, policy.Assess(w))
	}
	return rows, first, nil
}

// mostNamed is how many workers of a problem, and how many requirements that fit
// none, are named on stderr.
const mostNamed = 5

// partial says how many workers could not be read, and why. If none could
// be, for the settings are wrong, that is the error.
func partial(m *roster.Matrix, first, unreadUsers error) error {
	keys := map[roster.Problem][]string{}
	read, unread := 0, 0
	for _, r := range m.Rows {
		switch {
		case r.Problem != "":
			keys[r.Problem] = append(keys[r.Problem], safetext.Line(r.Key))
			unread++
		case r.Key != "":
			read++
		}
	}
	if n := len(keys[roster.ProblemConfig]); n > 0 && n == unread && read == 0 {
		return first
	}
	var b strings.Builder
	if unread > 0 {
		fmt.Fprintf(&b, "%d of %s could not be read", unread, plural(read+unread, "worker"))
		for _, problem := range slices.Sorted(maps.Keys(keys)) {
			names := keys[problem]
			more := ""
			if len(names) > mostNamed {
				more = fmt.Sprintf(" and %d more", len(names)-mostNamed)
			}
			fmt.Fprintf(&b, "\n  %d %s: %s: %s%s", len(names), problem, problem.Remedy(), strings.Join(names[:min(mostNamed, len(names))], ", "), more)
		}
	}
	if unreadUsers != nil {
		if b.Len() > 0 {
			b.WriteString("\n  ")
		}
		b.WriteString(unreadUsers.Error())
	}
	if b.Len() == 0 {
		return nil
	}
	return partialError{b.String()}
}
