package auth

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"golang.org/x/oauth2"

	"github.com/credkit/credkit-go/facade/internal/safehttp"
)

// identityScopes are what an authorize URL may ask for. API scopes are chosen
// in the developer portal and never stand there: the server refuses them.
var identityScopes = []string{"openid", "email", "profile", "phone", "offline_access"}

// A SignInOption changes how [Begin] or [Login] signs in.
type SignInOption func(*signIn) error

type signIn struct {
	scopes []string
	login  *login // nil in Begin
}

// WithIdentityScopes asks for other identity scopes than openid and email, of
// openid, email, profile, phone and offline_access (OpenID Connect Core section
// 11; COSMIC is assumed to issue refresh tokens without it). Any other is
// refused: API scopes belong to the app in the developer portal, not into the
// authorize URL.
func WithIdentityScopes(scopes ...string) SignInOption {
	return func(s *signIn) error {
		for _, scope := range scopes {
			if !slices.Contains(identityScopes, scope) {
				return &ConfigError{Problem: fmt.Sprintf("%q is not an identity scope", scope),
					Remedy: "ask for openid, email, profile, phone or offline_access; API scopes are chosen for the app in the developer portal"}
			}
		}
		s.scopes = scopes
		return nil
	}
}

// Begin starts a sign-in (RFC 6749 section 4.1 with PKCE S256, RFC 7636): send
// the browser to the returned URL and keep p for [Complete], sealed in a cookie
// of that browser ([Sealer]). redirectURI must be one that the app is
// registered with, to the letter. Nothing is requested. The error is a
// *ConfigError.
func Begin(e Endpoint, app App, redirectURI string, opts ...SignInOption) (authorizeURL string, p Pending, err error) {
	s := &signIn{scopes: []string{"openid", "email"}}
	for _, o := range opts {
		if err := o(s); err != nil {
			return "", Pending{}, err
		}
	}
	return s.begin(e, app, redirectURI)
}

func (s *signIn) begin(e Endpoint, app App, redirectURI string) (string, Pending, error) {
	c, err := app.client()
	if err != nil {
		return "", Pending{}, err
	}
	issuer, err := checkTokenURL(e)
	if err != nil {
		return "", Pending{}, err
	}
	if e.AuthorizeURL == "" {
		return "", Pending{}, &ConfigError{Problem: serviceName(e) + " has no sign-in for people", Remedy: "use ClientCredentials"}
	}
	if _, err := safehttp.ParseBase(e.AuthorizeURL); err != nil {
		return "", Pending{}, &ConfigError{Problem: "the authorize URL of " + serviceName(e) + " cannot be used", err: guard(err), Remedy: "correct the base URL"}
	}
	if err := checkRedirect(redirectURI); err != nil {
		return "", Pending{}, err
	}
	p := &pendingState{
		State: newState(), Verifier: oauth2.GenerateVerifier(), Redirect: redirectURI,
		Issuer: issuer, ClientID: c.id, Expires: time.Now().Add(pendingLife).UTC().Round(time.Second),
	}
	conf := oauth2.Config{
		ClientID: c.id, RedirectURL: redirectURI, Scopes: s.scopes,
		Endpoint: oauth2.Endpoint{AuthURL: e.AuthorizeURL, TokenURL: issuer, AuthStyle: oauth2.AuthStyleInHeader},
	}
	return conf.AuthCodeURL(p.State, oauth2.S256ChallengeOption(p.Verifier)), Pending{p: hide(p), spent: &ledger{}}, nil
}

func checkRedirect(redirectURI string) error {
	u, err := url.Parse(redirectURI)
	if err != nil || u.Host == "" || u.User != nil || u.Fragment != "" || (u.Scheme != "https" && u.Scheme != "http") {
		return &ConfigError{Problem: "the redirect URI is not an absolute http(s) URL without fragment and user", Remedy: "pass one that the app is registered with, to the letter"}
	}
	u.RawQuery = ""
	u.ForceQuery = false
	if _, err := safehttp.ParseBase(u.String()); err != nil {
		return &ConfigError{Problem: "the redirect URI cannot be used", err: guard(err), Remedy: "use https, or http on 127.0.0.1"}
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
// be those of [Begin]. Save the grant with [Sessions.SignIn].
//
// p is spent once: a second answer to it is a *SignInError, also where it was
// sealed and came back through the same Sealer. In another process it is the
// code, which a server takes once, that stops a second answer. An answer with another state
// is ErrState and spends nothing. Further errors: *SignInError when the person
// declined or took longer than ten minutes, *TokenError, *ConfigError.
func Complete(ctx context.Context, e Endpoint, app App, p Pending, query url.Values) (Grant, error) {
	c, err := app.client()
	if err != nil {
		return Grant{}, err
	}
	poster, err := newPoster(e, c)
	if err != nil {
		return Grant{}, err
	}
	state := p.p.reveal()
	if state == nil {
		return Grant{}, &SignInError{Problem: "nothing is pending in this browser: start again"}
	}
	if state.Issuer != poster.url || state.ClientID != c.id {
		return Grant{}, &ConfigError{Problem: "the sign-in was begun with another endpoint or app", Remedy: "pass Complete what was passed to Begin"}
	}
	// A state that is not ours tells nothing about this sign-in.
	if subtle.ConstantTimeCompare([]byte(query.Get("state")), []byte(state.State)) != 1 || len(query["state"]) != 1 {
		return Grant{}, &SignInError{Problem: "the answer does not carry this sign-in's state: it is ignored", err: ErrState}
	}
	if time.Now().After(state.Expires) {
		return Grant{}, &SignInError{Problem: fmt.Sprintf("it took longer than %s: start again", pendingLife)}
	}
	if !p.spent.spend(state.State, state.Expires) {
		return Grant{}, &SignInError{Problem: "it was completed before: start again", err: errSpent}
	}
	if code := query.Get("error"); code != "" {
		return Grant{}, &SignInError{Code: errorCode(code), Description: describe(query.Get("error_description"), state.State, state.Verifier), Problem: "the server refused"}
	}
	code := query.Get("code")
	if code == "" || len(query["code"]) != 1 {
		return Grant{}, &SignInError{Problem: "the answer has no code: start again"}
	}
	return exchangeCode(ctx, poster, state, p.spent, code)
}

func exchangeCode(ctx context.Context, poster *poster, p *pendingState, spent *ledger, code string) (Grant, error) {
	asked := time.Now()
	a, te := poster.post(ctx, "authorization_code", url.Values{
		"code": {code}, "redirect_uri": {p.Redirect}, "code_verifier": {p.Verifier},
	})
	switch {
	case te == nil:
		return newGrant(poster.url, poster.client, a, asked), nil
	case te.outcome == unsent || te.outcome == throttled:
		spent.unspend(p.State)
	case te.outcome == misconfigured:
		return Grant{}, &ConfigError{Problem: fmt.Sprintf("the sign-in service does not accept the app %q or its request", poster.client.id), err: te,
			Remedy: poster.client.remedy() + ", and the registered redirect URI"}
	}
	return Grant{}, te
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
