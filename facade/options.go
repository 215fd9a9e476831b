package facade

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"time"

	"github.com/credkit/credkit-go/api/certn"
	"github.com/credkit/credkit-go/api/cosmic"
	"github.com/credkit/credkit-go/api/spec"
	"github.com/credkit/credkit-go/facade/internal/safehttp"
	"github.com/credkit/credkit-go/facade/internal/transport"
)

// Version is the version of this library, as its User-Agent says it.
const Version = "0.1.0"

// The services' base URLs.
const (
	// CosmicURL is COSMIC's production server, the default of [NewCosmic].
	CosmicURL = cosmic.ServerProduction
	// CertnURL is Certn's production server, the default of [NewCertn].
	CertnURL = certn.ServerProduction
	// CertnDemoURL is Certn's demo server.
	CertnDemoURL = certn.ServerDemo
)

// Option sets up a client. An option that cannot be right makes the
// constructor return an error; nil changes nothing.
type Option func(*settings) error

// Limiter holds calls back before a service has to refuse them: see
// [WithLimiter]. Both methods are safe for use by many goroutines.
type Limiter interface {
	// Wait returns when one request may be sent, and counts it. It returns at
	// once with an error if that cannot be before ctx ends.
	Wait(ctx context.Context) error
	// Refused is called for a 429. The server asked for no request before
	// retryAfter has passed; zero if it did not say.
	Refused(retryAfter time.Duration)
}

// Limit allows so many requests in any window of a length.
type Limit struct {
	// Requests is how many.
	Requests int
	// Window is the length of the rolling window.
	Window time.Duration
}

// mostLimited bounds the requests of a [Limit]: of windows up to an hour each
// request's time is kept.
const mostLimited = 1_000_000

// NewLimiter returns a limiter that several clients of one process can share:
// see [WithLimiter]. It keeps the limits exactly, of which there may be none,
// and after a 429 it pauses all calls of all its clients. The error is about
// a limit of no requests, of more than a million, or without a window.
func NewLimiter(limits ...Limit) (Limiter, error) {
	declared := make([]spec.RateLimit, len(limits))
	for i, l := range limits {
		if l.Requests < 1 || l.Requests > mostLimited || l.Window <= 0 {
			return nil, fmt.Errorf("facade: NewLimiter: %d requests in %v: want 1 to %d requests and a positive window", l.Requests, l.Window, mostLimited)
		}
		declared[i] = spec.RateLimit(l)
	}
	return transport.NewRateLimiter(declared, nil), nil
}

// RetryPolicy says how often and how patiently a call is sent again: see
// [WithRetry]. A field that is zero has its default.
type RetryPolicy struct {
	// MaxAttempts is the most times a call is sent, the first included; those
	// that got a 429 are not counted. Default 4; 1 never sends again, also
	// after a 429.
	MaxAttempts int
	// FirstDelay is the mean of the first wait; each wait is drawn between
	// zero and twice its mean, and the mean doubles. Default 200 ms.
	FirstDelay time.Duration
	// MaxDelay is the longest mean, also of the first wait. Default 10 s.
	MaxDelay time.Duration
	// MaxRetryAfter is the longest Retry-After that is waited for; a longer
	// one fails the call at once, and after a 429 each call of the client that
	// would have to wait longer. A drawn wait is added to it, so that not all
	// who were told the same come back together. Where a server responds with
	// 429 to everything, calls fail after as long. Default one minute.
	MaxRetryAfter time.Duration
	// Budget is how many retries the calls of a client share; each call that
	// succeeds earns back a tenth of one, up to Budget. With none left,
	// nothing is sent again. Default 50.
	Budget int
}

// ScopeCheck says when a call's scopes are checked.
type ScopeCheck int

const (
	// CheckBefore checks before each call, against GET /v1/me: the default.
	CheckBefore ScopeCheck = iota
	// CheckNever leaves it to the server.
	CheckNever
)

// settings are what options set.
type settings struct {
	base       *url.URL
	httpClient *http.Client
	logger     *slog.Logger
	userAgent  string
	limiter    Limiter
	noLimits   bool
	middleware []func(http.RoundTripper) http.RoundTripper
	observe    func(context.Context, CallEvent)
	scopeCheck ScopeCheck
	retry      RetryPolicy
	maxElement int64 // of an element of a list, and of a Page
	maxObject  int64 // of a response that is one object
	aheadCount int
	aheadBytes int64
	maxPages   int
}

