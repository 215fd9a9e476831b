package auth

import (
	"context"
	"fmt"
	"net/url"
	"time"
)

// Check reports whether app can request tokens of e, without a request. It returns
// the token URL in the form that records name it in: scheme and host in lower
// case, without the scheme's default port. The error is a *ConfigError.
func (e Endpoint) Check(app App) (tokenURL string, err error) {
	p, err := e.poster(app)
	if err != nil {
		return "", err
	}
	return p.url, nil
}

func (e Endpoint) poster(app App) (*poster, error) {
	c, err := app.client()
	if err != nil {
		return nil, err
	}
	return newPoster(e, c)
}

// Exchange requests tokens for the authorization code that came with the redirect
// to redirectURI (RFC 6749 section 4.1.3). verifier is the code verifier of the
// authorization request (RFC 7636 section 4.5). Package signin does this at the end
// of a sign-in. The error is a *TokenError, whose Unused says whether the code may
// be sent again, or a *ConfigError where the endpoint does not accept the app.
func (e Endpoint) Exchange(ctx context.Context, app App, code, redirectURI, verifier string) (Grant, error) {
	p, err := e.poster(app)
	if err != nil {
		return Grant{}, err
	}
	asked := time.Now()
	a, te := p.post(ctx, "authorization_code", url.Values{
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
