package transport

import (
	"context"
	"net/http"

	"github.com/credkit/credkit-go/facade/auth"
)

// CredentialsError says that there was no token to send.
type CredentialsError struct{ Err error }

// Error implements error.
func (e *CredentialsError) Error() string { return e.Err.Error() }

// Unwrap returns the error of the token's source.
func (e *CredentialsError) Unwrap() error { return e.Err }

// authorized puts a token into the request. A token that the server refuses
// with 401 is renewed by identity and the call made once more through replay,
// if its body can be sent again; a second refusal is the answer.
func authorized(next, replay Handler, source auth.Source) Handler {
	return func(ctx context.Context, call *Call) (*http.Response, error) {
		token, err := source.Token(ctx)
		if err != nil {
			return nil, &CredentialsError{err}
		}
		resp, err := next(ctx, with(call, token))
		if err != nil || resp.StatusCode != http.StatusUnauthorized {
			return resp, err
		}
		renewer, ok := source.(auth.Renewer)
		if !ok || call.Request.Body != nil && call.Request.GetBody == nil {
			return resp, nil
		}
		renewed, err := renewer.Renew(ctx, token)
		if err != nil {
			discard(resp)
			return nil, &CredentialsError{err}
		}
		if renewed == token {
			return resp, nil
		}
		discard(resp)
		return replay(ctx, with(call, renewed))
	}
}

// with sets the token in the call's request. The call is the chain's own.
func with(call *Call, token auth.Token) *Call {
	call.Request.Header.Set("Authorization", "Bearer "+token.Value())
	call.Token = token
	return call
}
