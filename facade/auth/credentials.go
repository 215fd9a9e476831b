package auth

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"time"
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
	// Renew returns a token other than rejected, which a server refused
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
	// Logger logs what happens to sessions and tokens, redacted. Nil means silence. Sources that
	// differ in nothing else are one, and log to the logger that came first.
	Logger *slog.Logger
	// Observe is called after each token request; nil for none. Of sources that
	// differ in nothing else, it is that of the one that came first, as Logger.
	Observe func(context.Context, TokenEvent)
}

// TokenEvent is one request to a token endpoint, after its response was read.
type TokenEvent struct {
	// Grant is the grant type (RFC 6749 sections 4 and 6): "refresh_token",
	// "authorization_code" or "client_credentials".
	Grant string
	// SessionKey is the key of the session that is renewed; else empty.
	SessionKey string
	// Status is the HTTP status; 0 if there was no response.
	Status int
	// Elapsed is the time from the request to the end of its response.
	Elapsed time.Duration
	// Err is a *TokenError; nil if tokens were granted.
	Err error
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

// AuthMethod is how a client authenticates itself at the token endpoint (RFC
// 7591 section 2, token_endpoint_auth_method).
type AuthMethod string

// The methods that COSMIC documents. The zero AuthMethod means AuthNone for
// an app without a secret and AuthBasic for one with a secret. None is ever
// probed: probing sends a refresh token twice.
const (
	// AuthNone is a public client: client_id in the form, no secret.
	AuthNone AuthMethod = "none"
	// AuthBasic sends id and secret in the Authorization header (RFC 6749
	// section 2.3.1).
	AuthBasic AuthMethod = "client_secret_basic"
	// AuthPost sends id and secret in the form.
	AuthPost AuthMethod = "client_secret_post"
)

// App is a registered OAuth client. It prints without its secret, but for one
// case that Go leaves open: as an unexported field of another struct, where fmt
// calls no methods.
type App struct {
	// ClientID is the app's public identifier. Required.
	ClientID string
	// ClientSecret is empty for a public client, such as a program on a
	// person's machine.
	ClientSecret string
	// AuthMethod is the method the app is registered with; see [AuthMethod]
	// for its zero value.
	AuthMethod AuthMethod
}

// String names the app without its secret.
func (a App) String() string {
	s := "no secret"
	if a.ClientSecret != "" {
		s = redacted
	}
	return fmt.Sprintf("auth.App{ClientID: %q, ClientSecret: %s, AuthMethod: %q}", a.ClientID, s, string(a.AuthMethod))
}

// Format writes String for every verb.
func (a App) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, a.String()) }

// LogValue logs the client id and the method, never the secret.
func (a App) LogValue() slog.Value {
	return slog.GroupValue(slog.String("client_id", a.ClientID), slog.String("auth_method", string(a.AuthMethod)))
}

// MarshalJSON writes the client id and the method, never the secret.
func (a App) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		ClientID   string
		AuthMethod AuthMethod
	}{a.ClientID, a.AuthMethod})
}

// client is an App that has been checked, with its secret put away.
type client struct {
	id     string
	secret secret
	method AuthMethod
}

func (a App) client() (client, error) {
	c := client{id: a.ClientID, secret: newSecret(a.ClientSecret), method: a.AuthMethod}
	if c.method == "" {
		c.method = AuthNone
		if !c.secret.isZero() {
			c.method = AuthBasic
		}
	}
	switch {
	case c.id == "":
		return client{}, &ConfigError{Problem: "the app has no client id", Remedy: "set App.ClientID to the id from the developer portal"}
	case c.method == AuthNone && !c.secret.isZero():
		return client{}, &ConfigError{Problem: "a public client (AuthMethod none) has a secret", Remedy: "leave App.ClientSecret empty or choose another App.AuthMethod"}
	case c.method != AuthNone && c.secret.isZero():
		return client{}, &ConfigError{Problem: fmt.Sprintf("AuthMethod %s needs a client secret", c.method), Remedy: "set App.ClientSecret"}
	case c.method != AuthNone && c.method != AuthBasic && c.method != AuthPost:
		return client{}, &ConfigError{Problem: fmt.Sprintf("unknown AuthMethod %q", string(c.method)), Remedy: "use AuthNone, AuthBasic or AuthPost"}
	}
	return c, nil
}

// remedy says what to check when a token endpoint does not accept the client.
func (c client) remedy() string {
	if c.method == AuthNone {
		return "this program has no client secret: set App.ClientSecret if the app is registered with one; otherwise check the client id"
	}
	return "check the client id, the secret and App.AuthMethod"
}

// identify puts the client's name, and its proof if it has one, into a token
// request. RFC 6749 section 2.3.1: id and secret are form-encoded before Basic,
// and one method is used at a time.
func (c client) identify(h http.Header, form url.Values) {
	switch c.method {
	case AuthBasic:
		r := http.Request{Header: h}
		r.SetBasicAuth(url.QueryEscape(c.id), url.QueryEscape(c.secret.value()))
	case AuthPost:
		form.Set("client_id", c.id)
		form.Set("client_secret", c.secret.value())
	default:
		form.Set("client_id", c.id)
	}
}

// StaticToken returns credentials that always give the same access token and
// never renew it. A value that cannot be sent (empty, or with a space, a line end
// or anything else that is not visible ASCII) is a *ConfigError when the
// credentials are bound.
func StaticToken(value string) Credentials { return static{NewToken(value, time.Time{})} }

type static struct{ token Token }

// String is a placeholder, never the token.
func (s static) String() string { return "auth.StaticToken(" + redacted + ")" }

// GoString is String.
func (s static) GoString() string { return s.String() }

// Source implements Credentials.
func (s static) Source(Endpoint) (Source, error) {
	if s.token.IsZero() {
		return nil, &ConfigError{Problem: "the static access token is empty", Remedy: "pass the token to StaticToken"}
	}
	if !sendable(s.token.Value()) {
		return nil, &ConfigError{Problem: "the static access token has a space, a line end or another character that no token may have",
			Remedy: "pass the token alone: of a file's content, what strings.TrimSpace leaves"}
	}
	return s, nil
}

// Token implements Source.
func (s static) Token(context.Context) (Token, error) { return s.token, nil }
