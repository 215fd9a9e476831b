package drift_test

import (
	"context"
	"fmt"
	"log"
	"strings"

	credkit "github.com/credkit/credkit-go"
	"github.com/credkit/credkit-go/facade"
	"github.com/credkit/credkit-go/facade/drift"
	"github.com/credkit/credkit-go/facade/sandbox"
)

func Example() {
	checker, err := drift.New()
	if err != nil {
		log.Fatal(err)
	}
	report, err := checker.Check(context.Background(), drift.Response{
		Operation: "listUsers",
		Body:      strings.NewReader(`{"results": [{"id": "123e4567-e89b-12d3-a456-426614174000", "is_active": true}]}`),
	})
	if err != nil {
		log.Fatal(err)
	}
	for _, f := range report.Findings {
		fmt.Println(f.Severity, "at", f.First, "which is", f.Got)
		fmt.Println(f.Advice[:strings.Index(f.Advice, " (")])
	}
	fmt.Println(report.Differs())
	// Output:
	// new information at /results/0/is_active which is boolean
	// Declare is_active in User
	// true
}

// The responses that a client gets anyhow.
func ExampleRecorder() {
	sb, err := sandbox.New()
	if err != nil {
		log.Fatal(err)
	}
	defer sb.Close()

	checker, err := drift.New(drift.WithSpec(credkit.Spec), drift.ShowValues()) // the defaults: our file, and no values
	if err != nil {
		log.Fatal(err)
	}
	recorder := checker.NewRecorder()
	cosmic, err := sb.Cosmic(facade.WithMiddleware(recorder.Middleware))
	if err != nil {
		log.Fatal(err)
	}
	if _, err := cosmic.Certifications().Collect(context.Background(), 100); err != nil {
		log.Fatal(err)
	}
	for _, report := range recorder.Reports() {
		fmt.Println(report.Operation, report.Differs(), drift.Severities()[0])
	}
	// Unordered output:
	// getMe false breaks us
	// listCertifications false breaks us
}
