package sandbox_test

import (
	"fmt"
	"net/http"
	"time"

	"github.com/credkit/credkit-go/facade"
	"github.com/credkit/credkit-go/facade/sandbox"
)

// A test starts the sandbox, signs a worker in without a browser, and sees
// what its own code makes of a service that fails.
func Example() {
	sb, err := sandbox.New(sandbox.WithTokenLifetime(time.Minute), sandbox.WithCertificationCount(120))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer sb.Close()

	token, err := sb.AccessToken("grace@example.com", "certification_records:read")
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := sb.Fail(sandbox.On(facade.ListCertifications), sandbox.Status(503), sandbox.RetryAfter("1"), sandbox.Times(1)); err != nil {
		fmt.Println(err)
		return
	}

	for range 2 {
		req, err := http.NewRequest(http.MethodGet, sb.CosmicURL()+"/v1/certifications", nil)
		if err != nil {
			fmt.Println(err)
			return
		}
		req.Header.Set("Authorization", "Bearer "+token)
		resp, err := sb.Client().Do(req) // your code here
		if err != nil {
			fmt.Println(err)
			return
		}
		_ = resp.Body.Close()
	}
	for _, r := range sb.Requests() {
		fmt.Println(r.Operation, r.Status, r.Fault)
	}
	// Output:
	// listCertifications 503 status 503, header Retry-After
	// listCertifications 200
}
