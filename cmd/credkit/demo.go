package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/credkit/credkit-go/api/cosmic"
	"github.com/credkit/credkit-go/facade"
	"github.com/credkit/credkit-go/facade/auth"
	"github.com/credkit/credkit-go/facade/auth/signin"
	"github.com/credkit/credkit-go/facade/roster"
	"github.com/credkit/credkit-go/facade/safetext"
	"github.com/credkit/credkit-go/facade/sandbox"
)

type demoCommand struct{}

// demo is a sandbox, the clients that talk to it, and where their results are
// printed.
type demo struct {
	out      *demoPrinter
	sandbox  *sandbox.Sandbox
	endpoint auth.Endpoint
	app      auth.App
	sessions *auth.Sessions
	cosmic   *facade.Cosmic
	certn    *facade.Certn

	mu        sync.Mutex
	expiresAt []time.Time // of the access tokens, in the order of their issue
}

const (
	// demoLifetime is how long an access token lives in the demo.
	demoLifetime = 2 * time.Second
	// demoKey is the session's key in the demo's store.
	demoKey = "ada"
	// demoTeam is how many more workers sign in.
	demoTeam = 6
)

// Run shows the main job end to end. Everything is in this process: it needs
// no account and no network, and leaves nothing behind.
func (c *demoCommand) Run(ctx context.Context, p *program) error {
	start := time.Now()
	d, err := newDemo(p)
	if err != nil {
		return err
	}
	d.out.line(bold, "credkit demo: COSMIC and Certn in a sandbox on this machine")
	for _, section := range []struct {
		title string
		run   func(context.Context) error
	}{
		{"Sign in: OAuth 2.1 code flow with PKCE", d.signIn},
		{"Who am I, and which scopes do I have?", d.me},
		{"My certifications, and when they expire", d.certifications},
		{"Access tokens expire; the session goes on", d.renewal},
		{"A call whose scope is missing is not made", d.missingScope},
		{"The whole team: what lapses first", d.team},
		{"The users of the Certn account", d.users},
	} {
		d.out.section(section.title)
		if err := section.run(ctx); err != nil {
			return err
		}
		if d.out.err != nil {
			return d.out.err
		}
	}
	d.out.section("What now?")
	d.out.item(cyan, self()+" sandbox", "both services for you to play with")
	d.out.item(cyan, self(), "an overview of the commands")
	d.out.item(cyan, "README.md", "the same in your Go program")
	d.out.line(plain, "")
	d.out.line(faint, demoMargin+"%d requests in %.1f s, all on this machine. Nothing was stored.", d.sandbox.Counters().Requests, time.Since(start).Seconds())
	return d.out.err
}

// newDemo starts the sandbox and makes the clients, to be closed at the end.
func newDemo(p *program) (*demo, error) {
	d := &demo{out: &demoPrinter{to: p.stdout, colors: p.colors()}}
	var err error
	d.sandbox, err = sandbox.Start(
		sandbox.WithTokenLifetime(demoLifetime),
		sandbox.WithCertnUserCount(4),
		sandbox.WithUsers(append([]sandbox.User{{Email: "ada@example.com", DisplayName: "Ada Lovelace"}}, teamUsers(demoTeam)...)...),
		sandbox.WithApps(sandbox.App{ClientID: "credkit-demo", Name: "credkit demo", Scopes: []string{
			"certification_records:read", "certification_types:read", "qualifications:read",
		}}))
	if err != nil {
		return nil, err
	}
	p.onClose(func(context.Context) error { d.sandbox.Close(); return nil })

	d.app = auth.App{ClientID: d.sandbox.App().ClientID}
	cosmicOptions := p.options(d.sandbox.CosmicURL())
	if d.endpoint, err = facade.CosmicEndpoint(cosmicOptions...); err != nil {
		return nil, err
	}
	d.sessions, err = auth.NewSessions(auth.NewMemoryStore(), d.app, auth.WithOnChange(func(change auth.Change) {
		if change.Kind == auth.ChangeSignedIn || change.Kind == auth.ChangeRotated {
			d.mu.Lock()
			defer d.mu.Unlock()
			d.expiresAt = append(d.expiresAt, change.ExpiresAt)
		}
	}))
	if err != nil {
		return nil, err
	}
	p.onClose(d.sessions.Close)
	if d.cosmic, err = facade.NewCosmic(d.sessions.Key(demoKey), cosmicOptions...); err != nil {
		return nil, err
	}
	id, secret := d.sandbox.CertnClient()
	d.certn, err = facade.NewCertn(auth.ClientCredentials(id, secret), p.options(d.sandbox.CertnURL())...)
	return d, err
}

