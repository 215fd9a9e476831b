package main

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/credkit/credkit-go/api/certn"
	"github.com/credkit/credkit-go/api/cosmic"
	"github.com/credkit/credkit-go/api/spec"
	"github.com/credkit/credkit-go/facade/sandbox"
)

type sandboxCommand struct {
	Addr          string       `default:"127.0.0.1:8080" help:"Where COSMIC listens; Certn takes the next port. Port 0 takes free ones."`
	TokenLifetime durationFlag `default:"1h" help:"How long COSMIC's access tokens live: 5s shows renewals."`
	Certs         int          `default:"12" help:"How many certifications each worker has."`
	Users         int          `default:"12" help:"How many users the Certn account has."`
	Workers       int          `placeholder:"N" help:"Sign in a team of so many workers, for credkit roster; their sessions are removed at the end."`
	Store         string       `placeholder:"STORE" help:"Where the sessions of --workers are saved, a directory or a postgres:// URL without any. Default: a temporary directory."`
	PageSize      int          `default:"50" help:"Certifications on a page."`
	Legacy        bool         `help:"Respond by the older contracts: the list in one page, and the older form of the current user."`
	Scopes        []string     `placeholder:"SCOPE" help:"The API scopes of the app, with commas between. Default: all."`
	LoginPort     int          `default:"8976" help:"Port of the app's redirect URI, as in credkit login --port."`
	Unforgiving   bool         `help:"A refresh token sent twice ends the session, also the direct parent of the current one."`
	Flaky         float64      `placeholder:"PERCENT" help:"Respond to this share of the calls with 503."`
	Retired       bool         `help:"Certn responds to everything with 410, as it is reported to."`
}

// mostWorkers bounds the team: each is a file.
const mostWorkers = 100_000

// Run serves both services until the command is interrupted.
func (c *sandboxCommand) Run(ctx context.Context, p *program) error {
	if c.Flaky < 0 {
		return usagef("--flaky %v: want a percentage, more than 0 and at most 100", c.Flaky)
	}
	opts, err := c.options(p)
	if err != nil {
		return err
	}
	sb, err := sandbox.Start(opts...)
	if err != nil {
		return usageError{err}
	}
	defer sb.Close()
	if c.Flaky > 0 {
		if err := sb.Fail(sandbox.On(allOperations()...), sandbox.Percent(c.Flaky), sandbox.Status(503)); err != nil {
			return usagef("--flaky %v: want a percentage, more than 0 and at most 100", c.Flaky)
		}
	}
	if c.Workers > 0 {
		if err := c.fillStore(ctx, p, sb); err != nil {
			return err
		}
	}
	if err := c.printEnvironment(p, sb); err != nil {
		return err
	}
	<-ctx.Done()
	n := sb.Counters()
	p.printErrf("\nSandbox ended after %s, %s and %s.", plural(n.Requests, "request"), plural(n.SignIns, "sign-in"), plural(n.Refreshes, "renewal"))
	return nil
}

// allOperations are the operations of both services, without their sign-in.
func allOperations() (ids []spec.OperationID) {
	for _, service := range []spec.Service{cosmic.Service, certn.Service} {
		for _, op := range service.Operations {
			ids = append(ids, op.ID)
		}
	}
	return ids
}

func (c *sandboxCommand) options(p *program) ([]sandbox.Option, error) {
	host, _, err := net.SplitHostPort(c.Addr)
	if ip, notIP := netip.ParseAddr(host); err != nil || host != "localhost" && (notIP != nil || !ip.IsLoopback()) {
		return nil, usagef("--addr %q: want a loopback address with a port, such as 127.0.0.1:8080: clients send tokens over http to no other", c.Addr)
	}
	app := sandbox.App{
		ClientID:     "credkit-sandbox",
		Name:         "credkit",
		RedirectURIs: []string{"http://" + net.JoinHostPort("127.0.0.1", strconv.Itoa(c.LoginPort)) + "/callback"},
		Scopes:       c.Scopes,
	}
	opts := []sandbox.Option{
		sandbox.WithAddr(c.Addr),
		sandbox.WithApps(app),
		sandbox.WithTokenLifetime(time.Duration(c.TokenLifetime)),
		sandbox.WithCertificationCount(c.Certs),
		sandbox.WithCertnUserCount(c.Users),
		sandbox.WithPageSize(c.PageSize),
		sandbox.WithForgivenParent(!c.Unforgiving),
	}
	switch {
	case c.Workers < 0 || c.Workers > mostWorkers:
		return nil, usagef("--workers %d: want at most %d", c.Workers, mostWorkers)
	case c.Store != "" && c.Workers == 0:
		return nil, usagef("--store is where the sessions of --workers are saved: say how many workers")
	case c.Workers > 0:
		users := teamUsers(c.Workers)
		opts = append(opts, sandbox.WithUsers(users...), sandbox.WithCertnUsers(teamCertnUsers(users)...))
	}
	if c.Legacy {
		opts = append(opts, sandbox.WithoutPaging(), sandbox.WithOldMe())
	}
	if c.Retired {
		opts = append(opts, sandbox.WithCertnRetired())
	}
	if p.logger != nil {
		opts = append(opts, sandbox.WithLogger(p.logger))
	}
	return opts, nil
}

// printEnvironment prints shell commands that point credkit at the sandbox. They
// unset what belongs to the real services and give the session a key of its
// own, so that a real one is neither sent here nor overwritten.
func (c *sandboxCommand) printEnvironment(p *program, sb *sandbox.Sandbox) error {
	id, secret := sb.CertnClient()
	p.printErrf("COSMIC and Certn are up, with made-up people. In another terminal paste these lines:\n")
	var b strings.Builder
	session := "sandbox"
	if c.Workers > 0 {
		session = teamKey(0)
		fmt.Fprintf(&b, "export %s=%s\n", envStore, shellWord(c.Store))
	}
	for _, v := range []struct{ name, value string }{
		{envCosmicBase, sb.CosmicURL()},
		{envCosmicID, sb.App().ClientID},
		{envCertnBase, sb.CertnURL()},
		{envCertnID, id},
		{envCertnSecret, secret},
		{envSession, session},
	} {
		fmt.Fprintf(&b, "export %s=%s\n", v.name, v.value)
	}
	fmt.Fprintf(&b, "unset %s %s %s\n", envCosmicSecret, envCosmicAuth, envCosmicToken)
	if _, err := fmt.Fprint(p.stdout, b.String()); err != nil {
		return err
	}
	name, port := self(), ""
	if c.LoginPort != 8976 {
		port = " --port " + strconv.Itoa(c.LoginPort)
	}
	if c.Workers > 0 {
		p.printErrf("\nand then\n  %[1]s roster\n  %[1]s roster --users --to roster.html\n  %[1]s roster --since roster.state\n  %[1]s certs\nSome sessions have ended and some lack a scope. Ctrl-C ends the sandbox and removes the sessions.", name)
		return nil
	}
	p.printErrf("\nand then\n  %[1]s login%[2]s\n  %[1]s me\n  %[1]s certs\n  %[1]s users\nCtrl-C ends the sandbox.", name, port)
	return nil
}

// shellWord quotes a text for a shell where it needs that.
func shellWord(text string) string {
	if !strings.ContainsFunc(text, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("/._:@%+=,-", r)
	}) {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}
