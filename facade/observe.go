package facade

import (
	"context"
	"errors"
	"time"

	"github.com/credkit/credkit-go/api/spec"
	"github.com/credkit/credkit-go/facade/auth"
	"github.com/credkit/credkit-go/facade/internal/transport"
)

// TokenRequest is the Operation of a [CallEvent] about a token request, which
// is none of the operations that openapi.yaml names.
const TokenRequest OperationID = "token"

// CallEvent is one HTTP request that was made for a call or for a token, or a
// call that failed before one was made. It has no token; SessionKey may name a
// person.
type CallEvent struct {
	// Service is "cosmic" or "certn".
	Service string
	// Operation is the call, as openapi.yaml names it, or [TokenRequest].
	Operation OperationID
	// SessionKey is the key of the session that the request was made for; empty
	// if the credentials are of no session.
	SessionKey string
	// Attempt counts the requests of a call, from 1; of a list, those for one
	// page. It is 0 for a call that failed before a request was made, and 1 for
	// each token request.
	Attempt int
	// Status is the HTTP status; 0 if there was no response.
	Status int
	// Elapsed is the time from the request to the headers of its response, of a
	// token request to its end; 0 if none was made. Waits for the rate limit
	// and between attempts are not in it.
	Elapsed time.Duration
	// Err is why there was no response, or no request: redacted. It is nil for
	// a response of any status, but for that of a token request which failed.
	// Its text may have the session's key.
	Err error
}

// WithObserver calls observe after each request, with the context of the call
// that it was made for; a token that is renewed in the background has a context
// of its own. The observer is called by many goroutines, and each call waits
// until it returns. Several observers are all called. Of clients that share a
// session, a token request is observed by the first. Package
// github.com/credkit/credkit-go/facade/otelcredkit makes OpenTelemetry traces
// and metrics of it.
func WithObserver(observe func(context.Context, CallEvent)) Option {
	return func(s *settings) error {
		if observe == nil {
			return errors.New("WithObserver: the observer is nil")
		}
		if before := s.observe; before != nil {
			s.observe = func(ctx context.Context, e CallEvent) {
				before(ctx, e)
				observe(ctx, e)
			}
			return nil
		}
		s.observe = observe
		return nil
	}
}

// OperationOf returns the operation of the call that ctx belongs to, for
// middleware: see [WithMiddleware]. It is empty for any other context.
func OperationOf(ctx context.Context) OperationID {
	if call := transport.CallOf(ctx); call != nil {
		return call.Operation.ID
	}
	return ""
}

// observeTokens returns what observes the token requests of a service.
func (s *settings) observeTokens(service *spec.Service) func(context.Context, auth.TokenEvent) {
	if s.observe == nil {
		return nil
	}
	return func(ctx context.Context, e auth.TokenEvent) {
		s.observe(ctx, CallEvent{Service: service.Name, Operation: TokenRequest, SessionKey: e.SessionKey, Attempt: 1, Status: e.Status, Elapsed: e.Elapsed, Err: e.Err})
	}
}

// observeCalls returns what observes the requests of the client's calls.
func (c *client) observeCalls() func(context.Context, *transport.Call, int, time.Duration, error) {
	if c.settings.observe == nil {
		return nil
	}
	return func(ctx context.Context, call *transport.Call, status int, elapsed time.Duration, err error) {
		c.settings.observe(ctx, CallEvent{Service: c.service.Name, Operation: call.Operation.ID, SessionKey: c.session, Attempt: call.Attempts, Status: status, Elapsed: elapsed, Err: err})
	}
}

// observeUnsent observes a call that failed before a request was made.
func (c *client) observeUnsent(ctx context.Context, id OperationID, err error) {
	if c.settings.observe != nil {
		c.settings.observe(ctx, CallEvent{Service: c.service.Name, Operation: id, SessionKey: c.session, Err: err})
	}
}
