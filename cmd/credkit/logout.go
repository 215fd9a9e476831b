package main

import (
	"context"

	"github.com/credkit/credkit-go/facade/auth"
)

type logoutCommand struct{}

// Run forgets the session. It needs no client id: nothing is requested.
func (c *logoutCommand) Run(ctx context.Context, p *program) error {
	sessions, store, err := p.sessionsOf(ctx, auth.App{ClientID: p.setting(envCosmicID, "none")})
	if err != nil {
		return err
	}
	key := p.sessionKey()
	before, unreadable := sessions.Status(ctx, key)
	if unreadable == nil && before.State == auth.StateAbsent {
		p.say("Nobody is signed in as %q in %s.", key, store.where)
		return nil
	}
	if err := sessions.Forget(ctx, key); err != nil {
		return err
	}
	if unreadable != nil {
		p.say("Deleted the record of %q in %s, which could not be read:\n%v", key, store.where, unreadable)
		return nil
	}
	p.say("Signed out: the session %q is forgotten in %s.\nCOSMIC documents no way to revoke a session: a copy of its tokens would live on.", key, store.where)
	return nil
}
