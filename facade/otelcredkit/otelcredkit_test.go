package otelcredkit_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric/noop"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"golang.org/x/oauth2"

	"github.com/credkit/credkit-go/facade"
	"github.com/credkit/credkit-go/facade/auth"
	"github.com/credkit/credkit-go/facade/otelcredkit"
	"github.com/credkit/credkit-go/facade/sandbox"
)

// key is a session key that names a person.
const key = "ada@example.com"

// telemetry is the SDK with its exporters in memory.
type telemetry struct {
	tracers *trace.TracerProvider
	meters  *metric.MeterProvider
	spans   *tracetest.InMemoryExporter
	metrics *metric.ManualReader
}

func newTelemetry() *telemetry {
	t := &telemetry{spans: tracetest.NewInMemoryExporter(), metrics: metric.NewManualReader()}
	t.tracers = trace.NewTracerProvider(trace.WithSyncer(t.spans))
	t.meters = metric.NewMeterProvider(metric.WithReader(t.metrics))
	return t
}

func (t *telemetry) options(more ...otelcredkit.Option) []otelcredkit.Option {
	return append(more, otelcredkit.WithTracerProvider(t.tracers), otelcredkit.WithMeterProvider(t.meters))
}

// collected returns the data points by instrument, each as its attributes.
func (t *telemetry) collected(test *testing.T) map[string][]string {
	test.Helper()
	var all metricdata.ResourceMetrics
	if err := t.metrics.Collect(test.Context(), &all); err != nil {
		test.Fatal(err)
	}
	points := map[string][]string{}
	for _, scope := range all.ScopeMetrics {
		for _, m := range scope.Metrics {
			switch data := m.Data.(type) {
			case metricdata.Histogram[float64]:
				for _, p := range data.DataPoints {
					points[m.Name] = append(points[m.Name], fmt.Sprintf("%s ×%d", text(p.Attributes.ToSlice()), p.Count))
				}
			case metricdata.Sum[int64]:
				for _, p := range data.DataPoints {
					points[m.Name] = append(points[m.Name], fmt.Sprintf("%s ×%d", text(p.Attributes.ToSlice()), p.Value))
				}
			}
		}
		for _, p := range points {
			slices.Sort(p)
		}
	}
	return points
}

func text(attributes []attribute.KeyValue) string {
	var parts []string
	for _, a := range attributes {
		parts = append(parts, string(a.Key)+"="+a.Value.Emit())
	}
	slices.Sort(parts)
	return strings.Join(parts, " ")
}

// session starts a sandbox and returns a client whose session has a refresh
// token and no access token yet.
func session(t *testing.T, observe func(context.Context, facade.CallEvent)) (*sandbox.Sandbox, *facade.Cosmic, sandbox.Tokens) {
	t.Helper()
	sb, err := sandbox.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sb.Close)
	tokens, err := sb.SignIn("")
	if err != nil {
		t.Fatal(err)
	}
	opts := []facade.Option{facade.WithBaseURL(sb.CosmicURL()), facade.WithHTTPClient(sb.Client())}
	endpoint, err := facade.CosmicEndpoint(opts...)
	if err != nil {
		t.Fatal(err)
	}
	app := auth.App{ClientID: sb.App().ClientID}
	sessions, err := auth.NewSessions(auth.NewMemoryStore(), app)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = sessions.Close(context.WithoutCancel(t.Context())) })
	grant, err := auth.NewGrant(endpoint, app, &oauth2.Token{RefreshToken: tokens.RefreshToken})
	if err != nil {
		t.Fatal(err)
	}
	if err := sessions.SignIn(t.Context(), key, grant); err != nil {
		t.Fatal(err)
	}
	retry := facade.WithRetry(facade.RetryPolicy{FirstDelay: time.Millisecond})
	c, err := facade.NewCosmic(sessions.Key(key), append(opts, retry, facade.WithObserver(observe))...)
	if err != nil {
		t.Fatal(err)
	}
	return sb, c, tokens
}

