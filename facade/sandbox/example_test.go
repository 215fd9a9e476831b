package sandbox_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/credkit/credkit-go/facade"
	"github.com/credkit/credkit-go/facade/sandbox"
)

// countValid is the program to be tested.
func countValid(ctx context.Context, cosmic *facade.Cosmic) (n int, err error) {
	for cert, err := range cosmic.Certifications().All(ctx) {
		if err != nil {
			return n, err
		}
		if !cert.IsExpired(time.Now()) {
			n++
		}
	}
	return n, nil
}

// A sandbox for one test, and a client in it.
func Example() {
	test := func(t *testing.T) { // func TestMe(t *testing.T) {
		sb := sandbox.Test(t)
		cosmic, err := sb.Cosmic() // of a worker who has signed in
		if err != nil {
			t.Fatal(err)
		}
		err = sb.Fail(sandbox.On(facade.ListCertifications), sandbox.Status(403))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := cosmic.Certifications().First(t.Context()); !errors.Is(err, facade.ErrForbidden) {
			t.Error(err)
		}
	}
	fmt.Println(passes(test))
	// Output: true
}

// A program that has no test to end it listens on ports of its own.
func ExampleStart() {
	sb, err := sandbox.Start(sandbox.WithTokenLifetime(time.Minute))
	if err != nil {
		log.Fatal(err)
	}
	defer sb.Close()
	tokens, err := sb.SignIn("grace@example.com", "certification_records:read") // without a browser
	if err != nil {
		log.Fatal(err)
	}
	req, err := http.NewRequest(http.MethodGet, sb.CosmicURL()+"/v1/certifications?limit=1", nil)
	if err != nil {
		log.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+tokens.AccessToken)
	resp, err := sb.Client().Do(req)
	if err != nil {
		log.Fatal(err)
	}
	_ = resp.Body.Close()
	for _, r := range sb.Requests() {
		fmt.Println(r.Operation, r.Status, r.Violation)
	}
	// Output: listCertifications 200
}

// A test signs a worker in without a browser, and sees what the program makes of a
// service that fails.
func ExampleTest() {
	test := func(t *testing.T) { // func TestCountValid(t *testing.T) {
		sb := sandbox.Test(t, sandbox.WithCertifications(
			map[string]any{"id": "8c1f0c9e-5a1d-4c3e-9d52-1f6a0e0f4b21", "expires_on": "2999-12-31"},
			map[string]any{"id": "9d1f0c9e-5a1d-4c3e-9d52-1f6a0e0f4b22", "expires_on": "2001-12-31"}))
		cosmic, err := sb.Cosmic() // of a worker who has signed in
		if err != nil {
			t.Fatal(err)
		}
		if n, err := countValid(t.Context(), cosmic); n != 1 || err != nil {
			t.Error(n, err)
		}

		if err := sb.Fail(sandbox.On(facade.ListCertifications), sandbox.Status(403)); err != nil {
			t.Fatal(err)
		}
		if _, err := countValid(t.Context(), cosmic); !errors.Is(err, facade.ErrForbidden) {
			t.Error(err)
		}
	}
	fmt.Println(passes(test))
	// Output: true
}

// Inside of testing/synctest waits take no time: the token of an hour ends, the
// server asks for ten minutes of patience, and the call succeeds all the same.
func ExampleTest_synctest() {
	test := func(t *testing.T) { // func TestALongDay(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			sb := sandbox.Test(t)
			cosmic, err := sb.Cosmic(facade.WithRetry(facade.RetryPolicy{MaxRetryAfter: time.Hour}))
			if err != nil {
				t.Fatal(err)
			}
			time.Sleep(2 * time.Hour)
			if err := sb.Fail(sandbox.On(facade.GetMe), sandbox.Status(429), sandbox.RetryAfter("600"), sandbox.Times(1)); err != nil {
				t.Fatal(err)
			}
			if _, err := cosmic.Me(t.Context()); err != nil || sb.Counters().Refreshes != 1 {
				t.Error(err, sb.Counters())
			}
		})
	}
	fmt.Println(passes(test))
	// Output: true
}

// passes runs a test, whose own output is dropped.
func passes(test func(*testing.T)) bool {
	stdout := os.Stdout
	defer func() { os.Stdout = stdout }()
	os.Stdout, _ = os.Open(os.DevNull)
	return testing.RunTests(func(_, _ string) (bool, error) { return true, nil }, []testing.InternalTest{{Name: "Example", F: test}})
}
