package facade_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"os"
	"time"

	"github.com/credkit/credkit-go/facade"
	"github.com/credkit/credkit-go/facade/auth"
	"github.com/credkit/credkit-go/facade/auth/filestore"
	"github.com/credkit/credkit-go/facade/auth/signin"
	"github.com/credkit/credkit-go/facade/sandbox"
)

// The README shows expiring and signInByWeb as they stand here; a test of the
// command holds the two against each other.

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
	user, err := certn.FindUser(ctx, facade.ByEmail(email)) // walks the list: there is no search
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

// signInByWeb lets workers sign in to COSMIC through a web program: /cosmic/sign-in
// begins a sign-in, and /cosmic/callback completes it.
func signInByWeb(mux *http.ServeMux, site string, workers *auth.Sessions, app auth.App, key []byte, opts ...facade.Option) error {
	endpoint, err := facade.CosmicEndpoint(opts...)
	if err != nil {
		return err
	}
	sealer, err := signin.NewSealer(key) // 32 random bytes, the same in all processes
	if err != nil {
		return err
	}
	handler, err := signin.NewHandler(endpoint, app, site+"/cosmic/callback", sealer, func(r *http.Request, grant auth.Grant) error {
		return workers.SignIn(r.Context(), "worker-42", grant) // the key of the program's own user
	})
	if err != nil {
		return err
	}
	mux.Handle("/cosmic/", handler)
	return nil
}

// A worker signs in through a web program, which from then on acts for them;
// everything against the sandbox.
func Example() {
	ctx := context.Background()
	mux := http.NewServeMux()
	web := httptest.NewServer(mux)
	defer web.Close()
	sb, err := sandbox.Start(
		sandbox.WithApps(sandbox.App{ClientID: "acme", RedirectURIs: []string{web.URL + "/cosmic/callback"}}),
		sandbox.WithCertifications(
			map[string]any{"id": "8c1f0c9e-5a1d-4c3e-9d52-1f6a0e0f4b21", "expires_on": time.Now().AddDate(0, 0, 12).Format(time.DateOnly),
				"certification_type": map[string]any{"title": "EPA Section 608 Universal"}},
			map[string]any{"id": "9d1f0c9e-5a1d-4c3e-9d52-1f6a0e0f4b22", "expires_on": time.Now().AddDate(1, 0, 0).Format(time.DateOnly)},
		))
	if err != nil {
		log.Fatal(err)
	}
	defer sb.Close()
	dir, err := os.MkdirTemp("", "credkit-example-")
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()

	store, err := filestore.New(dir)
	if err != nil {
		log.Fatal(err)
	}
	app := auth.App{ClientID: "acme"}
	workers, err := auth.NewSessions(store, app)
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = workers.Close(ctx) }()
	key := make([]byte, 32)
	_, _ = rand.Read(key)
	if err := signInByWeb(mux, web.URL, workers, app, key, facade.WithBaseURL(sb.CosmicURL())); err != nil {
		log.Fatal(err)
	}

	if err := browse(ctx, sb, web.URL); err != nil {
		log.Fatal(err)
	}
	if err := expiring(ctx, dir, app.ClientID, "worker-42", facade.WithBaseURL(sb.CosmicURL())); err != nil {
		log.Fatal(err)
	}
	id, secret := sb.CertnClient()
	if err := colleague(ctx, id, secret, "Grace.Hopper@example.com", facade.WithBaseURL(sb.CertnURL())); err != nil {
		log.Fatal(err)
	}
	// Output:
	// signed in: 200 OK
	// Ada Lovelace: EPA Section 608 Universal ends in 12 days
	// Grace Hopper is a colleague
}

// browse is the worker's browser, with the sandbox's headless approval.
func browse(ctx context.Context, sb *sandbox.Sandbox, site string) error {
	jar, err := cookiejar.New(nil)
	if err != nil {
		return err
	}
	browser := &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	begin, err := browser.Get(site + "/cosmic/sign-in")
	if err != nil {
		return err
	}
	_ = begin.Body.Close()
	redirect, err := sb.Approve(ctx, begin.Header.Get("Location"))
	if err != nil {
		return err
	}
	end, err := browser.Get(redirect)
	if err != nil {
		return err
	}
	_ = end.Body.Close()
	fmt.Println("signed in:", end.Status)
	return nil
}
