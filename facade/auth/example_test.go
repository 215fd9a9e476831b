package auth_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"time"

	"golang.org/x/oauth2"

	"github.com/credkit/credkit-go/facade"
	"github.com/credkit/credkit-go/facade/auth"
	"github.com/credkit/credkit-go/facade/sandbox"
)

// team is a sandbox with sessions of workers who have signed in, and a client.
// end closes both.
func team(keys ...string) (sb *sandbox.Sandbox, workers *auth.Sessions, cosmic *facade.Cosmic, end func()) {
	ctx := context.Background()
	sb, err := sandbox.New()
	if err != nil {
		log.Fatal(err)
	}
	workers, err = auth.NewSessions(auth.NewMemoryStore(), sb.AuthApp())
	if err != nil {
		log.Fatal(err)
	}
	for _, key := range keys {
		grant, err := sb.Grant(sandbox.SignIn{})
		if err != nil {
			log.Fatal(err)
		}
		if err := workers.SignIn(ctx, key, grant); err != nil {
			log.Fatal(err)
		}
	}
	cosmic, err = facade.NewCosmic(workers.Key("worker-42"), sb.CosmicOptions()...)
	if err != nil {
		log.Fatal(err)
	}
	return sb, workers, cosmic, func() { _ = workers.Close(ctx); sb.Close() }
}

// cosmicOf is what sessions need to know of COSMIC in the sandbox.
func cosmicOf(sb *sandbox.Sandbox) auth.Endpoint {
	endpoint, err := facade.CosmicEndpoint(sb.CosmicOptions()...)
	if err != nil {
		log.Fatal(err)
	}
	return endpoint
}

// A worker has signed in once; from then on a program acts for them for as long as
// the session lives, across restarts and on any number of machines.
func ExampleSessions() {
	ctx := context.Background()
	sb, err := sandbox.New()
	if err != nil {
		log.Fatal(err)
	}
	defer sb.Close()

	store := auth.NewMemoryStore() // filestore.New or pgstore.New in earnest
	workers, err := auth.NewSessions(store, sb.AuthApp(),
		auth.WithLogger(slog.New(slog.DiscardHandler)),
		auth.WithOnChange(func(c auth.Change) { fmt.Println(c.Key, c.Kind) }))
	if err != nil {
		log.Fatal(err)
	}
	if err := workers.CheckStore(ctx, "worker-42"); err != nil { // before a person is asked to sign in
		log.Fatal(err)
	}
	grant, err := sb.Grant(sandbox.SignIn{}) // package signin brings one in earnest
	if err != nil {
		log.Fatal(err)
	}
	if err := workers.SignIn(ctx, "worker-42", grant); err != nil {
		log.Fatal(err)
	}
	cosmic, err := facade.NewCosmic(workers.Key("worker-42"), sb.CosmicOptions()...)
	if err != nil {
		log.Fatal(err)
	}
	sb.RefuseAccessTokens() // the token is refused, is renewed, and the call made again
	me, err := cosmic.Me(ctx)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(me.User.DisplayName)
	if err := workers.Close(ctx); err != nil { // waits for tokens that are being saved
		log.Fatal(err)
	}
	// Unordered output:
	// worker-42 signed_in
	// worker-42 adopted
	// worker-42 rotated
	// Ada Lovelace
}

// Nobody uses these sessions: they are renewed in time all the same. Any number of
// machines may do this once an hour.
func ExampleSessions_KeepAlive() {
	ctx := context.Background()
	sb, workers, _, end := team("worker-1", "worker-2")
	defer end()

	report, err := workers.KeepAlive(ctx, cosmicOf(sb), auth.KeepAliveOptions{Idle: time.Nanosecond}) // zero is 20 hours
	fmt.Println(report.Checked, report.Renewed, report.Failed, err)
	fmt.Println(workers.Stats().Renewed, "renewals by this process")
	// Output:
	// 2 2 0 <nil>
	// 2 renewals by this process
}

// A health page: the state of every session, without a request.
func ExampleSessions_Statuses() {
	ctx := context.Background()
	_, workers, _, end := team("worker-1", "worker-2")
	defer end()

	for status, err := range workers.Statuses(ctx) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(status.Key, status.State, status.CanRenew, status.SignedInAt.IsZero())
	}
	deleted, err := workers.Prune(ctx, time.Now().AddDate(0, -3, 0)) // those that ended three months ago
	fmt.Println(deleted, err)
	// Unordered output:
	// worker-1 good true false
	// worker-2 good true false
	// 0 <nil>
}

