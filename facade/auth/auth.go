package auth

import (
	"context"
	"log/slog"
	"net/http"
)

// Credentials is a way of getting access tokens that is not bound to a
// service yet. The facade binds it, so that a credential never learns of an
// endpoint its program did not choose.
type Credentials interface {
	// Source binds the credentials to one endpoint. It makes no request. The
	// error is about the configuration: an empty client id, say.
	Source(Endpoint) (Source, error)
}

// Source hands out access tokens for one endpoint. Implementations are safe
// for use by many goroutines.
type Source interface {
	// Token returns a token that can be sent now. It waits no longer than ctx.
	Token(ctx context.Context) (Token, error)
}

// Renewer is a Source that can replace a token the server has refused.
type Renewer interface {
	Source
	// Renew returns a token other than rejected, which a server answered
	// with 401. If the source has moved on from rejected already, that newer
	// token comes back and nothing is requested.
	Renew(ctx context.Context, rejected Token) (Token, error)
}

// SessionKey returns the key of the session that source has its tokens from,
// so that errors and logs can say whose call failed: the key of a source of
// [Sessions.Key], or what a method SessionKey() string of source returns.
// It is empty for a source without one.
func SessionKey(source Source) string {
	if keyed, ok := source.(interface{ SessionKey() string }); ok {
		return keyed.SessionKey()
	}
	return ""
}

// Endpoint is one service as its credentials see it: where tokens may be
// sent, and where they come from. The facade makes it from the spec's tables,
// the base URL and the caller's HTTP client.
type Endpoint struct {
	// Service names the service: "cosmic" or "certn".
	Service string
	// Origin is the scheme://host[:port] that issued tokens may be sent to.
	Origin string
	// AuthorizeURL is the authorization endpoint (RFC 6749 section 3.1). It is
	// empty where the service has no code flow but client credentials: openapi.yaml
	// gives a service one of the two, and credentials of the other kind do not bind.
	AuthorizeURL string
	// TokenURL is the token endpoint (RFC 6749 section 3.2).
	TokenURL string
	// LogoutURL ends one session at the server: POST with its access token
	// (x-logout of openapi.yaml). Its query, scope=local, belongs to it: without
	// that the person is signed out everywhere. Empty where the service has none.
	LogoutURL string
	// IdentityScopes are what a sign-in may ask the authorization endpoint for
	// (x-identity-scopes of openapi.yaml). API scopes are not among them: they are
	// chosen for the app in the developer portal. Empty means none but the default.
	IdentityScopes []string
	// ClientAuthentication are the methods by which clients may authenticate
	// themselves at the token endpoint (RFC 7591 section 2). Credentials with
	// another method do not bind. Empty means any.
	ClientAuthentication []AuthMethod
	// HTTPClient makes token requests. Nil means http.DefaultClient. It is
	// copied, never changed; redirects are never followed.
	HTTPClient *http.Client
	// UserAgent is sent with token requests; empty means "credkit-go".
	UserAgent string
	// Logger hears of token requests, redacted. Nil means silence. Sources that
	// differ in nothing else are one, and log to the logger that came first.
	Logger *slog.Logger
}

// endpointID is what of an endpoint makes its sources different: a logger for each
// request that a program serves must not mean a token for each.
type endpointID struct {
	service, origin, authorizeURL, tokenURL string
	httpClient                              *http.Client
	userAgent                               string
}

func (e Endpoint) id() endpointID {
	return endpointID{e.Service, e.Origin, e.AuthorizeURL, e.TokenURL, e.HTTPClient, e.UserAgent}
}