func defaults() settings {
	return settings{
		userAgent:  "credkit-go/" + Version,
		maxElement: 64 << 20,
		maxObject:  1 << 20,
		aheadCount: 256,
		aheadBytes: 1 << 20,
		maxPages:   100_000,
	}
}

// WithBaseURL sets the base URL: https, or http on a loopback address. A path
// prefix is kept. Sign-in is expected below the same base URL.
func WithBaseURL(base string) Option {
	return func(s *settings) (err error) {
		s.base, err = safehttp.ParseBase(base)
		return err
	}
}

// WithHTTPClient makes every request, token requests included, with a copy of
// client: its transport, proxy and TLS settings, cookie jar and timeout. The
// original is never changed. Redirects are not followed, whatever the client
// says. Its Timeout bounds each request; on lists, the wait for the headers
// and each stalled read. Without one, [DefaultTimeout] does. Where no transport
// is given, requests go over a copy of [http.DefaultTransport] that keeps up to
// 256 idle connections to a host, shared by the clients of the process.
func WithHTTPClient(client *http.Client) Option {
	return func(s *settings) error {
		if client == nil {
			return errors.New("WithHTTPClient: the client is nil")
		}
		// Whoever uses the client copies it. Here that would make every client
		// of the facade an endpoint of its own, with a session of its own.
		s.httpClient = client
		return nil
	}
}

// DefaultTimeout bounds one request where no http.Client with a Timeout is
// given: one minute.
const DefaultTimeout = transport.DefaultTimeout

// WithLogger has requests (debug), repeated calls and waits for the rate limit
// (info, and warn above a minute) and what happens to sessions logged, always
// redacted. Nil, the default, is silence.
func WithLogger(logger *slog.Logger) Option {
	return func(s *settings) error {
		s.logger = logger
		return nil
	}
}

// WithUserAgent puts a program's name in front of the library's in the
// User-Agent header: "acme-sync/2.1 credkit-go/0.1.0".
func WithUserAgent(product string) Option {
	return func(s *settings) error {
		if product == "" || !validHeaderValue(product) {
			return fmt.Errorf("WithUserAgent: %q cannot stand in a header", product)
		}
		s.userAgent = product + " credkit-go/" + Version
		return nil
	}
}

// WithLimiter replaces the limits that the client keeps by itself. Clients that
// are not made of one another by For share a [NewLimiter]; processes that
// share one key can share a limiter of their own. Nil keeps no limits. A 429
// pauses all calls of a client whatever its limiter does.
func WithLimiter(limiter Limiter) Option {
	return func(s *settings) error {
		s.limiter, s.noLimits = limiter, limiter == nil
		return nil
	}
}

// limits returns the limiter of a client.
func (s *settings) limits(service *spec.Service) *transport.RateLimiter {
	if windows, ok := s.limiter.(*transport.RateLimiter); ok {
		return windows
	}
	if s.limiter != nil || s.noLimits {
		return transport.NewRateLimiter(nil, s.limiter)
	}
	return transport.NewRateLimiter(service.RateLimits, nil)
}

// WithMiddleware wraps the transport of the service's calls, for tracing,
// recording and the like; token requests do not pass it. The first middleware
// is the outermost. Mind that it sees the Authorization header, and the
// responses' personal data.
func WithMiddleware(middleware ...func(http.RoundTripper) http.RoundTripper) Option {
	return func(s *settings) error {
		for i, m := range middleware {
			if m == nil {
				return fmt.Errorf("WithMiddleware: middleware %d is nil", i)
			}
		}
		s.middleware = append(s.middleware, middleware...)
		return nil
	}
}

// WithScopeCheck says when scopes are checked; the default is [CheckBefore].
// Certn has no scopes: it changes nothing there.
func WithScopeCheck(check ScopeCheck) Option {
	return func(s *settings) error {
		if check != CheckBefore && check != CheckNever {
			return fmt.Errorf("WithScopeCheck: %d is neither CheckBefore nor CheckNever", check)
		}
		s.scopeCheck = check
		return nil
	}
}

// WithRetry sets how calls are sent again; zero fields keep their defaults. A
// 429 is waited for by all calls of the client together, for as long as the
// caller's context lasts, and costs neither attempts nor budget.
func WithRetry(policy RetryPolicy) Option {
	return func(s *settings) error {
		if policy.MaxAttempts < 0 || policy.FirstDelay < 0 || policy.MaxDelay < 0 || policy.MaxRetryAfter < 0 || policy.Budget < 0 {
			return errors.New("WithRetry: a field is negative")
		}
		s.retry = policy
		return nil
	}
}

