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
	"os"
	"time"

	"github.com/credkit/credkit-go/facade"
	"github.com/credkit/credkit-go/facade/auth"
	"github.com/credkit/credkit-go/facade/auth/filestore"
	"github.com/credkit/credkit-go/facade/roster"
	"github.com/credkit/credkit-go/facade/sandbox"
)

func main() {
	if err := run(context.Background()); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context) (err error) {
	sb, err := sandbox.New()
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
	sessions, err := auth.NewSessions(store, sb.AuthApp())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, sessions.Close(ctx)) }()
	for _, worker := range []string{"worker-1", "worker-2"} {
		grant, err := sb.Grant(sandbox.SignIn{})
		if err != nil {
			return err
		}
		if err := sessions.SignIn(ctx, worker, grant); err != nil {
			return err
		}
	}

	cosmic, err := facade.NewCosmic(sessions.Key("worker-1"), sb.CosmicOptions()...)
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

	certn, err := sb.Certn()
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