// signIn does what credkit login does; the sandbox stands in for the browser
// and the person.
func (d *demo) signIn(ctx context.Context) error {
	authorizeURL, pending, err := signin.Begin(d.endpoint, d.app, sandbox.RedirectURI)
	if err != nil {
		return err
	}
	d.out.item(plain, "GET  /auth/v1/oauth/authorize", "a consent page, with a S256 challenge")
	redirect, err := d.sandbox.Approve(ctx, authorizeURL)
	if err != nil {
		return err
	}
	d.out.item(plain, "POST /auth/v1/oauth/authorize", "approved, as if you had clicked")
	callback, err := url.Parse(redirect)
	if err != nil {
		return err
	}
	grant, err := signin.Complete(ctx, d.endpoint, d.app, pending, callback.Query())
	if err != nil {
		return err
	}
	if err := d.sessions.SignIn(ctx, demoKey, grant); err != nil {
		return err
	}
	d.out.item(plain, "POST /auth/v1/oauth/token", fmt.Sprintf("an access token for %v, a refresh token", demoLifetime))
	return nil
}

func (d *demo) me(ctx context.Context) error {
	me, err := d.cosmic.Me(ctx)
	if err != nil {
		return err
	}
	d.out.item(plain, "user", fmt.Sprintf("%s <%s>", me.User.DisplayName, me.User.Email))
	for i, scope := range me.Scopes {
		d.out.item(plain, map[bool]string{true: "scopes"}[i == 0], scope)
	}
	return nil
}

func (d *demo) certifications(ctx context.Context) error {
	const shown = 8
	all, err := d.cosmic.Certifications().Collect(ctx, 100)
	if err != nil {
		return err
	}
	slices.SortFunc(all, byExpiry)
	columns := certificationLayout(time.Now()).table[:3]
	if err := printTable(d.out, columns, all[:min(shown, len(all))]); err != nil {
		return err
	}
	d.out.line(faint, demoMargin+"... and %d more; red has expired, yellow does within 30 days", max(0, len(all)-shown))
	return nil
}

