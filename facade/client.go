package facade

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/credkit/credkit-go/api/spec"
	"github.com/credkit/credkit-go/facade/auth"
	"github.com/credkit/credkit-go/facade/internal/safehttp"
	"github.com/credkit/credkit-go/facade/internal/transport"
)

// OperationID names an operation as openapi.yaml does.
type OperationID = spec.OperationID

// client is what both services have in common.
type client struct {
	service  *spec.Service
	settings settings
	server   string // the base URL with a slash at its end, for the generated request builders
	endpoint auth.Endpoint
	http     *http.Client // with the middleware around its transport
	budget   *transport.Budget

	source  auth.Source
	session string // the key of the session that source is of; empty if it is of none
	call    transport.Handler
	grant   *grant // nil where the service has no scopes
}

func newClient(service *spec.Service, credentials auth.Credentials, opts []Option) (*client, error) {
	s := defaults()
	if err := WithBaseURL(service.Servers["production"])(&s); err != nil {
		return nil, err
	}
	for i, opt := range opts {
		if opt == nil {
			return nil, fmt.Errorf("facade: option %d of the %s client is nil", i, service.Title)
		}
		if err := opt(&s); err != nil {
			return nil, fmt.Errorf("facade: %s client: %w", service.Title, err)
		}
	}
	if s.limiter == nil && !s.noLimits {
		if windows := transport.NewWindows(service.RateLimits); windows != nil {
			s.limiter = windows
		}
	}
	wrapped, err := transport.Wrapped(s.httpClient, s.middleware)
	if err != nil {
		return nil, fmt.Errorf("facade: %s client: WithMiddleware: %w", service.Title, err)
	}
	base := s.base.String()
	c := &client{service: service, settings: s, server: base + "/", http: wrapped, budget: transport.NewBudget()}
	c.endpoint = auth.Endpoint{
		Service:    service.Name,
		Origin:     safehttp.Origin(s.base),
		TokenURL:   base + service.TokenPath,
		HTTPClient: s.httpClient,
		UserAgent:  s.userAgent,
		Logger:     s.logger,
	}
	if service.AuthorizePath != "" {
		c.endpoint.AuthorizeURL = base + service.AuthorizePath
	}
	return c.with(credentials)
}

// with returns a client for other credentials that shares everything else.
func (c *client) with(credentials auth.Credentials) (*client, error) {
	if c == nil {
		return nil, errors.New("facade: For: this client is empty: make it with NewCosmic or NewCertn")
	}
	if credentials == nil {
		return nil, fmt.Errorf("facade: %s client: the credentials are nil", c.service.Title)
	}
	source, err := credentials.Source(c.endpoint)
	if err != nil {
		return nil, fmt.Errorf("facade: %s client: %w", c.service.Title, err)
	}
	other := *c
	other.source, other.session = source, auth.SessionKey(source)
	other.call = transport.New(transport.Config{
		Service:    c.service.Name,
		Session:    other.session,
		Origin:     c.endpoint.Origin,
		Source:     source,
		HTTPClient: c.http,
		Limiter:    c.settings.limiter,
		Retry:      c.settings.retry,
		Budget:     c.budget,
		MaxAnswer:  c.settings.maxAnswer,
		UserAgent:  c.settings.userAgent,
		Logger:     c.settings.logger,
	})
	if len(c.service.Scopes) > 0 {
		other.grant = newGrant()
	}
	return &other, nil
}

// build makes a request of an operation below a server's base URL.
type build func(server string) (*http.Request, error)

// begin says what makes any call of an operation impossible: a client that no
// constructor made, or no context.
func (c *client) begin(ctx context.Context, id OperationID) error {
	switch {
	case c == nil:
		return c.invalid(id, errors.New("this client is empty: make it with NewCosmic or NewCertn"))
	case ctx == nil:
		return c.invalid(id, errors.New("the context is nil"))
	}
	return nil
}

// options reads the options of one call.
func (c *client) options(ctx context.Context, id OperationID, opts []CallOption) (*callSettings, error) {
	if err := c.begin(ctx, id); err != nil {
		return nil, err
	}
	var s callSettings
	for i, opt := range opts {
		err := fmt.Errorf("call option %d is nil", i)
		if opt != nil {
			err = opt(&s)
		}
		if err != nil {
			return nil, c.invalid(id, err)
		}
	}
	if op, ok := c.service.Operation(id); s.idempotencyKey != "" && (!ok || op.IdempotencyHeader == "") {
		return nil, c.invalid(id, fmt.Errorf("WithIdempotencyKey: %s has no idempotency key", id))
	}
	return &s, nil
}

// invalid is a call that was not made because it could not be right.
func (c *client) invalid(id OperationID, err error) *Error {
	e := &Error{Service: "credkit", Operation: id, Err: err, kind: ErrInvalid}
	if c != nil {
		e.Service, e.SessionKey = c.service.Name, c.session
	}
	return e
}

// send makes a call and returns a good answer, whose body the caller closes,
// or an error. It checks no scopes.
func (c *client) send(ctx context.Context, id OperationID, s *callSettings, stream bool, build build) (*answer, error) {
	op, ok := c.service.Operation(id)
	if !ok {
		return nil, c.invalid(id, fmt.Errorf("%s has no such operation", c.service.Title))
	}
	req, err := build(c.server)
	if err != nil {
		return nil, c.invalid(id, err)
	}
	req.Header.Set("Accept", "application/json")
	for name, values := range s.header {
		req.Header[name] = values
	}
	start := time.Now()
	call := &transport.Call{Operation: op, Request: req, Stream: stream}
	resp, err := c.call(ctx, call)
	a := &answer{client: c, call: call, resp: resp}
	if s.response != nil {
		*s.response = Response{Attempts: call.Attempts, Elapsed: time.Since(start)}
		if resp != nil {
			s.response.Status, s.response.Header, s.response.RequestID = resp.StatusCode, resp.Header, requestID(resp.Header)
		}
	}
	if err != nil {
		return nil, a.failed(err)
	}
	if err := a.check(); err != nil {
		_ = resp.Body.Close() // the answer is refused already
		return nil, err
	}
	return a, nil
}

// value makes a call whose answer is one JSON object, and decodes it.
func (c *client) value(ctx context.Context, id OperationID, s *callSettings, build build, into any) (*answer, error) {
	a, err := c.send(ctx, id, s, false, build)
	if err != nil {
		return nil, err
	}
	if err := unmarshal(a.call.Whole, into); err != nil {
		return nil, a.bad(err)
	}
	return a, nil
}
