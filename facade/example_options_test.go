package facade_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"time"

	"github.com/credkit/credkit-go/facade"
	"github.com/credkit/credkit-go/facade/auth"
	"github.com/credkit/credkit-go/facade/sandbox"
)

// Clients of one process keep a limit together. Clients that are made of one
// another by For do so by themselves, and a 429 pauses them all.
func ExampleNewLimiter() {
	ctx := context.Background()
	sb := newSandbox(sandbox.WithCosmicRateLimits())
	defer sb.Close()

	limiter, err := facade.NewLimiter(facade.Limit{Requests: 100, Window: time.Minute})
	if err != nil {
		log.Fatal(err)
	}
	cosmic, err := sb.Cosmic(
		facade.WithLimiter(limiter), // the same one in each client
		facade.WithRetry(facade.RetryPolicy{MaxAttempts: 3, MaxRetryAfter: 30 * time.Second}))
	if err != nil {
		log.Fatal(err)
	}
	me, err := cosmic.Me(ctx)
	if errors.Is(err, facade.ErrRateLimited) { // the wait would be longer than ctx or MaxRetryAfter
		log.Fatal(err)
	}
	fmt.Println(me.User.DisplayName)
	// Output: Ada Lovelace
}

// A proxy, a certificate authority, a timeout: they are the HTTP client's, which
// makes every request, those for tokens included. Without one, HTTPS_PROXY and
// NO_PROXY of the environment are kept as net/http keeps them.
func ExampleWithHTTPClient() {
	proxy, err := url.Parse("http://proxy.example.com:3128")
	if err != nil {
		log.Fatal(err)
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.Proxy = http.ProxyURL(proxy)
	client := &http.Client{Transport: transport, Timeout: 20 * time.Second}

	endpoint, err := facade.CosmicEndpoint(facade.WithHTTPClient(client)) // and NewCosmic with the same option
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(endpoint.TokenURL)
	// Output: https://api.natecosmic.com/auth/v1/oauth/token
}

// Requests are logged at debug level, repeated calls and waits at info: without
// tokens, and without what responses say of people.
func ExampleWithLogger() {
	sb := newSandbox()
	defer sb.Close()
	logger := slog.New(slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{Level: slog.LevelInfo}))
	cosmic, err := sb.Cosmic(facade.WithLogger(logger))
	if err != nil {
		log.Fatal(err)
	}
	_, err = cosmic.Me(context.Background())
	fmt.Println(err)
	// Output: <nil>
}

// Each request of each call, for metrics. Package otelcredkit makes OpenTelemetry
// traces and metrics of it.
func ExampleWithObserver() {
	ctx := context.Background()
	sb := newSandbox()
	defer sb.Close()
	if err := sb.Fail(sandbox.On(facade.GetMe), sandbox.Status(503), sandbox.Times(1)); err != nil {
		log.Fatal(err)
	}

	observe := func(_ context.Context, e facade.CallEvent) { // of many goroutines
		fmt.Println(e.Service, e.Operation, e.Attempt, e.Status, e.Elapsed > 0)
	}
	cosmic, err := sb.Cosmic(facade.WithObserver(observe))
	if err != nil {
		log.Fatal(err)
	}
	_, err = cosmic.Me(ctx)
	fmt.Println(err)
	// Output:
	// cosmic getMe 1 503 true
	// cosmic getMe 2 200 true
	// <nil>
}

// roundTripper is a http.RoundTripper that is a function.
type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

// Middleware sees each request as it leaves, with its Authorization header.
func ExampleWithMiddleware() {
	sb := newSandbox()
	defer sb.Close()

	trace := func(next http.RoundTripper) http.RoundTripper {
		return roundTripper(func(req *http.Request) (*http.Response, error) {
			req.Header.Set("Traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
			fmt.Println(facade.OperationOf(req.Context()), req.Method, req.URL.Path)
			return next.RoundTrip(req)
		})
	}
	cosmic, err := sb.Cosmic(facade.WithMiddleware(trace))
	if err != nil {
		log.Fatal(err)
	}
	_, err = cosmic.Me(context.Background())
	fmt.Println(err)
	// Output:
	// getMe GET /v1/me
	// <nil>
}

// What a service can make a program hold, and how much it asks for.
func ExampleWithMaxResponseBytes() {
	ctx := context.Background()
	sb := newSandbox(sandbox.WithCertificationCount(100), sandbox.WithPageSize(10))
	defer sb.Close()
	cosmic, err := sb.Cosmic(
		facade.WithMaxResponseBytes(64<<10),      // of one object, one element or one Page
		facade.WithMaxPages(5),                   // of one range
		facade.WithReadAhead(0, 0),               // nothing is read that was not asked for
		facade.WithScopeCheck(facade.CheckNever)) // the server decides: no GET /v1/me
	if err != nil {
		log.Fatal(err)
	}
	certs, err := cosmic.Certifications().Collect(ctx, 1000)
	fmt.Println(len(certs), errors.Is(err, facade.ErrTooMany), sb.Count(facade.GetMe))
	// Output: 50 true 0
}

// certifications is what a program needs of a client: one of its tests gives it a
// fake. A [facade.Cosmic] is one as well.
type certifications interface {
	Certifications(opts ...facade.CallOption) *facade.List[facade.Certification]
}

// countExpired is the program.
func countExpired(ctx context.Context, from certifications, at time.Time) (n int, err error) {
	for _, err := range from.Certifications().Where(facade.Expired(at)).All(ctx) {
		if err != nil {
			return 0, err
		}
		n++
	}
	return n, nil
}

// fakeCosmic is a fake.
type fakeCosmic []facade.Certification

func (f fakeCosmic) Certifications(...facade.CallOption) *facade.List[facade.Certification] {
	return facade.ListOf(f...)
}

// A fake of a client in place of a server.
func ExampleListOf() {
	ended, good := facade.Certification{ExpiresOn: facade.DateOf(2026, time.May, 31)}, facade.Certification{}
	n, err := countExpired(context.Background(), fakeCosmic{ended, good}, time.Now())
	fmt.Println(n, err)
	// Output: 1 <nil>
}

// Limits, a proxy, logs, and metrics or traces.
func ExampleOption() {
	credentials := auth.StaticToken("a-token")
	proxy, err := url.Parse("http://proxy.example.com:3128")
	if err != nil {
		log.Fatal(err)
	}
	observe := func(context.Context, facade.CallEvent) {}

	limiter, err := facade.NewLimiter(facade.Limit{Requests: 100, Window: time.Minute})
	if err != nil {
		log.Fatal(err)
	}
	proxied := &http.Transport{Proxy: http.ProxyURL(proxy)}
	cosmic, err := facade.NewCosmic(credentials,
		facade.WithLimiter(limiter),                             // the same in several clients; Certn's documented limits are kept without one
		facade.WithHTTPClient(&http.Client{Transport: proxied}), // without one, HTTPS_PROXY is honoured
		facade.WithLogger(slog.Default()),                       // each request at debug, waits and retries at info; redacted
		facade.WithObserver(observe))                            // each request; otelcredkit.Observer() makes spans and metrics
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(cosmic.Operations())
	// Output: [createCertification getMe listCertifications]
}
