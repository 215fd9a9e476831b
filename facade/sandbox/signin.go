package sandbox

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"
)

// Tokens are what a sign-in gives.
type Tokens struct {
	// AccessToken goes into the Authorization header until ExpiresAt.
	AccessToken string
	ExpiresAt   time.Time
	// RefreshToken is the session's current one.
	RefreshToken string
	// SessionID names the session in [Sandbox.Sessions].
	SessionID string
}

// SignIn is a sign-in without the consent page; the zero value is that of the
// first user at the first app.
type SignIn struct {
	// ClientID names the app; empty means the first one.
	ClientID string
	// User is an id or an e-mail address; empty means the first user.
	User string
	// Scopes are the API scopes of the session; nil means those of the app,
	// an empty list none.
	Scopes []string
	// IdentityScopes are what the authorize URL's scope would have carried.
	IdentityScopes []string
}

// SignIn signs user in at the first app, as if on the consent page, and
// returns the session's tokens. The empty user is the first one. Without
// scopes the session has those of the app. The error is about an unknown user
// or a word that is no scope.
func (s *Sandbox) SignIn(user string, scopes ...string) (Tokens, error) {
	return s.SignInWith(SignIn{User: user, Scopes: scopes})
}

// AccessToken is the access token of [Sandbox.SignIn].
func (s *Sandbox) AccessToken(user string, scopes ...string) (string, error) {
	t, err := s.SignIn(user, scopes...)
	return t.AccessToken, err
}

// SignInWith signs in without the consent page. The error is about an unknown
// app or user, or a word that is no scope.
func (s *Sandbox) SignInWith(in SignIn) (Tokens, error) {
	app, ok := s.app(cmp.Or(in.ClientID, s.set.apps[0].ClientID))
	if !ok {
		return Tokens{}, unknown("app", in.ClientID)
	}
	user, ok := s.user(in.User)
	if !ok {
		return Tokens{}, unknown("user", in.User)
	}
	if err := checkScopes(in.Scopes); err != nil {
		return Tokens{}, fmt.Errorf("sandbox: %w", err)
	}
	f := s.startSession(&session{app: app, user: user, scopes: in.Scopes, identity: in.IdentityScopes})
	access, ends := s.accessToken(f, issuerAt(s.cosmic.base))
	t := Tokens{AccessToken: access, ExpiresAt: ends, SessionID: f.id()}
	if s.set.refreshTokens {
		t.RefreshToken = s.firstToken(f)
	}
	return t, nil
}

// CertnAccessToken issues an access token of Certn without a token request.
func (s *Sandbox) CertnAccessToken() string { return s.certnToken() }

// Approve opens an authorize URL as a browser would, approves as the first
// user, and returns the address that the browser is sent to, with the code
// and the state, or with the error of a refused request.
func (s *Sandbox) Approve(ctx context.Context, authorizeURL string) (redirect string, err error) {
	return s.consentAs(ctx, authorizeURL, "approve", "")
}

// Deny is [Sandbox.Approve] with the other button.
func (s *Sandbox) Deny(ctx context.Context, authorizeURL string) (redirect string, err error) {
	return s.consentAs(ctx, authorizeURL, "deny", "")
}

// consentAs goes through the page as a browser does, request by request.
func (s *Sandbox) consentAs(ctx context.Context, authorizeURL, decision, user string) (string, error) {
	page, to, err := s.browse(ctx, http.MethodGet, authorizeURL, nil)
	if err != nil || to != "" {
		return to, err
	}
	field := regexp.MustCompile(`name="request_id" value="([^"]*)"`).FindStringSubmatch(page)
	form := regexp.MustCompile(`<form method="post" action="([^"]*)"`).FindStringSubmatch(page)
	if field == nil || form == nil {
		return "", errors.New("sandbox: the authorize URL does not show the consent page")
	}
	at, err := url.Parse(authorizeURL)
	if err != nil {
		return "", fmt.Errorf("sandbox: %w", err)
	}
	action, err := at.Parse(html.UnescapeString(form[1]))
	if err != nil {
		return "", fmt.Errorf("sandbox: the consent form's action: %w", err)
	}
	values := url.Values{"request_id": {html.UnescapeString(field[1])}, "decision": {decision}}
	if user != "" {
		values.Set("user", user)
	}
	_, to, err = s.browse(ctx, http.MethodPost, action.String(), values)
	if err == nil && to == "" {
		err = errors.New("sandbox: the consent form was not answered with a redirect")
	}
	return to, err
}

// browse makes one request and follows nothing.
func (s *Sandbox) browse(ctx context.Context, method, address string, form url.Values) (page, redirect string, err error) {
	req, err := http.NewRequestWithContext(ctx, method, address, strings.NewReader(form.Encode()))
	if err != nil {
		return "", "", fmt.Errorf("sandbox: %w", err)
	}
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	client := *s.Client()
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	resp, err := client.Do(req)
	if err != nil {
		return "", "", fmt.Errorf("sandbox: %w", err)
	}
	defer func() { _ = resp.Body.Close() }()
	if to := resp.Header.Get("Location"); to != "" {
		return "", to, nil
	}
	b, err := io.ReadAll(io.LimitReader(resp.Body, mostBody))
	if err != nil {
		return "", "", fmt.Errorf("sandbox: %w", err)
	}
	if resp.StatusCode != http.StatusOK {
		return "", "", fmt.Errorf("sandbox: %s %s answered %s", method, req.URL.Path, resp.Status)
	}
	return string(b), "", nil
}
