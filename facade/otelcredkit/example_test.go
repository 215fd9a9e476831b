package otelcredkit_test

import (
	"context"
	"fmt"
	"log"

	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/credkit/credkit-go/facade"
	"github.com/credkit/credkit-go/facade/auth"
	"github.com/credkit/credkit-go/facade/otelcredkit"
	"github.com/credkit/credkit-go/facade/sandbox"
)

// The providers are the global ones of package otel.
func Example() {
	credentials := auth.StaticToken("a-token")

	observe, err := otelcredkit.Observer()
	if err != nil {
		log.Fatal(err)
	}
	cosmic, err := facade.NewCosmic(credentials, facade.WithObserver(observe))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(cosmic.Operations())
	// Output: [createCertification getMe listCertifications]
}

// Providers of the program's own.
func ExampleObserver() {
	sb, err := sandbox.New()
	if err != nil {
		log.Fatal(err)
	}
	defer sb.Close()
	spans := tracetest.NewSpanRecorder()
	tracers, meters := trace.NewTracerProvider(trace.WithSpanProcessor(spans)), metric.NewMeterProvider()

	observe, err := otelcredkit.Observer(
		otelcredkit.WithTracerProvider(tracers),
		otelcredkit.WithMeterProvider(meters),
		otelcredkit.WithSessionKeys()) // they may name a person
	if err != nil {
		log.Fatal(err)
	}
	cosmic, err := sb.Cosmic(facade.WithObserver(observe))
	if err != nil {
		log.Fatal(err)
	}
	if _, err := cosmic.Me(context.Background()); err != nil {
		log.Fatal(err)
	}
	for _, span := range spans.Ended() {
		fmt.Println(span.Name())
	}
	// Output: cosmic getMe
}
