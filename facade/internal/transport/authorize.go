package transport

import (
	"context"
	"net/http"
	"time"

	"github.com/credkit/credkit-go/facade/auth"
)

// CredentialsError says that there was no token to send.
type CredentialsError struct{ Err error }

// Error implements error.
func (e *CredentialsError) Error() string { return e.Err.Error() }

// Unwrap returns the error of the token's source.
func (e *CredentialsError) Unwrap() error { return e.Err }

// authorize puts a token into the request, before the call takes its turn
// under the limit: a call without a token takes none. A token that the server
// refuses with 401 is renewed by identity and the call made once more, if its
// body can be sent again; a second refusal is the response.
func authorize(next Handler, source auth.Source) Handler {
	return func(ctx context.Context, call *Call) (*http.Response, error) {
		token, err := source.Token(ctx)
		if err != nil {
			return nil, &CredentialsError{err}
		}
		call.setToken(token)
		resp, err := next(ctx, call)
		if err != nil || resp.StatusCode != http.StatusUnauthorized {
			return resp, err
		}
		renewer, ok := source.(auth.Renewer)
		if !ok || !call.repeatable() {
			return resp, nil
		}
		renewed, err := renewer.Renew(ctx, call.Token)
		if err != nil {
			discard(resp)
			return nil, &CredentialsError{err}
		}
		if renewed.Value() == call.Token.Value() {
			return resp, nil
		}
		discard(resp)
		call.setToken(renewed)
		return next(ctx, call)
	}
}

// replaceExpired replaces a token that has expired while its call waited for its turn.
func replaceExpired(next Handler, source auth.Source) Handler {
	return func(ctx context.Context, call *Call) (*http.Response, error) {
		if ends := call.Token.Expires(); !ends.IsZero() && !time.Now().Before(ends) {
			token, err := source.Token(ctx)
			if err != nil {
				return nil, &CredentialsError{err}
			}
			call.setToken(token)
		}
		return next(ctx, call)
	}
}

// repeatable reports whether the request's body, if it has one, can be sent
// again.
func (c *Call) repeatable() bool {
	return c.Request.Body == nil || c.Request.Body == http.NoBody || c.Request.GetBody != nil
}

// setToken sets the token in the call's request. The call is the chain's own, but
// a request that was sent is not changed any more: a transport may read it
// still, also after it has failed.
func (c *Call) setToken(token auth.Token) {
	if c.Attempts > 0 {
		c.Request = c.Request.Clone(c.Request.Context())
	}
	c.Request.Header.Set("Authorization", "Bearer "+token.Value())
	c.Token = token
}