// WithMaxResponseBytes bounds how many bytes are held of a response: of one
// that is a single object, by default 1 MiB; of one element of a list and of a
// [Page], by default 64 MiB.
func WithMaxResponseBytes(bytes int64) Option {
	return func(s *settings) error {
		if bytes < 1 {
			return fmt.Errorf("WithMaxResponseBytes: must be positive, got %d", bytes)
		}
		s.maxElement, s.maxObject = bytes, bytes
		return nil
	}
}

// WithReadAhead bounds how far a list reads ahead of its caller, in elements
// and in bytes as they came; whichever is reached first. The default is 256
// and 1 MiB. Zero elements make lists strictly lazy: nothing is read that was
// not asked for.
func WithReadAhead(elements int, bytes int64) Option {
	return func(s *settings) error {
		if elements < 0 || bytes < 1 && elements > 0 {
			return fmt.Errorf("WithReadAhead: elements must not be negative and bytes must be positive, got %d and %d", elements, bytes)
		}
		s.aheadCount, s.aheadBytes = elements, bytes
		return nil
	}
}

// WithMaxPages bounds how many pages one range over a list asks for; the
// default is 100,000. A longer list ends in [ErrTooMany].
func WithMaxPages(pages int) Option {
	return func(s *settings) error {
		if pages < 1 {
			return fmt.Errorf("WithMaxPages: must be positive, got %d", pages)
		}
		s.maxPages = pages
		return nil
	}
}

// CallOption sets up one call. Nil changes nothing.
type CallOption func(*callSettings) error

type callSettings struct {
	operation      *spec.Operation
	response       *Response
	header         http.Header
	idempotencyKey string
}

// Response is what is known of a response besides its value.
type Response struct {
	// Status is the HTTP status; 0 if there was no response.
	Status int
	// Header are the response's headers; nil if there was no response.
	Header http.Header
	// RequestID is the server's id for the request; empty if it sends none.
	RequestID string
	// Attempts is how many requests were made.
	Attempts int
	// Elapsed is the time from the call to its response, waits and repeats
	// included: to the headers of a list's page, to the end of any other.
	Elapsed time.Duration
}

// WithResponse fills into with what is known of the response, also if the call
// fails; a call that made no request leaves it zero. On a list it is that of
// the last page asked for; read it between or after ranges, not during one. A
// target serves one call or range at a time.
func WithResponse(into *Response) CallOption {
	return func(s *callSettings) error {
		if into == nil {
			return errors.New("WithResponse: the target is nil")
		}
		*into = Response{}
		s.response = into
		return nil
	}
}

// reserved are the headers that a call cannot set.
var reserved = map[string]bool{
	"Authorization": true, "Host": true, "Content-Length": true, "Content-Type": true, "Transfer-Encoding": true,
	"Connection": true, "Cookie": true, "Proxy-Authorization": true, "Accept-Encoding": true, "Te": true, "Upgrade": true,
}

// WithHeader sends one more header. The headers that say where a request goes,
// on whose behalf and how it is framed are refused.
func WithHeader(name, value string) CallOption {
	return func(s *callSettings) error {
		canonical := http.CanonicalHeaderKey(name)
		if !validHeaderName(name) || !validHeaderValue(value) {
			return fmt.Errorf("WithHeader: %q cannot be sent as a header", name)
		}
		if reserved[canonical] {
			return fmt.Errorf("WithHeader: %s is the library's to set", canonical)
		}
		if s.header == nil {
			s.header = http.Header{}
		}
		s.header.Set(canonical, value)
		return nil
	}
}

// WithIdempotencyKey names a create, so that a server that honours the key
// does not create the same thing twice. At most 255 visible characters. The
// header is inferred, not documented, for [Cosmic.CreateCertification]: it is
// sent, and not relied on.
func WithIdempotencyKey(key string) CallOption {
	return func(s *callSettings) error {
		if key == "" || len(key) > 255 || !validHeaderValue(key) {
			return errors.New("WithIdempotencyKey: want 1 to 255 visible characters")
		}
		s.idempotencyKey = key
		return nil
	}
}

func validHeaderValue(v string) bool {
	for i := range len(v) {
		if v[i] < ' ' || v[i] > '~' {
			return false
		}
	}
	return true
}

func validHeaderName(name string) bool {
	for i := range len(name) {
		c := name[i]
		if c != '-' && (c < '0' || c > '9') && (c|0x20 < 'a' || c|0x20 > 'z') {
			return false
		}
	}
	return name != ""
}
