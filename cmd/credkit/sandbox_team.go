package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/google/uuid"
	"golang.org/x/oauth2"

	"github.com/credkit/credkit-go/api/cosmic"
	"github.com/credkit/credkit-go/facade"
	"github.com/credkit/credkit-go/facade/auth"
	"github.com/credkit/credkit-go/facade/sandbox"
)

// Of a team, each so many workers have something to show: a session that has
// ended, one without the scope of certifications, and no Certn user.
const (
	deadEach, scopelessEach, onlyCosmicEach = 25, 40, 10
	deadAt, scopelessAt, onlyCosmicAt       = 1, 2, 3 // who is the first of them
)

// teamUsers are made-up workers.
func teamUsers(n int) []sandbox.User {
	first := []string{"Ada", "Grace", "Katherine", "Mary", "Hedy", "Radia", "Barbara", "Lise", "Emmy", "Rosalind", "Dorothy"}
	last := []string{"Miller", "Okafor", "Nguyen", "Sánchez", "Kowalski", "Haddad", "Lindqvist", "Tanaka", "O'Brien", "Meyer", "da Silva", "Novak", "Dubois"}
	users := make([]sandbox.User, n)
	for i := range users {
		users[i] = sandbox.User{
			ID:    madeUpID("worker", i),
			Email: teamKey(i) + "@example.com", DisplayName: first[i%len(first)] + " " + last[i%len(last)],
		}
	}
	return users
}

func madeUpID(kind string, i int) string {
	return uuid.NewSHA1(uuid.NameSpaceOID, fmt.Appendf(nil, "credkit sandbox %s %d", kind, i)).String()
}

// teamCertnUsers are the Certn users of a team: most of its workers, and two
// who are none.
func teamCertnUsers(users []sandbox.User) (rows []any) {
	for i, u := range users {
		if i%onlyCosmicEach != onlyCosmicAt {
			rows = append(rows, map[string]any{"id": madeUpID("user", i), "email": u.Email, "first_name": u.DisplayName})
		}
	}
	for i := range 2 {
		rows = append(rows, map[string]any{"id": madeUpID("other", i), "email": fmt.Sprintf("office-%d@example.com", i+1), "first_name": "Office"})
	}
	return rows
}

// signInTeam signs every user in and saves the sessions under the keys
// worker-001 and so on.
func signInTeam(ctx context.Context, sb *sandbox.Sandbox, sessions *auth.Sessions, users []sandbox.User) error {
	for i, u := range users {
		grant, err := signInMember(sb, u.ID, i)
		if err == nil {
			err = sessions.SignIn(ctx, teamKey(i), grant)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func signInMember(sb *sandbox.Sandbox, user string, i int) (auth.Grant, error) {
	in := sandbox.SignIn{User: user}
	switch {
	case i%scopelessEach == scopelessAt:
		in.Scopes = otherScopes()
	case i%deadEach == deadAt:
		tokens, err := sb.SignInWith(in)
		if err == nil {
			err = sb.EndSession(tokens.SessionID, sandbox.SessionNotFound)
		}
		if err != nil {
			return auth.Grant{}, err
		}
		endpoint, err := facade.CosmicEndpoint(sb.CosmicOptions()...)
		if err != nil {
			return auth.Grant{}, err
		}
		return auth.NewGrant(endpoint, sb.AuthApp(), &oauth2.Token{
			AccessToken: tokens.AccessToken, RefreshToken: tokens.RefreshToken, Expiry: time.Now().Add(-time.Hour), // so that it shows at once
		})
	}
	return sb.Grant(in)
}

// otherScopes are the API scopes that listing certifications does not need.
func otherScopes() []string {
	op, _ := cosmic.Service.Operation(facade.ListCertifications)
	return slices.DeleteFunc(slices.Clone(cosmic.Service.Scopes), func(scope string) bool { return slices.Contains(op.Scopes, scope) })
}

// fillStore signs the team in and saves its sessions in the store, to be
// removed at the end. A store that has sessions is refused.
func (c *sandboxCommand) fillStore(ctx context.Context, p *program, sb *sandbox.Sandbox) error {
	if c.Store == "" {
		dir, err := os.MkdirTemp("", "credkit-sandbox-")
		if err != nil {
			return err
		}
		p.onClose(func(context.Context) error { return os.RemoveAll(dir) })
		c.Store = dir
	}
	store, err := p.openStoreAt(ctx, c.Store)
	if err != nil {
		return err
	}
	if err := store.prepare(ctx); err != nil {
		return err
	}
	for _, err := range store.Keys(ctx) {
		if err != nil {
			return err
		}
		return usagef("--store: there are sessions in %s: want a store without any", store.where)
	}
	sessions, err := auth.NewSessions(store, sb.AuthApp())
	if err != nil {
		return err
	}
	p.onClose(func(ctx context.Context) error {
		for i := range c.Workers {
			if err := sessions.Forget(ctx, teamKey(i)); err != nil {
				return err
			}
		}
		return sessions.Close(ctx)
	})
	return signInTeam(ctx, sb, sessions, teamUsers(c.Workers))
}

func teamKey(i int) string { return fmt.Sprintf("worker-%03d", i+1) }
