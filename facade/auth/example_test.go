package auth_test

import (
	"context"
	"fmt"
	"log"
	"net"
	"net/http"
	"time"

	"github.com/credkit/credkit-go/api/certn"
	"github.com/credkit/credkit-go/api/cosmic"
	"github.com/credkit/credkit-go/facade/auth"
	"github.com/credkit/credkit-go/facade/auth/signin"
	"github.com/credkit/credkit-go/facade/sandbox"
)

// cosmicOf is what the facade makes of a base URL and an HTTP client.
func cosmicOf(sb *sandbox.Sandbox) auth.Endpoint {
	return auth.Endpoint{
		Service: "cosmic", Origin: sb.CosmicURL(), HTTPClient: sb.Client(),
		TokenURL: sb.CosmicURL() + cosmic.Service.TokenPath, AuthorizeURL: sb.CosmicURL() + cosmic.Service.AuthorizePath,
	}
}

// onFreePort starts a sandbox whose app is registered with a port that is free
// on this machine. A program has its one registered port instead.
func onFreePort() (sb *sandbox.Sandbox, app auth.App, port int, err error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, app, 0, err
	}
	port = l.Addr().(*net.TCPAddr).Port
	if err := l.Close(); err != nil {
		return nil, app, 0, err
	}
	app = auth.App{ClientID: "my-app"}
	sb, err = sandbox.Start(sandbox.WithApps(sandbox.App{ClientID: app.ClientID, RedirectURIs: []string{fmt.Sprintf("http://127.0.0.1:%d/callback", port)}}))
	return sb, app, port, err
}

// A worker signs in on this machine; from then on a program acts for them for
// as long as the session lives, across restarts.
func ExampleSessions() {
	ctx := context.Background()
	sb, app, port, err := onFreePort()
	if err != nil {
		log.Fatal(err)
	}
	defer sb.Close()
	endpoint := cosmicOf(sb)

	store := auth.NewMemoryStore() // filestore.New or pgstore.New in earnest
	workers, err := auth.NewSessions(store, app, auth.WithOnChange(func(c auth.Change) { fmt.Println(c.Key, c.Kind) }))
	if err != nil {
		log.Fatal(err)
	}
	defer workers.Close(ctx)

	grant, err := signin.Login(ctx, endpoint, app, signin.WithPort(port), signin.WithOpenBrowser(func(u string) error {
		go func() { // the person, who approves
			redirect, err := sb.Approve(ctx, u)
			if err != nil {
				log.Fatal(err)
			}
			if res, err := http.Get(redirect); err == nil {
				res.Body.Close()
			}
		}()
		return nil
	}))
	if err != nil {
		log.Fatal(err)
	}
	if err := workers.SignIn(ctx, "worker-42", grant); err != nil {
		log.Fatal(err)
	}

	source, err := workers.Key("worker-42").Source(endpoint) // the facade does this
	if err != nil {
		log.Fatal(err)
	}
	token, err := source.Token(ctx)
	if err != nil {
		log.Fatal(err)
	}
	if _, err := source.(auth.Renewer).Renew(ctx, token); err != nil { // and this, after a 401
		log.Fatal(err)
	}
	if err := workers.Close(ctx); err != nil {
		log.Fatal(err)
	}
	// Unordered output:
	// worker-42 signed_in
	// worker-42 adopted
	// worker-42 rotated
}

// Ten processes with one key pair hold one token.
func ExampleWithTokenStore() {
	ctx := context.Background()
	sb, err := sandbox.Start()
	if err != nil {
		log.Fatal(err)
	}
	defer sb.Close()
	endpoint := auth.Endpoint{Service: "certn", Origin: sb.CertnURL(), TokenURL: sb.CertnURL() + certn.Service.TokenPath, HTTPClient: sb.Client()}
	id, secret := sb.CertnClient()
	store := auth.NewMemoryStore()
	for range 10 {
		source, err := auth.ClientCredentials(id, secret, auth.WithTokenStore(store, "certn")).Source(endpoint)
		if err != nil {
			log.Fatal(err)
		}
		if _, err := source.Token(ctx); err != nil {
			log.Fatal(err)
		}
	}
	fmt.Println(sb.Count(sandbox.OpCertnToken), "token request")
	// Output: 1 token request
}

// A health page.
func ExampleSessions_Status() {
	ctx := context.Background()
	workers, err := auth.NewSessions(auth.NewMemoryStore(), auth.App{ClientID: "my-app"})
	if err != nil {
		log.Fatal(err)
	}
	for key, err := range workers.Keys(ctx) {
		if err != nil {
			log.Fatal(err)
		}
		status, err := workers.Status(ctx, key)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(key, status.State, time.Until(status.ExpiresAt), status.LastError)
	}
	status, err := workers.Status(ctx, "nobody")
	fmt.Println(status.State, err)
	// Output: absent <nil>
}