// renewal makes a call every now and then until the access token was renewed
// twice, and shows with which token each of them was made.
func (d *demo) renewal(ctx context.Context) error {
	const (
		every    = 450 * time.Millisecond
		renewals = 2
		maxCalls = 20 // should nothing be renewed
	)
	d.out.line(plain, demoMargin+"Tokens live %v here. A call every %v:", demoLifetime, every)
	start, before, slowest := time.Now(), 0, time.Duration(0)
	for range maxCalls {
		called := time.Now()
		if _, err := d.cosmic.Me(ctx); err != nil {
			return err
		}
		slowest = max(slowest, time.Since(called))
		requests := d.sandbox.RequestsOf(cosmic.OpGetMe)
		last := requests[len(requests)-1]
		number, left := d.token(last.Token)
		color, renewed := plain, ""
		if before > 0 && number > before {
			color, renewed = green, "  <- renewed"
		}
		before = number
		d.out.line(color, demoMargin+"%4.1f s  GET /v1/me  %d  token %d, expires in %.1f s%s",
			time.Since(start).Seconds(), last.Status, number, left.Seconds(), renewed)
		if number > renewals {
			break
		}
		select {
		case <-time.After(every):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	d.out.line(plain, demoMargin+"The slowest call took %d ms: renewals run in the background.", slowest.Milliseconds())
	n := d.sandbox.Counters()
	d.out.line(plain, demoMargin+"The server counted %d renewals, %d old tokens replayed, %d calls refused.", n.Rotations, n.Forgiven+n.ReplaysRefused, n.Unauthorized)
	return nil
}

// token counts the access tokens that COSMIC has seen up to the one with the
// given fingerprint, and says how long that one still lives.
func (d *demo) token(fingerprint string) (number int, left time.Duration) {
	var seen []string
	for _, r := range d.sandbox.RequestsOf(cosmic.OpGetMe, cosmic.OpListCertifications) {
		if !slices.Contains(seen, r.Token) {
			seen = append(seen, r.Token)
		}
	}
	number = slices.Index(seen, fingerprint) + 1
	d.mu.Lock()
	defer d.mu.Unlock()
	if number < 1 || number > len(d.expiresAt) {
		return number, 0
	}
	return number, time.Until(d.expiresAt[number-1])
}

func (d *demo) missingScope(ctx context.Context) error {
	_, err := d.cosmic.CreateCertification(ctx, facade.CertificationCreate{ExternalID: "demo"})
	if !errors.As(err, new(*facade.ScopeError)) {
		return fmt.Errorf("the demo expected a scope to be missing, and got: %w", err)
	}
	d.out.paragraph(red, err.Error())
	d.out.line(plain, demoMargin+"Creates that reached the server: %d", d.sandbox.Count(cosmic.OpCreateCertification))
	return nil
}

// team does what credkit roster does.
func (d *demo) team(ctx context.Context) error {
	if err := signInTeam(ctx, d.sandbox, d.sessions, teamUsers(demoTeam)); err != nil {
		return err
	}
	policy, err := roster.NewPolicy(facade.Date{}, nil, nil)
	if err != nil {
		return err
	}
	rows, first, err := readTeam(ctx, d.cosmic, d.sessions, policy)
	if err != nil {
		return err
	}
	m := policy.Matrix(rows)
	if err := printTable(d.out, rosterLayout(m, false).table, m.Rows); err != nil {
		return err
	}
	err = partial(m, first, nil)
	if err == nil || !errors.As(err, new(partialError)) {
		return err
	}
	d.out.line(plain, "")
	for line := range strings.SplitSeq(err.Error(), "\n") {
		d.out.paragraph(cyan, line)
	}
	d.out.line(plain, demoMargin+"One worker's trouble stays that worker's; credkit roster exits with %d then.", exitCode(err))
	return nil
}

func (d *demo) users(ctx context.Context) error {
	users, err := d.certn.Users().Collect(ctx, 100)
	if err != nil {
		return err
	}
	return printTable(d.out, userLayout().table, users)
}

const (
	demoWidth  = 80
	demoMargin = "   "
)

// demoPrinter prints numbered sections. After its first error it prints nothing
// more.
type demoPrinter struct {
	to       io.Writer
	colors   colors
	sections int
	err      error
}

func (o *demoPrinter) line(s style, format string, args ...any) {
	if o.err == nil {
		_, o.err = fmt.Fprintln(o.to, o.colors.apply(s, fmt.Sprintf(format, args...)))
	}
}

func (o *demoPrinter) section(title string) {
	o.sections++
	o.line(plain, "\n%s  %s", o.colors.apply(cyan, fmt.Sprint(o.sections)), o.colors.apply(bold, title))
}

// item prints a name, in a style, and what it is.
func (o *demoPrinter) item(s style, name, value string) {
	o.line(plain, demoMargin+"%s%s", o.colors.apply(s, fmt.Sprintf("%-31s", safetext.Line(name))), safetext.Line(value))
}

// paragraph prints a longer text, wrapped.
func (o *demoPrinter) paragraph(s style, words string) {
	for line := range strings.Lines(wrap(safetext.Line(words), demoWidth-len(demoMargin))) {
		o.line(s, "%s%s", demoMargin, strings.TrimSuffix(line, "\n"))
	}
}

// Write prints whole lines, behind the margin.
func (o *demoPrinter) Write(lines []byte) (int, error) {
	for line := range bytes.Lines(lines) {
		o.line(plain, "%s%s", demoMargin, bytes.TrimSuffix(line, []byte("\n")))
	}
	return len(lines), o.err
}

// printTable prints values as a table.
func printTable[T any](o *demoPrinter, columns []column[T], values []T) error {
	to := &table[T]{to: o, columns: columns, width: demoWidth - len(demoMargin), colors: o.colors}
	for _, v := range values {
		if err := to.write(v); err != nil {
			return err
		}
	}
	return to.close()
}
