package main

import (
	"context"
	"fmt"
	"net/url"
	"sync"
	"time"

	"github.com/credkit/credkit-go/facade"
	"github.com/credkit/credkit-go/facade/auth"
	"github.com/credkit/credkit-go/facade/auth/signin"
	"github.com/credkit/credkit-go/facade/sandbox"
)

type demoCommand struct{}

// demo is the stage of the demo: a sandbox, somebody who is about to sign in,
// and a page to print on.
type demo struct {
	page     *page
	sb       *sandbox.Sandbox
	endpoint auth.Endpoint
	app      auth.App
	sessions *auth.Sessions
	cosmic   *facade.Cosmic
	certn    *facade.Certn

	mu   sync.Mutex
	ends []time.Time // of the access tokens, in the order of their issue
}

const (
	// demoLifetime is how long an access token lives in the demo.
	demoLifetime = 2 * time.Second
	// demoKey is the session's name in the demo's store.
	demoKey = "ada"
)

// Run shows the main job end to end. Everything is in this process: it needs
// no account and no network, and leaves nothing behind.
func (c *demoCommand) Run(ctx context.Context, p *program) error {
	start := time.Now()
	d, err := newDemo(p)
	if err != nil {
		return err
	}
	d.page.title("credkit demo: COSMIC and Certn in a sandbox on this machine")
	for _, scene := range []struct {
		title string
		play  func(context.Context) error
	}{
		{"Sign in: OAuth 2.1 code flow with PKCE", d.signIn},
		{"Who am I, and which scopes do I have?", d.me},
		{"My certifications, and when they expire", d.certifications},
		{"Access tokens end; the session goes on", d.renewal},
		{"A call whose scope is missing is not made", d.refused},
		{"The users of the Certn account", d.users},
	} {
		d.page.section(scene.title)
		if err := scene.play(ctx); err != nil {
			return err
		}
		if d.page.err != nil {
			return d.page.err
		}
	}
	d.page.section("What now?")
	d.page.command(self()+" sandbox", "both services for you to play with")
	d.page.command(self(), "the help, by example")
	d.page.command("README.md", "the same in your Go program")
	d.page.faint("\n%d requests in %.1f s, all on this machine. Nothing was stored.", d.sb.Counters().Requests, time.Since(start).Seconds())
	return d.page.err
}

// newDemo starts the sandbox and makes the clients, to be closed at the end.
func newDemo(p *program) (*demo, error) {
	d := &demo{page: newPage(p)}
	var err error
	d.sb, err = sandbox.Start(
		sandbox.WithTokenLifetime(demoLifetime),
		sandbox.WithCertnUserCount(4),
		sandbox.WithApps(sandbox.App{ClientID: "credkit-demo", Name: "credkit demo", Scopes: []string{
			"certification_records:read", "certification_types:read", "qualifications:read",
		}}))
	if err != nil {
		return nil, err
	}
	p.atEnd(func(context.Context) error { d.sb.Close(); return nil })

	d.app = auth.App{ClientID: d.sb.App().ClientID}
	cosmicOptions := p.options(d.sb.CosmicURL())
	if d.endpoint, err = facade.CosmicEndpoint(cosmicOptions...); err != nil {
		return nil, err
	}
	d.sessions, err = auth.NewSessions(auth.NewMemoryStore(), d.app, auth.WithOnChange(func(change auth.Change) {
		if change.Kind == auth.ChangeSignedIn || change.Kind == auth.ChangeRotated {
			d.mu.Lock()
			defer d.mu.Unlock()
			d.ends = append(d.ends, change.ExpiresAt)
		}
	}))
	if err != nil {
		return nil, err
	}
	p.atEnd(d.sessions.Close)
	if d.cosmic, err = facade.NewCosmic(d.sessions.Key(demoKey), cosmicOptions...); err != nil {
		return nil, err
	}
	id, secret := d.sb.CertnClient()
	d.certn, err = facade.NewCertn(auth.ClientCredentials(id, secret), p.options(d.sb.CertnURL())...)
	return d, err
}

// signIn goes the way that credkit login goes, with the sandbox in the place
// of the browser and the person.
func (d *demo) signIn(ctx context.Context) error {
	authorizeURL, pending, err := signin.Begin(d.endpoint, d.app, sandbox.RedirectURI)
	if err != nil {
		return err
	}
	d.page.step("GET  /auth/v1/oauth/authorize", "a consent page, with a S256 challenge")
	redirect, err := d.sb.Approve(ctx, authorizeURL)
	if err != nil {
		return err
	}
	d.page.step("POST /auth/v1/oauth/authorize", "approved, as if you had clicked")
	back, err := url.Parse(redirect)
	if err != nil {
		return err
	}
	grant, err := signin.Complete(ctx, d.endpoint, d.app, pending, back.Query())
	if err != nil {
		return err
	}
	if err := d.sessions.SignIn(ctx, demoKey, grant); err != nil {
		return err
	}
	d.page.step("POST /auth/v1/oauth/token", fmt.Sprintf("an access token for %v, a refresh token", demoLifetime))
	return nil
}

func (d *demo) me(ctx context.Context) error {
	me, err := d.cosmic.Me(ctx)
	if err != nil {
		return err
	}
	d.page.step("user", fmt.Sprintf("%s <%s>", me.User.DisplayName, me.User.Email))
	for i, scope := range me.Scopes {
		d.page.step(map[bool]string{true: "scopes"}[i == 0], scope)
	}
	return nil
}
