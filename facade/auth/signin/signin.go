// Package signin signs people in (RFC 6749 section 4.1, with PKCE): a [Handler]
// on the web, and [Login] on this machine. A program that has routes and pages of
// its own calls [Begin] and [Complete], with a [Sealer] that keeps the sign-in in a
// cookie between the two. All bring an [auth.Grant], which [auth.Sessions.SignIn]
// saves.
package signin

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"golang.org/x/oauth2"

	"github.com/credkit/credkit-go/facade/auth"
	"github.com/credkit/credkit-go/facade/auth/internal/opaque"
	"github.com/credkit/credkit-go/facade/internal/safehttp"
)

// An Option changes how [Begin], [Login] or a [Handler] signs in. Nil changes
// nothing.
type Option func(*signIn) error

type signIn struct {
	endpoint auth.Endpoint
	scopes   []string
	login    *login // of Login, else nil
	web      *web   // of NewHandler, else nil
}

func newSignIn(e auth.Endpoint) *signIn {
	return &signIn{endpoint: e, scopes: []string{"openid", "email"}}
}

func (s *signIn) apply(opts []Option) error {
	for _, o := range opts {
		if o == nil {
			continue
		}
		if err := o(s); err != nil {
			return err
		}
	}
	return nil
}

// WithIdentityScopes asks for other identity scopes than openid and email, of
// [auth.Endpoint.IdentityScopes] (OpenID Connect Core section 11; COSMIC is assumed
// to issue refresh tokens without offline_access). Any other is refused: API
// scopes belong to the app in the developer portal, not into the authorize URL.
func WithIdentityScopes(scopes ...string) Option {
	return func(s *signIn) error {
		for _, scope := range scopes {
			if !slices.Contains(s.endpoint.IdentityScopes, scope) {
				return &auth.ConfigError{Problem: fmt.Sprintf("%q is not an identity scope", scope),
					Remedy: "ask for " + oneOf(s.endpoint.IdentityScopes) + "; API scopes are chosen for the app in the developer portal"}
			}
		}
		s.scopes = scopes
		return nil
	}
}

// oneOf lists names in words: a, b or c.
func oneOf(names []string) string {
	switch n := len(names); n {
	case 0:
		return "none: the endpoint has no identity scopes"
	case 1:
		return names[0]
	default:
		return strings.Join(names[:n-1], ", ") + " or " + names[n-1]
	}
}

// Begin starts a sign-in (RFC 6749 section 4.1 with PKCE S256, RFC 7636): send
// the browser to the returned URL and keep p for [Complete], sealed in a cookie
// of that browser ([Sealer]). redirectURI must be one that the app is
// registered with, to the letter. Nothing is requested. The error is a
// *auth.ConfigError.
func Begin(e auth.Endpoint, app auth.App, redirectURI string, opts ...Option) (authorizeURL string, p Pending, err error) {
	s := newSignIn(e)
	if err := s.apply(opts); err != nil {
		return "", Pending{}, err
	}
	return s.begin(app, redirectURI)
}

func (s *signIn) begin(app auth.App, redirectURI string) (string, Pending, error) {
	e := s.endpoint
	issuer, err := e.Check(app)
	if err != nil {
		return "", Pending{}, err
	}
	serviceName := cmp.Or(e.Service, "the service")
	if e.AuthorizeURL == "" {
		return "", Pending{}, &auth.ConfigError{Problem: serviceName + " has no sign-in for people", Remedy: "use ClientCredentials"}
	}
	if _, err := safehttp.ParseBase(e.AuthorizeURL); err != nil {
		return "", Pending{}, &auth.ConfigError{Problem: "the authorize URL of " + serviceName + " cannot be used", Err: safehttp.RedactError(err), Remedy: "correct the base URL"}
	}
	if err := checkRedirect(redirectURI); err != nil {
		return "", Pending{}, err
	}
	p := &pendingState{
		State: newState(), Verifier: oauth2.GenerateVerifier(), Redirect: redirectURI,
		Issuer: issuer, ClientID: app.ClientID, Expires: time.Now().Add(pendingLife).UTC().Round(time.Second),
	}
	conf := oauth2.Config{
		ClientID: app.ClientID, RedirectURL: redirectURI, Scopes: s.scopes,
		Endpoint: oauth2.Endpoint{AuthURL: e.AuthorizeURL, TokenURL: issuer, AuthStyle: oauth2.AuthStyleInHeader},
	}
	return conf.AuthCodeURL(p.State, oauth2.S256ChallengeOption(p.Verifier)), Pending{p: opaque.Of(p), spent: &ledger{}}, nil
}

