// Command consumer is a program of somebody else that requires credkit: a module
// of its own, which sees only what is exported. It signs workers in to a sandbox,
// reads their certifications and the users of a Certn account, and prints what it
// found. .ci/run builds and runs it, and counts the modules that it has to load.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/url"
	"os"
	"time"

	"github.com/credkit/credkit-go/facade"
	"github.com/credkit/credkit-go/facade/auth"
	"github.com/credkit/credkit-go/facade/auth/filestore"
	"github.com/credkit/credkit-go/facade/auth/signin"
	"github.com/credkit/credkit-go/facade/roster"
	"github.com/credkit/credkit-go/facade/sandbox"
)

func main() {
	if err := run(context.Background()); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context) (err error) {
	sb, err := sandbox.Start()
	if err != nil {
		return err
	}
	defer sb.Close()
	dir, err := os.MkdirTemp("", "consumer-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	store, err := filestore.New(dir)
	if err != nil {
		return err
	}
	app := auth.App{ClientID: sb.App().ClientID, ClientSecret: sb.App().ClientSecret}
	sessions, err := auth.NewSessions(store, app)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, sessions.Close(ctx)) }()
	at := facade.WithBaseURL(sb.CosmicURL())
	for _, worker := range []string{"worker-1", "worker-2"} {
		if err := signIn(ctx, sb, sessions, app, worker, at); err != nil {
			return fmt.Errorf("%s: %w", worker, err)
		}
	}

	cosmic, err := facade.NewCosmic(sessions.Key("worker-1"), at)
	if err != nil {
		return err
	}
	if err := cosmic.Require(ctx, facade.ListCertifications, facade.CreateCertification); err != nil {
		return err
	}
	me, err := cosmic.Me(ctx)
	if err != nil {
		return err
	}
	fmt.Println("me:", me.User.DisplayName)
	if _, err := cosmic.CreateCertification(ctx, facade.CertificationCreate{SerialNumber: "42"}); err != nil {
		fmt.Println("create:", err)
	}
	soon := facade.Expiring(time.Now(), 365*24*time.Hour)
	n := 0
	for cert, err := range cosmic.Certifications().Where(soon).All(ctx) {
		if err != nil {
			return err
		}
		if _, ok := cert.DaysLeft(time.Now()); ok {
			n++
		}
	}
	fmt.Println("certifications that end within a year:", n)

	for worker := range roster.Workers(ctx, cosmic, sessions, roster.WithParallel(2)) {
		if worker.Err != nil {
			return worker.Err
		}
		fmt.Println("roster:", worker.Key, len(worker.Certifications))
	}

	id, secret := sb.CertnClient()
	certn, err := facade.NewCertn(auth.ClientCredentials(id, secret), facade.WithBaseURL(sb.CertnURL()))
	if err != nil {
		return err
	}
	user, err := certn.FindUser(ctx, facade.ByEmail("grace.hopper@example.com"))
	if err != nil {
		return err
	}
	fmt.Println("user:", user.Name())
	return nil
}

func signIn(ctx context.Context, sb *sandbox.Sandbox, sessions *auth.Sessions, app auth.App, key string, opts ...facade.Option) error {
	endpoint, err := facade.CosmicEndpoint(opts...)
	if err != nil {
		return err
	}
	authorizeURL, pending, err := signin.Begin(endpoint, app, sandbox.RedirectURI)
	if err != nil {
		return err
	}
	back, err := sb.Approve(ctx, authorizeURL)
	if err != nil {
		return err
	}
	u, err := url.Parse(back)
	if err != nil {
		return err
	}
	grant, err := signin.Complete(ctx, endpoint, app, pending, u.Query())
	if err != nil {
		return err
	}
	return sessions.SignIn(ctx, key, grant)
}
