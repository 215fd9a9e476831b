package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/cli/browser"

	"github.com/credkit/credkit-go/facade"
	"github.com/credkit/credkit-go/facade/auth"
	"github.com/credkit/credkit-go/facade/auth/signin"
)

type loginCommand struct {
	NoBrowser bool `help:"Print the address to open, alone on a line of stdout, and open nothing. The address that the browser ends at can be pasted."`
	Port      int  `default:"8976" help:"Port of the redirect URI http://127.0.0.1:PORT/callback, which the app must be registered with."`
}

// Run signs in to COSMIC and keeps the session.
func (c *loginCommand) Run(ctx context.Context, p *program) error {
	endpoint, err := p.cosmicEndpoint()
	if err != nil {
		return err
	}
	app, err := p.app()
	if err != nil {
		return err
	}
	sessions, store, err := p.sessions(ctx)
	if err != nil {
		return err
	}
	if err := store.prepare(ctx); err != nil {
		return err
	}
	// What the store would refuse afterwards is lost, and the person's time with it.
	if err := sessions.CheckStore(ctx, p.sessionKey()); err != nil {
		if errors.Is(err, auth.ErrCorruptRecord) {
			return fmt.Errorf("%w: credkit logout deletes it", err)
		}
		return err
	}
	grant, err := signin.Login(ctx, endpoint, app, append(c.options(p), signin.WithSave(func(ctx context.Context, g auth.Grant) error {
		return sessions.SignIn(ctx, p.sessionKey(), g)
	}))...)
	if err != nil {
		return err
	}
	return c.greet(ctx, p, sessions, store, grant)
}

// options say how the person gets to the authorize page.
func (c *loginCommand) options(p *program) []signin.Option {
	port := signin.WithPort(c.Port)
	if !c.NoBrowser {
		return []signin.Option{port,
			signin.WithShowURL(func(address string) {
				p.say("Opening your browser to sign in. If it does not open, go to\n  %s", address)
			}),
			signin.WithOpenBrowser(func(address string) error {
				go func() { _ = browser.OpenURL(address) }() // some browsers return when they are closed
				return nil
			}),
		}
	}
	input := bufio.NewReader(p.stdin)
	return []signin.Option{port,
		signin.WithShowURL(func(address string) {
			p.say("Open this address and sign in. With a browser on another machine, paste here the\naddress that it ends at, although its page does not load.")
			_, _ = fmt.Fprintln(p.stdout, address) // without a reader the paste below still works
		}),
		signin.WithPasteRedirect(func(_ context.Context, problem error) (string, error) {
			if problem != nil {
				p.say("credkit: %v", problem)
			}
			return input.ReadString('\n')
		}),
	}
}

// counted is a number of things in words: 1 scope, 2 scopes.
func counted(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

// greet says who is signed in, and what will not work.
func (c *loginCommand) greet(ctx context.Context, p *program, sessions *auth.Sessions, store *openStore, grant auth.Grant) error {
	key := p.sessionKey()
	kept := fmt.Sprintf("the session is kept as %q in %s", key, store.where)
	client, err := facade.NewCosmic(sessions.Key(key), p.options(p.cosmicBase())...)
	if err != nil {
		return err
	}
	if me, err := client.Me(ctx); err != nil {
		p.say("Signed in; %s.\nWho it is could not be asked: %v", kept, err)
	} else {
		who := me.User.DisplayName
		if me.User.Email != "" {
			who += " <" + me.User.Email + ">"
		}
		if who != "" { // the older form of the current user has no name
			who = " as " + strings.TrimSpace(printable(who))
		}
		p.say("Signed in%s with %s; %s.", who, counted(len(me.Scopes), "scope"), kept)
	}
	if !grant.CanRenew() {
		p.say("No refresh token came with it: sign in again at %s.", grant.Token().Expires().Local().Format("15:04 on 2006-01-02"))
	}
	if p.env(envCosmicToken) != "" {
		p.say("Mind that %s is set: commands use that token, not this session.", envCosmicToken)
	}
	return nil
}
