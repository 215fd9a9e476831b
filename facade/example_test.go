package facade_test

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
	"github.com/credkit/credkit-go/facade/sandbox"
)

// expiring prints what a worker who has signed in must renew soon.
func expiring(ctx context.Context, dir, clientID, worker string, opts ...facade.Option) error {
	store, err := filestore.New(dir) // or pgstore.New(db), or auth.NewMemoryStore()
	if err != nil {
		return err
	}
	workers, err := auth.NewSessions(store, auth.App{ClientID: clientID}) // any number of workers
	if err != nil {
		return err
	}
	defer func() { _ = workers.Close(ctx) }() // waits for tokens that are being saved
	cosmic, err := facade.NewCosmic(workers.Key(worker), opts...)
	if err != nil {
		return err
	}
	me, err := cosmic.Me(ctx) // who, and which scopes
	if err != nil {
		return err
	}
	// Fails here, naming the scope, and not in the middle of the work.
	if err := cosmic.Require(ctx, facade.ListCertifications); err != nil {
		return err
	}
	now := time.Now()
	soon := facade.Expiring(now, 30*24*time.Hour)
	for cert, err := range cosmic.Certifications().Where(soon).All(ctx) {
		if err != nil {
			return err
		}
		days, _ := cert.DaysLeft(now)
		fmt.Printf("%s: %s ends in %d days\n", me.User.DisplayName, cert.CertificationType.Title, days)
	}
	return nil
}

// colleague finds a user of a Certn account.
func colleague(ctx context.Context, id, secret, email string, opts ...facade.Option) error {
	certn, err := facade.NewCertn(auth.ClientCredentials(id, secret), opts...)
	if err != nil {
		return err
	}
	user, err := certn.FindUser(ctx, facade.ByEmail(email)) // reads the list: there is no search
	if errors.Is(err, facade.ErrNotFound) {
		fmt.Println("nobody has", email)
		return nil
	}
	if err != nil {
		return err
	}
	fmt.Println(user.Name(), "is a colleague")
	return nil
}

// What a worker who has signed in must renew soon, and who a colleague is; against
// the sandbox.
func Example() {
	ctx := context.Background()
	sb := newSandbox(sandbox.WithCertifications(certification("epa-608", "EPA Section 608 Universal", 12), certification("cpr", "First aid", 300)))
	defer sb.Close()
	dir, err := os.MkdirTemp("", "credkit-example-")
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	signInElsewhere(ctx, sb, dir, "worker-42")

	if err := expiring(ctx, dir, sb.App().ClientID, "worker-42", sb.CosmicOptions()...); err != nil {
		log.Fatal(err)
	}
	id, secret := sb.CertnClient()
	if err := colleague(ctx, id, secret, "Grace.Hopper@example.com", sb.CertnOptions()...); err != nil {
		log.Fatal(err)
	}
	// Output:
	// Ada Lovelace: EPA Section 608 Universal ends in 12 days
	// Grace Hopper is a colleague
}

// signInElsewhere is the sign-in of a worker in another process.
func signInElsewhere(ctx context.Context, sb *sandbox.Sandbox, dir, worker string) {
	store, err := filestore.New(dir)
	if err != nil {
		log.Fatal(err)
	}
	workers, err := auth.NewSessions(store, sb.AuthApp())
	if err != nil {
		log.Fatal(err)
	}
	grant, err := sb.Grant(sandbox.SignIn{})
	if err == nil {
		err = workers.SignIn(ctx, worker, grant)
	}
	if err := errors.Join(err, workers.Close(ctx)); err != nil {
		log.Fatal(err)
	}
}
