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
	"github.com/credkit/credkit-go/facade/safetext"
)

type loginCommand struct {
	NoBrowser bool `help:"Print the address to open, alone on a line of stdout, and open nothing. The address that the browser ends at can be pasted."`
	Port      int  `default:"8976" help:"Port of the redirect URI http://127.0.0.1:PORT/callback, which the app must be registered with."`
}

// Run signs in to COSMIC and saves the session.
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
	// A store that cannot save is found out before a person signs in.
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
	return c.report(ctx, p, sessions, store, grant)
}

// options say how the person gets to the authorize page.
func (c *loginCommand) options(p *program) []signin.Option {
	port := signin.WithPort(c.Port)
	if !c.NoBrowser {
		return []signin.Option{port,
			signin.WithShowURL(func(address string) {
				p.printErrf("Opening your browser to sign in. If it does not open, go to\n  %s", address)
			}),
			signin.WithOpenBrowser(func(address string) error {
				go func() { _ = browser.OpenURL(address) }() // some return only when they are closed
				return nil
			}),
		}
	}
	input := bufio.NewReader(p.stdin)
	return []signin.Option{port,
		signin.WithShowURL(func(address string) {
			if isTerminal(p.stdin) {
				p.printErrf("Open this address and sign in. If the browser is on another machine, paste here the address that it ends at, although its page does not load.")
			} else {
				p.printErrf("Open this address and sign in:")
			}
			_, _ = fmt.Fprintln(p.stdout, address) // without a reader, pasting still works
		}),
		signin.WithPasteRedirect(func(_ context.Context, problem error) (string, error) {
			if problem != nil {
				p.printErrf("credkit: %v", problem)
			}
			return input.ReadString('\n')
		}),
	}
}

// report says who is signed in, and what will not work.
func (c *loginCommand) report(ctx context.Context, p *program, sessions *auth.Sessions, store *sessionStore, grant auth.Grant) error {
	key := p.sessionKey()
	saved := fmt.Sprintf("the session is saved as %q in %s", key, store.where)
	client, err := facade.NewCosmic(sessions.Key(key), p.options(p.cosmicBase())...)
	if err != nil {
		return err
	}
	if me, err := client.Me(ctx); err != nil {
		p.printErrf("Signed in; %s.\nWho signed in is not known: %v", saved, err)
	} else {
		who := me.User.DisplayName
		if me.User.Email != "" {
			who += " <" + me.User.Email + ">"
		}
		if who != "" { // the older form of the current user has no name
			who = " as " + strings.TrimSpace(safetext.Line(who))
		}
		p.printErrf("Signed in%s with %s; %s.", who, plural(len(me.Scopes), "scope"), saved)
	}
	if !grant.CanRenew() {
		p.printErrf("No refresh token came with it: sign in again at %s.", grant.Token().Expires().Local().Format("15:04 on 2006-01-02"))
	}
	if p.env(envCosmicToken) != "" {
		p.printErrf("%s is set: commands use that token, not this session.", envCosmicToken)
	}
	return nil
}

type logoutCommand struct{}

// Run ends the session at the server and deletes it from the store. It needs no
// client id: without one no request is made. A server that cannot be asked does not
// keep the session in the store.
func (c *logoutCommand) Run(ctx context.Context, p *program) error {
	open := p.sessions
	_, noApp := p.app()
	if noApp != nil {
		open = p.storedSessions
	}
	sessions, store, err := open(ctx)
	if err != nil {
		return err
	}
	key := p.sessionKey()
	before, unreadable := sessions.Status(ctx, key)
	var atServer string
	switch {
	case unreadable != nil:
		if err := sessions.Forget(ctx, key); err != nil {
			return err
		}
		p.printErrf("Deleted the record of %q in %s, which could not be read:\n%v", key, store.where, unreadable)
		return nil
	case before.State == auth.StateAbsent:
		p.printErrf("Nobody is signed in as %q in %s.", key, store.where)
		return nil
	case noApp == nil && (before.State == auth.StateGood || before.State == auth.StatePending):
		atServer, err = signOut(ctx, p, sessions, key)
	case before.State == auth.StateEnded:
		atServer, err = "It had ended already.", sessions.Forget(ctx, key)
	default:
		atServer, err = "It lives on at the server, which was not asked.", sessions.Forget(ctx, key)
	}
	if err != nil {
		return err
	}
	p.printErrf("Signed out: the session %q is forgotten in %s. %s", key, store.where, atServer)
	return nil
}

// signOut ends a session at the server and forgets it, and says what came of it. The
// error is about the base URL or the store.
func signOut(ctx context.Context, p *program, sessions *auth.Sessions, key string) (string, error) {
	endpoint, err := p.cosmicEndpoint()
	if err != nil {
		return "", err
	}
	err = sessions.SignOut(ctx, key, endpoint, auth.SignOutOptions{ForgetAnyway: true})
	var refused *auth.SignOutError
	var config *auth.ConfigError
	switch {
	case err == nil:
		return "The server has ended it.", nil
	case errors.As(err, &config) && !errors.As(err, &refused): // nothing was sent, and nothing forgotten
		return notEnded(err), sessions.Forget(ctx, key)
	case errors.As(err, &refused) && refused.Forgotten:
		return notEnded(err), nil
	default:
		return "", err
	}
}

func notEnded(err error) string { return fmt.Sprintf("It may live on at the server: %v", err) }
