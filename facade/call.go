package facade

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/credkit/credkit-go/api/spec"
	"github.com/credkit/credkit-go/api/wire"
	"github.com/credkit/credkit-go/facade/internal/transport"
)

// call makes a call whose response is one JSON object, and reads it into the
// given model. This is the way of every call:
//
//	options → scopes → generated client → transport → response
//
// The request is a method of the generated client, whose HTTP client is the
// transport chain. Lists go the same way a page at a time: see [pager].
func (c *client) call(ctx context.Context, id OperationID, opts []CallOption, into wire.Value,
	request func(context.Context, *callSettings) (*http.Response, error),
) (*result, error) {
	s, err := c.options(ctx, id, opts)
	if err != nil {
		return nil, err
	}
	if err := c.checkScopes(ctx, s.operation); err != nil {
		return nil, err
	}
	call := &transport.Call{Operation: s.operation, Prepare: s.prepare}
	r, err := c.send(ctx, s, call, func(ctx context.Context) (*http.Response, error) { return request(ctx, s) })
	if err != nil {
		return nil, c.explainForbidden(err, s.operation)
	}
	if err := wire.Unmarshal(call.Body, into); err != nil {
		return nil, r.failed(err)
	}
	return r, nil
}

// checkUsable returns what makes any call of an operation impossible: a client
// that no constructor made, or no context.
func (c *client) checkUsable(ctx context.Context, id OperationID) error {
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
	if err := c.checkUsable(ctx, id); err != nil {
		return nil, err
	}
	op, ok := c.service.Operation(id)
	if !ok {
		return nil, c.invalid(id, fmt.Errorf("%s has no such operation", c.service.Title))
	}
	s := &callSettings{operation: op}
	for _, opt := range opts {
		if opt == nil {
			continue
		}
		if err := opt(s); err != nil {
			return nil, c.invalid(id, err)
		}
	}
	if s.idempotencyKey != "" && op.IdempotencyHeader == "" {
		return nil, c.invalid(id, fmt.Errorf("WithIdempotencyKey: %s has no idempotency key", id))
	}
	return s, nil
}

// prepare sets the headers of a request.
func (s *callSettings) prepare(req *http.Request) error {
	req.Header.Set("Accept", "application/json")
	for name, values := range s.header {
		req.Header[name] = values
	}
	return nil
}

// send makes a request by a method of the generated client and returns a good
// response, whose body the caller closes, or an error.
func (c *client) send(ctx context.Context, s *callSettings, call *transport.Call,
	request func(context.Context) (*http.Response, error),
) (*result, error) {
	id := call.Operation.ID
	start := time.Now()
	resp, err := request(transport.WithCall(ctx, call)) //nolint:bodyclose // the caller's
	if call.Request == nil {                            // it could not be built, or Prepare refused it
		return nil, c.invalid(id, err)
	}
	r := &result{client: c, call: call, resp: resp}
	if s.response != nil {
		*s.response = Response{Attempts: call.Attempts, Elapsed: time.Since(start)}
		if resp != nil {
			s.response.Status, s.response.Header, s.response.RequestID = resp.StatusCode, r.secrets().Header(resp.Header), requestID(r.secrets(), resp.Header)
		}
	}
	if err != nil {
		failed := r.failed(err)
		if call.Attempts == 0 {
			c.observeUnsent(ctx, id, failed)
		}
		return nil, failed
	}
	if err := r.check(); err != nil {
		_ = resp.Body.Close() // the response is refused already
		return nil, err
	}
	return r, nil
}

// newError returns an error about a call, of a kind.
func (c *client) newError(id OperationID, kind error) *Error {
	e := &Error{Service: "credkit", Operation: id, kind: kind}
	if c != nil {
		e.Service, e.SessionKey = c.service.Name, c.session
	}
	return e
}

// invalid is a call that was not made because it could not be right.
func (c *client) invalid(id OperationID, err error) *Error {
	e := c.newError(id, ErrInvalid)
	e.Err = err
	return e
}

// failed is a call that was not made, for a reason that is not its own: the
// context ended, or there was no token.
func (c *client) failed(op *spec.Operation, err error) *Error {
	r := &result{client: c, call: &transport.Call{Operation: op}}
	return r.failed(err)
}
