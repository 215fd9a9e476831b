package main_test

import (
	"context"
	"fmt"
	"log"
	"net/http"

	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/credkit/credkit-go/facade"
	"github.com/credkit/credkit-go/facade/auth"
	"github.com/credkit/credkit-go/facade/sandbox"
)

// Each request of a service, those that are sent again included, becomes a
// span. Token requests do not: they pass the HTTP client, not the middleware.
func ExampleWithMiddleware_opentelemetry() {
	box, err := sandbox.New()
	if err != nil {
		log.Fatal(err)
	}
	defer box.Close()
	token, err := box.AccessToken("")
	if err != nil {
		log.Fatal(err)
	}

	spans := tracetest.NewSpanRecorder()
	provider := trace.NewTracerProvider(trace.WithSpanProcessor(spans))
	tracing := func(next http.RoundTripper) http.RoundTripper {
		return otelhttp.NewTransport(next, otelhttp.WithTracerProvider(provider))
	}

	cosmic, err := facade.NewCosmic(auth.StaticToken(token),
		facade.WithBaseURL(box.CosmicURL()), facade.WithHTTPClient(box.Client()), facade.WithMiddleware(tracing))
	if err != nil {
		log.Fatal(err)
	}
	if _, err := cosmic.Me(context.Background()); err != nil {
		log.Fatal(err)
	}
	for _, span := range spans.Ended() {
		fmt.Println(span.Name())
		for _, a := range span.Attributes() {
			if a.Key == "url.full" || a.Key == "http.response.status_code" {
				fmt.Println(a.Key, a.Value.Emit())
			}
		}
	}
	// Output:
	// HTTP GET
	// url.full https://cosmic.sandbox.test/v1/me
	// http.response.status_code 200
}
