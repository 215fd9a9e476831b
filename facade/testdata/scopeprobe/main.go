// Command scopeprobe lists certifications with a sign-in that has the scope
// certification_records:read alone, and prints what the facade says to that.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/credkit/credkit-go/facade"
	"github.com/credkit/credkit-go/facade/auth"
	"github.com/credkit/credkit-go/facade/sandbox"
)

func main() {
	if err := run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	sb, err := sandbox.New()
	if err != nil {
		return err
	}
	defer sb.Close()
	token, err := sb.AccessToken("", "certification_records:read")
	if err != nil {
		return err
	}
	cosmic, err := facade.NewCosmic(auth.StaticToken(token), facade.WithBaseURL(sb.CosmicURL()), facade.WithHTTPClient(sb.Client()))
	if err != nil {
		return err
	}
	_, err = cosmic.Certifications().First(ctx)
	fmt.Printf("listed %d times: %v\n", sb.Count(facade.ListCertifications), err)
	return nil
}
