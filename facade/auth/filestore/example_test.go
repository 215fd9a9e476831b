package filestore_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/credkit/credkit-go/facade/auth"
	"github.com/credkit/credkit-go/facade/auth/filestore"
)

// Sessions in a directory that any number of processes of one user share. It is made
// on first use.
func Example() {
	dir, err := os.MkdirTemp("", "credkit-example-")
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()

	store, err := filestore.New(filepath.Join(dir, "sessions"))
	if err != nil {
		log.Fatal(err)
	}
	workers, err := auth.NewSessions(store, auth.App{ClientID: "acme"})
	if err != nil {
		log.Fatal(err)
	}
	status, err := workers.Status(context.Background(), "worker-42")
	fmt.Println(status.State, err)
	// Output: absent <nil>
}
