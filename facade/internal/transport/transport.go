// Package transport is the chain that every call of the facade goes through,
// one concern a file. From the caller to the network:
//
//	retry → buffer → authorize → origin → limit → replace an expired token → log → observe → the caller's middleware → http
//
// What is refused before the limit takes no turn under it: a call without a
// token, or to another origin. Each request takes one: a retry, and the replay
// after a 401.
package transport

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/credkit/credkit-go/api/spec"
	"github.com/credkit/credkit-go/facade/auth"
	"github.com/credkit/credkit-go/facade/internal/safehttp"
)

// Call is one call on its way through the chain.
type Call struct {
	// Operation is the call's row of the operations table.
	Operation *spec.Operation
	// Prepare completes the request that the generated client has built; nil
	// if there is nothing to add.
	Prepare func(*http.Request) error
	// Request is set to the request, with the token of the last attempt. The chain changes its headers; see send for who gets a copy.
	Request *http.Request
	// Stream says that the response is read as it comes: the timeout then
	// bounds the wait for its headers and each stalled read, not the reading.
	Stream bool

	// Body is set to the body of a good response that is not streamed.
	Body []byte
	// Token is set to the token that the last request carried.
	Token auth.Token
	// Attempts is set to the number of requests that were tried.
	Attempts int
	// GaveUp is set to the reason for which a failed call was not sent again
	// although its class allows it; empty if there is none to tell.
	GaveUp string
}

// secrets are what no text that follows from the call may repeat.
func (c *Call) secrets() safehttp.Secrets { return safehttp.NewSecrets(c.Token.Value()) }

// Handler makes a call. The body of a response must be closed by the caller.
type Handler func(ctx context.Context, call *Call) (*http.Response, error)

// callKey is the key of a context for the call that is made with it.
type callKey struct{}

// WithCall returns a context for the generated client's method that makes the
// call: so the chain knows the operation, whose row it needs, without looking
// at paths.
func WithCall(ctx context.Context, call *Call) context.Context {
	return context.WithValue(ctx, callKey{}, call)
}

// CallOf returns the call that is made with ctx, or nil.
func CallOf(ctx context.Context) *Call {
	call, _ := ctx.Value(callKey{}).(*Call)
	return call
}

// Do is the HttpRequestDoer of a generated client. The request must have been
// made with the context of [WithCall].
func (h Handler) Do(req *http.Request) (*http.Response, error) {
	ctx := req.Context()
	call := CallOf(ctx)
	if call == nil {
		return nil, errors.New("transport: the request's context has no call")
	}
	if call.Prepare != nil {
		if err := call.Prepare(req); err != nil {
			return nil, err
		}
	}
	call.Request = req
	return h(ctx, call)
}

// Config is what a chain is made of. Every field is set by the facade.
type Config struct {
	// Service names the service in log records.
	Service string
	// Session is the key of the session in log records; empty for none.
	Session string
	// Origin is where tokens of Source may go.
	Origin string
	// Source has the tokens.
	Source auth.Source
	// HTTPClient makes the requests; it is copied. See [Wrapped].
	HTTPClient *http.Client
	// Limiter holds calls back, and pauses all of a client's calls after a
	// 429; nil means one without limits for this chain alone.
	Limiter *RateLimiter
	// Retry says how often and how patiently a call is sent again.
	Retry RetryPolicy
	// Budget is shared by all chains of a client.
	Budget *Budget
	// MaxResponseBytes bounds how many bytes are held of a response that is not
	// streamed.
	MaxResponseBytes int64
	// Observe is called after each request with the status, or the error
	// where there was no response; nil for none.
	Observe func(ctx context.Context, call *Call, status int, elapsed time.Duration, err error)
	// UserAgent goes into each request.
	UserAgent string
	// Logger hears of each request.
	Logger *slog.Logger
}

// Wrapped returns a copy of base (nil is http.DefaultClient) whose transport
// is wrapped by the middleware, the first one outermost.
func Wrapped(base *http.Client, middleware []func(http.RoundTripper) http.RoundTripper) (*http.Client, error) {
	client := safehttp.Client(base)
	for i := len(middleware) - 1; i >= 0; i-- {
		client.Transport = middleware[i](client.Transport)
		if client.Transport == nil {
			return nil, fmt.Errorf("middleware %d returned no transport", i)
		}
	}
	return client, nil
}

// New assembles the chain.
func New(c Config) Handler {
	client := safehttp.Client(c.HTTPClient)
	timeout := client.Timeout
	client.Timeout = 0 // kept by [exchange], which tells a slow server from a slow reader
	if timeout <= 0 {
		timeout = DefaultTimeout
	}

	limiter := c.Limiter
	if limiter == nil {
		limiter = NewRateLimiter(nil, nil)
	}
	policy := c.Retry.withDefaults()

	h := send(client, timeout, c.UserAgent)
	h = observe(h, c.Observe)
	h = logRequests(h, c.Service, c.Session, c.Logger)
	h = replaceExpired(h, c.Source) // the wait for the limit can outlast a token
	h = limit(h, limiter, policy.MaxRetryAfter, c)
	h = checkOrigin(h, c.Origin)
	h = authorize(h, c.Source)
	h = bufferBody(h, c.MaxResponseBytes)
	return retry(h, policy, c.Budget, c.Service, c.Logger)
}

// DefaultTimeout bounds one request where the caller's http.Client sets no
// Timeout: a server that never responds must not hold a caller for ever.
const DefaultTimeout = time.Minute
