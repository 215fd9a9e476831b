// Package otelcredkit makes OpenTelemetry traces and metrics of the requests
// that a client of package facade makes, those for tokens included:
//
//	observe, err := otelcredkit.Observer()
//	cosmic, err := facade.NewCosmic(credentials, facade.WithObserver(observe))
//
// Each request is a span of kind client below the span of the caller's context,
// named by service and operation ("cosmic listCertifications", "cosmic token"):
// a call that is sent again has several. A call that fails before a request is
// made, for want of a scope or a token, is a span of no length. The metrics:
//
//   - credkit.client.request.duration, a histogram in seconds: of each request to
//     the headers of its response, of a token request to its end.
//   - credkit.client.unsent, a counter: calls that failed before a request was made.
//
// The attributes of both are credkit.service and credkit.operation, and as the
// semantic conventions of HTTP have them http.response.status_code and
// error.type: a status from 400 on, "timeout", "canceled", or the Go type of
// the error. Spans have http.request.resend_count, too. No attribute has a
// token, a URL, a message of a server, or a session's key unless
// [WithSessionKeys] asks for it.
//
// Trace context is not sent to the services. Where that is wanted, put the
// transport of go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp
// into facade.WithMiddleware; facade.OperationOf names its spans.
//
// It is a module of its own, so that credkit does not require OpenTelemetry.
package otelcredkit

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"github.com/credkit/credkit-go/facade"
)

// scope names the instrumentation.
const scope = "github.com/credkit/credkit-go/facade/otelcredkit"

type settings struct {
	tracers     trace.TracerProvider
	meters      metric.MeterProvider
	sessionKeys bool
}

// Option is a setting of [Observer].
type Option func(*settings)

// WithTracerProvider makes spans by provider. Nil and the default are the
// global one; a noop.TracerProvider makes none.
func WithTracerProvider(provider trace.TracerProvider) Option {
	return func(s *settings) { s.tracers = provider }
}

// WithMeterProvider records metrics by provider. Nil and the default are the
// global one; a noop.MeterProvider records none.
func WithMeterProvider(provider metric.MeterProvider) Option {
	return func(s *settings) { s.meters = provider }
}

// WithSessionKeys adds the attribute credkit.session to spans: the key of the
// session, which may name a person. Metrics never have it.
func WithSessionKeys() Option {
	return func(s *settings) { s.sessionKeys = true }
}

// Observer returns a function for facade.WithObserver. Its error is that of the
// meter provider, which refused an instrument.
func Observer(opts ...Option) (func(context.Context, facade.CallEvent), error) {
	var s settings
	for _, opt := range opts {
		if opt != nil {
			opt(&s)
		}
	}
	if s.tracers == nil {
		s.tracers = otel.GetTracerProvider()
	}
	if s.meters == nil {
		s.meters = otel.GetMeterProvider()
	}
	o := &observer{tracer: s.tracers.Tracer(scope, trace.WithInstrumentationVersion(facade.Version)), sessionKeys: s.sessionKeys}
	meter := s.meters.Meter(scope, metric.WithInstrumentationVersion(facade.Version))
	var err, unsentErr error
	o.duration, err = meter.Float64Histogram("credkit.client.request.duration", metric.WithUnit("s"),
		metric.WithDescription("Duration of requests for calls and tokens."),
		metric.WithExplicitBucketBoundaries(0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10))
	o.unsent, unsentErr = meter.Int64Counter("credkit.client.unsent", metric.WithUnit("{call}"),
		metric.WithDescription("Calls that failed before a request was made."))
	if err := errors.Join(err, unsentErr); err != nil {
		return nil, fmt.Errorf("otelcredkit: %w", err)
	}
	return o.observe, nil
}

type observer struct {
	tracer      trace.Tracer
	duration    metric.Float64Histogram
	unsent      metric.Int64Counter
	sessionKeys bool
}

// observe records one event, which has just ended.
func (o *observer) observe(ctx context.Context, e facade.CallEvent) {
	attributes := []attribute.KeyValue{
		attribute.String("credkit.service", e.Service),
		attribute.String("credkit.operation", string(e.Operation)),
	}
	if e.Status != 0 {
		attributes = append(attributes, attribute.Int("http.response.status_code", e.Status))
	}
	failure := errorType(e)
	if failure != "" {
		attributes = append(attributes, attribute.String("error.type", failure))
	}
	recorded := metric.WithAttributeSet(attribute.NewSet(attributes...))
	if e.Attempt == 0 {
		o.unsent.Add(ctx, 1, recorded)
	} else {
		o.duration.Record(ctx, e.Elapsed.Seconds(), recorded)
	}

	end := time.Now()
	_, span := o.tracer.Start(ctx, e.Service+" "+string(e.Operation), trace.WithSpanKind(trace.SpanKindClient), trace.WithTimestamp(end.Add(-e.Elapsed)))
	if span.IsRecording() {
		if e.Attempt > 1 {
			attributes = append(attributes, attribute.Int("http.request.resend_count", e.Attempt-1))
		}
		if o.sessionKeys && e.SessionKey != "" {
			attributes = append(attributes, attribute.String("credkit.session", e.SessionKey))
		}
		span.SetAttributes(attributes...)
		if failure != "" {
			span.SetStatus(codes.Error, "") // a text could name a person
		}
	}
	span.End(trace.WithTimestamp(end))
}

// errorType is the attribute error.type; empty for success.
func errorType(e facade.CallEvent) string {
	var timeout interface{ Timeout() bool }
	switch {
	case e.Status >= 400:
		return strconv.Itoa(e.Status)
	case e.Err == nil:
		return ""
	case errors.Is(e.Err, context.Canceled):
		return "canceled"
	case errors.Is(e.Err, context.DeadlineExceeded), errors.As(e.Err, &timeout) && timeout.Timeout():
		return "timeout"
	default:
		return fmt.Sprintf("%T", e.Err)
	}
}
