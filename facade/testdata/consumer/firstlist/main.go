package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"

	"github.com/credkit/credkit-go/facade"
	"github.com/credkit/credkit-go/facade/auth"
	"github.com/credkit/credkit-go/facade/auth/filestore"
	"github.com/credkit/credkit-go/facade/auth/signin"
)

func main() {
	ctx := context.Background()
	app := auth.App{ClientID: os.Getenv("COSMIC_CLIENT_ID")}
	at := facade.WithBaseURL(os.Getenv("COSMIC_BASE_URL")) // leave it out for the production server
	store, err := filestore.New("sessions")                // or pgstore.New(db), or auth.NewMemoryStore()
	check(err)
	workers, err := auth.NewSessions(store, app) // of any number of workers, in any number of processes
	check(err)
	defer workers.Close(ctx) // waits for tokens that are being saved
	cosmic, err := facade.NewCosmic(workers.Key("worker-42"), at)
	check(err)
	var reauth *auth.ReauthError
	if _, err := cosmic.Me(ctx); errors.As(err, &reauth) { // nobody has signed in yet, or the session has ended
		endpoint, err := facade.CosmicEndpoint(at)
		check(err)
		grant, err := signin.Login(ctx, endpoint, app, signin.WithShowURL(func(url string) { fmt.Println("Open", url) }))
		check(err)
		check(workers.SignIn(ctx, "worker-42", grant))
	}
	for cert, err := range cosmic.Certifications().All(ctx) {
		check(err)
		fmt.Printf("%-30s %s\n", cert.CertificationType.Title, cert.ExpiresOn)
	}
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
