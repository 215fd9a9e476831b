package sandbox

import (
	"fmt"
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
	app := &s.set.apps[0]
	if in.ClientID != "" {
		var ok bool
		if app, ok = s.app(in.ClientID); !ok {
			return Tokens{}, unknown("app", in.ClientID)
		}
	}
	user, ok := s.user(in.User)
	if !ok {
		return Tokens{}, unknown("user", in.User)
	}
	if err := checkScopes(in.Scopes); err != nil {
		return Tokens{}, fmt.Errorf("sandbox: %w", err)
	}
	f := s.grants.begin(&family{app: app, user: user, scopes: in.Scopes, identity: in.IdentityScopes})
	s.log.count(func(c *Counters) { c.SignIns++ })
	access, ends := s.accessToken(f)
	t := Tokens{AccessToken: access, ExpiresAt: ends, SessionID: f.id()}
	if s.set.refreshTokens {
		t.RefreshToken = s.refreshToken(f, 0)
	}
	return t, nil
}

// CertnAccessToken issues an access token of Certn without a token request.
func (s *Sandbox) CertnAccessToken() string {
	token := s.certnToken()
	return token
}
