package drift_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"strings"

	"github.com/credkit/credkit-go/facade/drift"
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

func ExampleRecorder() {
	checker, err := drift.New()
	if err != nil {
		log.Fatal(err)
	}
	recorder := checker.NewRecorder()
	// facade.NewCosmic(credentials, facade.WithMiddleware(recorder.Middleware))
	// … the calls …
	for _, report := range recorder.Reports() {
		if err := report.WriteText(os.Stdout); err != nil {
			log.Fatal(err)
		}
	}
	// Output:
}