func checkRedirect(redirectURI string) error {
	u, err := url.Parse(redirectURI)
	if err != nil || u.Host == "" || u.User != nil || u.Fragment != "" || (u.Scheme != "https" && u.Scheme != "http") {
		return &auth.ConfigError{Problem: "the redirect URI is not an absolute http(s) URL without fragment and user", Remedy: "pass one that the app is registered with, to the letter"}
	}
	u.RawQuery = ""
	u.ForceQuery = false
	if _, err := safehttp.ParseBase(u.String()); err != nil {
		return &auth.ConfigError{Problem: "the redirect URI cannot be used", Err: safehttp.RedactError(err), Remedy: "use https, or http on 127.0.0.1"}
	}
	return nil
}

// newState makes 256 random bits.
func newState() string {
	b := make([]byte, 32)
	rand.Read(b) // never fails: crypto/rand ends the program instead
	return base64.RawURLEncoding.EncodeToString(b)
}

// Complete ends the sign-in p with the query of the request that the browser
// made to the redirect URI, and exchanges its code for tokens. e and app must
// be those of [Begin]. Save the grant with [auth.Sessions.SignIn].
//
// p is spent once: a second response to it is an *Error, also where it was
// sealed and came back through the same Sealer. In another process it is the
// code, which a server takes once, that stops a second response. A response with another state
// is ErrState and spends nothing. Further errors: *Error when the person
// declined or took longer than ten minutes, *auth.TokenError, *auth.ConfigError.
func Complete(ctx context.Context, e auth.Endpoint, app auth.App, p Pending, query url.Values) (auth.Grant, error) {
	issuer, err := e.Check(app)
	if err != nil {
		return auth.Grant{}, err
	}
	state := p.p.Get()
	if state == nil {
		return auth.Grant{}, &Error{Problem: "nothing is pending in this browser: start again"}
	}
	if state.Issuer != issuer || state.ClientID != app.ClientID {
		return auth.Grant{}, &auth.ConfigError{Problem: "the sign-in was begun with another endpoint or app", Remedy: "pass Complete what was passed to Begin"}
	}
	// A state that is not ours tells nothing about this sign-in.
	if subtle.ConstantTimeCompare([]byte(query.Get("state")), []byte(state.State)) != 1 || len(query["state"]) != 1 {
		return auth.Grant{}, &Error{Problem: "the response does not carry this sign-in's state: it is ignored", err: ErrState}
	}
	if time.Now().After(state.Expires) {
		return auth.Grant{}, &Error{Problem: fmt.Sprintf("it took longer than %s: start again", pendingLife)}
	}
	if !p.spent.spend(state.State, state.Expires) {
		return auth.Grant{}, &Error{Problem: "it was completed before: start again", err: errSpent}
	}
	if code := query.Get("error"); code != "" {
		return auth.Grant{}, &Error{Code: safehttp.ErrorCode(code), Description: describe(query.Get("error_description"), state.State, state.Verifier), Problem: "the server refused"}
	}
	code := query.Get("code")
	if code == "" || len(query["code"]) != 1 {
		return auth.Grant{}, &Error{Problem: "the response has no code: start again"}
	}
	grant, err := e.Exchange(ctx, app, code, state.Redirect, state.Verifier)
	var te *auth.TokenError
	if errors.As(err, &te) && te.Unused() {
		p.spent.unspend(state.State)
	}
	return grant, err
}

// describe makes a server's text fit for a page and a terminal, without secrets.
func describe(s string, secrets ...string) string {
	const most = 300
	s = strings.TrimSpace(safehttp.NewSecrets(secrets...).Redact(s))
	if r := []rune(s); len(r) > most {
		s = string(r[:most]) + "…"
	}
	return s
}