func TestRequestsAreSpansAndMetrics(t *testing.T) {
	for _, keys := range []bool{false, true} {
		t.Run(fmt.Sprintf("session keys %v", keys), func(t *testing.T) {
			tel := newTelemetry()
			var more []otelcredkit.Option
			if keys {
				more = append(more, otelcredkit.WithSessionKeys())
			}
			observe, err := otelcredkit.Observer(tel.options(more...)...)
			if err != nil {
				t.Fatal(err)
			}
			sb, c, tokens := session(t, observe)
			if err := sb.Fail(sandbox.On(facade.ListCertifications), sandbox.Status(503), sandbox.Times(1)); err != nil {
				t.Fatal(err)
			}
			ctx, parent := tel.tracers.Tracer("test").Start(t.Context(), "the caller's")
			if _, err := c.Certifications().Collect(ctx, 1000); err != nil {
				t.Fatal(err)
			}
			parent.End()

			var spans []string
			for _, s := range tel.spans.GetSpans() {
				if s.Name == "the caller's" {
					continue
				}
				line := s.Name + " " + text(s.Attributes)
				if s.Status.Code == codes.Error {
					line += " failed"
				}
				spans = append(spans, line)
				if s.SpanContext.TraceID() != parent.SpanContext().TraceID() && !strings.HasSuffix(s.Name, " token") {
					t.Errorf("%s is not below the caller's span", s.Name)
				}
				if d := s.EndTime.Sub(s.StartTime); d < 0 || d > time.Minute {
					t.Errorf("%s took %v", s.Name, d)
				}
				if s.Status.Description != "" || strings.Contains(line, tokens.RefreshToken) || strings.Contains(line, tokens.AccessToken) {
					t.Errorf("a text that could name a person, or a token: %q %s", s.Status.Description, line)
				}
			}
			of := ""
			if keys {
				of = "credkit.session=" + key + " "
			}
			want := []string{
				"cosmic token credkit.operation=token credkit.service=cosmic " + of + "http.response.status_code=200",
				"cosmic getMe credkit.operation=getMe credkit.service=cosmic " + of + "http.response.status_code=200",
				"cosmic listCertifications credkit.operation=listCertifications credkit.service=cosmic " + of + "error.type=503 http.response.status_code=503 failed",
				"cosmic listCertifications credkit.operation=listCertifications credkit.service=cosmic " + of + "http.request.resend_count=1 http.response.status_code=200",
			}
			if !slices.Equal(spans[:min(4, len(spans))], want) {
				t.Errorf("the spans are\n%s\nwant\n%s", strings.Join(spans, "\n"), strings.Join(want, "\n"))
			}
			metrics := tel.collected(t)
			for _, point := range []string{
				"credkit.operation=token credkit.service=cosmic http.response.status_code=200 ×1",
				"credkit.operation=listCertifications credkit.service=cosmic error.type=503 http.response.status_code=503 ×1",
			} {
				if !slices.Contains(metrics["credkit.client.request.duration"], point) {
					t.Errorf("no data point %q among %q", point, metrics)
				}
			}
			if strings.Contains(fmt.Sprint(metrics), key) {
				t.Errorf("a metric names a person: %q", metrics)
			}
		})
	}
}

func TestACallWithoutARequestIsCounted(t *testing.T) {
	tel := newTelemetry()
	observe, err := otelcredkit.Observer(tel.options()...)
	if err != nil {
		t.Fatal(err)
	}
	sb, c, _ := session(t, observe)
	if err := sb.SetScopes(sb.App().ClientID, "job-roles:read"); err != nil {
		t.Fatal(err)
	}
	var scope *facade.ScopeError
	if _, err := c.Certifications().Collect(t.Context(), 1); !errors.As(err, &scope) {
		t.Fatal(err)
	}
	want := []string{"credkit.operation=listCertifications credkit.service=cosmic error.type=*facade.ScopeError ×1"}
	if got := tel.collected(t)["credkit.client.unsent"]; !slices.Equal(got, want) {
		t.Errorf("counted %q, want %q", got, want)
	}
	if spans := tel.spans.GetSpans(); spans[len(spans)-1].Name != "cosmic listCertifications" {
		t.Errorf("the last span is %s", spans[len(spans)-1].Name)
	}
}

// What a request ended in is named by kind, never by its text.
func TestErrorsAreNamedByKind(t *testing.T) {
	for name, test := range map[string]struct {
		event facade.CallEvent
		want  string
	}{
		"canceled":       {facade.CallEvent{Err: fmt.Errorf("%s: %w", key, context.Canceled)}, "canceled"},
		"timeout":        {facade.CallEvent{Err: fmt.Errorf("%s: %w", key, context.DeadlineExceeded)}, "timeout"},
		"another error":  {facade.CallEvent{Err: &http.MaxBytesError{}}, "*http.MaxBytesError"},
		"a status":       {facade.CallEvent{Status: 429}, "429"},
		"a failed token": {facade.CallEvent{Status: 400, Err: errors.New(key)}, "400"},
	} {
		t.Run(name, func(t *testing.T) {
			tel := newTelemetry()
			observe, err := otelcredkit.Observer(otelcredkit.WithTracerProvider(tel.tracers), otelcredkit.WithMeterProvider(noop.NewMeterProvider()))
			if err != nil {
				t.Fatal(err)
			}
			test.event.Attempt = 1
			observe(t.Context(), test.event)
			span := tel.spans.GetSpans()[0]
			if got := text(span.Attributes); !strings.Contains(got, "error.type="+test.want) || strings.Contains(fmt.Sprintf("%+v", span), key) {
				t.Errorf("the span is %+v", span)
			}
		})
	}
}
