package auth

import (
	"context"
	"fmt"
	"log/slog"
	"net/url"
	"time"

	"golang.org/x/oauth2"

	"github.com/credkit/credkit-go/facade/auth/internal/opaque"
)

// A Grant is what a sign-in brought: tokens, bound to the endpoint and the app
// that they were issued for. [Sessions.SignIn] saves it. It prints without its
// tokens. The zero Grant is none.
type Grant struct {
	r       opaque.Value[record]
	idToken secret
}

// NewGrant makes a Grant of a token that another program got from e for app,
// so that an existing session can be brought into a store. Let that program
// forget it: of two programs that refresh one session, the second ends it.
// The lifetime is t.ExpiresIn or else what is left until t.Expiry.
func NewGrant(e Endpoint, app App, t *oauth2.Token) (Grant, error) {
	c, err := app.client()
	if err != nil {
		return Grant{}, err
	}
	issuer, err := checkTokenURL(e)
	if err != nil {
		return Grant{}, err
	}
	if t == nil || (t.AccessToken == "" && t.RefreshToken == "") {
		return Grant{}, &ConfigError{Problem: "NewGrant was given no token", Remedy: "pass an access token, a refresh token or both"}
	}
	if !sendable(t.AccessToken) {
		return Grant{}, &ConfigError{Problem: "the access token given to NewGrant has a space, a line end or another character that no token may have", Remedy: "pass the token alone"}
	}
	now := time.Now()
	a := response{access: t.AccessToken, refresh: t.RefreshToken, tokenType: t.TokenType, life: lifetime(float64(t.ExpiresIn))}
	if !t.Expiry.IsZero() {
		if left := t.Expiry.Sub(now); left <= 0 {
			a.access, a.life = "", 0
		} else if a.life == 0 || left < a.life {
			a.life = left
		}
	}
	return newGrant(issuer, c, a, now), nil
}

func newGrant(issuer string, c client, a response, asked time.Time) Grant {
	return Grant{r: opaque.Of(issue(kindSession, issuer, c.id, causeSignIn, a, asked)), idToken: newSecret(a.id)}
}

func (g Grant) record() *record {
	if g.IsZero() {
		return nil
	}
	r := *g.r.Get()
	r.Version = newVersion() // saving it twice is two sign-ins
	return &r
}

// Source implements [Credentials]: the access token of the grant, which is never
// renewed. It is for asking who has signed in before the session has a key. It
// binds to the endpoint that issued the grant alone.
func (g Grant) Source(e Endpoint) (Source, error) {
	issuer, err := checkTokenURL(e)
	switch {
	case err != nil:
		return nil, err
	case g.Token().IsZero():
		return nil, &ConfigError{Problem: "the grant has no access token", Remedy: "save it with Sessions.SignIn and use Sessions.Key"}
	case g.r.Get().Issuer != issuer:
		return nil, &ConfigError{Problem: fmt.Sprintf("the grant was issued by %s, and not by %s", g.r.Get().Issuer, issuer), Remedy: "use the base URL that the person signed in to"}
	}
	return static{g.Token()}, nil
}

// IsZero reports whether there is no grant.
func (g Grant) IsZero() bool { return g.r.Get() == nil }

// Token returns the access token, for a program that keeps no session.
func (g Grant) Token() Token {
	r := g.r.Get()
	if r == nil {
		return Token{}
	}
	return NewToken(r.AccessToken, r.ExpiresAt)
}

// CanRenew reports whether a refresh token came with it. Without one a person
// has to sign in again when the access token ends.
func (g Grant) CanRenew() bool { return !g.IsZero() && g.r.Get().RefreshToken != "" }

// IDToken returns the id_token as the server gave it, empty if it gave none.
// Nothing in it has been verified.
func (g Grant) IDToken() string { return g.idToken.value() }

// String tells what the grant can do, never its tokens.
func (g Grant) String() string {
	if g.IsZero() {
		return "auth.Grant(none)"
	}
	return fmt.Sprintf("auth.Grant(tokens: %s, can renew: %t)", redacted, g.CanRenew())
}

// GoString is String.
func (g Grant) GoString() string { return g.String() }

// MarshalText writes a placeholder, never the tokens.
func (g Grant) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// LogValue logs what the grant can do, never its tokens.
func (g Grant) LogValue() slog.Value {
	return slog.GroupValue(slog.Bool("can_renew", g.CanRenew()), slog.Time("expires", g.Token().Expires()))
}

// Check reports whether app can request tokens of e, without a request. It returns
// the token URL in the form that records name it in: scheme and host in lower
// case, without the scheme's default port. The error is a *ConfigError.
func (e Endpoint) Check(app App) (tokenURL string, err error) {
	p, err := e.tokenEndpoint(app)
	if err != nil {
		return "", err
	}
	return p.url, nil
}

func (e Endpoint) tokenEndpoint(app App) (*tokenEndpoint, error) {
	c, err := app.client()
	if err != nil {
		return nil, err
	}
	return newTokenEndpoint(e, c)
}

// Exchange requests tokens for the authorization code that came with the redirect
// to redirectURI (RFC 6749 section 4.1.3). verifier is the code verifier of the
// authorization request (RFC 7636 section 4.5). Package signin does this at the end
// of a sign-in. The error is a *TokenError, whose Unused says whether the code may
// be sent again, or a *ConfigError where the endpoint does not accept the app.
func (e Endpoint) Exchange(ctx context.Context, app App, code, redirectURI, verifier string) (Grant, error) {
	p, err := e.tokenEndpoint(app)
	if err != nil {
		return Grant{}, err
	}
	asked := time.Now()
	a, te := p.request(ctx, "authorization_code", url.Values{
		"code": {code}, "redirect_uri": {redirectURI}, "code_verifier": {verifier},
	})
	switch {
	case te == nil:
		return newGrant(p.url, p.client, a, asked), nil
	case te.outcome == misconfigured:
		return Grant{}, &ConfigError{Problem: fmt.Sprintf("the sign-in service does not accept the app %q or its request", p.client.id), Err: te,
			Remedy: p.client.remedy() + ", and the registered redirect URI"}
	}
	return Grant{}, te
}