func ExampleSessions_Status() {
	ctx := context.Background()
	_, workers, _, end := team("worker-1")
	defer end()
	for key, err := range workers.Keys(ctx) {
		if err != nil {
			log.Fatal(err)
		}
		status, err := workers.Status(ctx, key)
		fmt.Println(key, status.State, err)
	}
	status, err := workers.Status(ctx, "nobody")
	fmt.Println("nobody", status.State, err)
	// Output:
	// worker-1 good <nil>
	// nobody absent <nil>
}

// The worker leaves: the session ends at the server, and the store forgets it.
func ExampleSessions_SignOut() {
	ctx := context.Background()
	sb, workers, cosmic, end := team("worker-42")
	defer end()

	err := workers.SignOut(ctx, "worker-42", cosmicOf(sb), auth.SignOutOptions{})
	fmt.Println(err)
	_, err = cosmic.Me(ctx)
	var reauth *auth.ReauthError
	fmt.Println(errors.As(err, &reauth) && reauth.Reason == auth.ReasonNotSignedIn)
	err = workers.Forget(ctx, "worker-43") // without the server: the session there lives on
	fmt.Println(err)
	// Output:
	// <nil>
	// true
	// <nil>
}

// Ten processes with one key pair hold one token.
func ExampleWithTokenStore() {
	ctx := context.Background()
	sb, err := sandbox.New()
	if err != nil {
		log.Fatal(err)
	}
	defer sb.Close()
	id, secret := sb.CertnClient()
	store := auth.NewMemoryStore()
	for range 10 {
		certn, err := facade.NewCertn(auth.ClientCredentials(id, secret, auth.WithTokenStore(store, "certn")), sb.CertnOptions()...)
		if err != nil {
			log.Fatal(err)
		}
		if _, err := certn.Users().First(ctx); err != nil {
			log.Fatal(err)
		}
	}
	fmt.Println(sb.Count(sandbox.OpCertnToken), "token request")
	// Output: 1 token request
}

// A session of another program is brought into a store. That program must forget
// it: of two that refresh one session, the second ends it.
func ExampleNewGrant() {
	ctx := context.Background()
	sb, workers, cosmic, end := team()
	defer end()
	tokens, err := sb.SignIn("") // what the other program has
	if err != nil {
		log.Fatal(err)
	}

	grant, err := auth.NewGrant(cosmicOf(sb), sb.AuthApp(), &oauth2.Token{RefreshToken: tokens.RefreshToken})
	if err != nil {
		log.Fatal(err)
	}
	if err := workers.SignIn(ctx, "worker-42", grant); err != nil {
		log.Fatal(err)
	}
	me, err := cosmic.Me(ctx)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(me.User.DisplayName)
	// Output: Ada Lovelace
}

// From x/oauth2 and back to it.
func ExampleFromTokenSource() {
	ctx := context.Background()
	sb, _, cosmic, end := team("worker-42")
	defer end()
	tokens, err := sb.SignIn("grace@example.com")
	if err != nil {
		log.Fatal(err)
	}

	source := oauth2.StaticTokenSource(&oauth2.Token{AccessToken: tokens.AccessToken})
	theirs, err := cosmic.For(auth.FromTokenSource(source))
	if err != nil {
		log.Fatal(err)
	}
	me, err := theirs.Me(ctx)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(me.User.DisplayName)

	bound, err := auth.StaticToken(tokens.AccessToken).Source(cosmicOf(sb))
	if err != nil {
		log.Fatal(err)
	}
	token, err := auth.TokenSource(ctx, bound).Token()
	fmt.Println(token.AccessToken == tokens.AccessToken, err)
	// Output:
	// Grace Hopper
	// true <nil>
}

// vault is a credential of one's own: it has its tokens from somewhere else.
type vault struct{ key string }

func (v vault) Source(auth.Endpoint) (auth.Source, error) { return v, nil }

func (v vault) Token(context.Context) (auth.Token, error) {
	return auth.NewToken("a-token-from-the-vault", time.Now().Add(time.Hour)), nil
}

// SessionKey names the session in errors and logs.
func (v vault) SessionKey() string { return v.key }

// Credentials of one's own are two methods; a third one names the session.
func ExampleCredentials() {
	var credentials auth.Credentials = vault{"worker-42"}
	source, err := credentials.Source(auth.Endpoint{})
	if err != nil {
		log.Fatal(err)
	}
	token, err := source.Token(context.Background())
	fmt.Println(token, auth.SessionKey(source), err)
	// Output: [redacted] worker-42 <nil>
}
