package auth

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/oauth2"
)

func tokenOf(access, refresh string, expiry time.Time) *oauth2.Token {
	return &oauth2.Token{AccessToken: access, RefreshToken: refresh, Expiry: expiry}
}

func mustGrant(t *testing.T, s *tokenServer, tok *oauth2.Token) Grant {
	t.Helper()
	g, err := NewGrant(s.endpoint(), testApp, tok)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func TestAGrantOfAnotherProgramIsTakenOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, store := newTokenServer(), NewMemoryStore()
		p := start(t, s, store)
		defer p.stop(t)
		g := mustGrant(t, s, tokenOf("secret-access", refreshPrefix+"0", time.Now().Add(time.Hour)))
		if err := p.SignIn(context.Background(), "k", g); err != nil {
			t.Fatal(err)
		}
		if mustToken(t, p.src).Value() != "secret-access" {
			t.Error("not the grant's token")
		}
		g = mustGrant(t, s, tokenOf("secret-access", refreshPrefix+"0", time.Now().Add(-time.Hour)))
		if err := p.SignIn(context.Background(), "k", g); err != nil {
			t.Fatal(err)
		}
		if mustToken(t, p.src).Value() == "secret-access" || s.requests() != 1 {
			t.Error("an access token that is over was used")
		}
	})
}

func TestCredentialsDoNotBindWithAnAuthMethodThatTheEndpointDoesNotTake(t *testing.T) {
	s := newTokenServer()
	e := s.endpoint()
	e.ClientAuthentication = []AuthMethod{AuthPost}
	sessions, err := NewSessions(NewMemoryStore(), testApp)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = sessions.Close(t.Context()) }()
	_, ofSession := sessions.Key("k").Source(e)
	client := s.clientEndpoint()
	client.ClientAuthentication = e.ClientAuthentication
	_, ofClient := ClientCredentials("id", "secret").Source(client)
	_, checked := e.Check(testApp)
	_, exchanged := e.Exchange(t.Context(), testApp, "code", "https://app.example.com/", "verifier")
	for what, err := range map[string]error{"Source of a session": ofSession, "Source of client credentials": ofClient, "Check": checked, "Exchange": exchanged} {
		var ce *ConfigError
		if !errors.As(err, &ce) || !strings.Contains(err.Error(), "client_secret_post") {
			t.Errorf("%s: %v", what, err)
		}
	}
	if tokenURL, err := e.Check(App{ClientID: "a", ClientSecret: "b", AuthMethod: AuthPost}); err != nil || tokenURL != e.TokenURL {
		t.Errorf("Check: %q, %v", tokenURL, err)
	}
	if s.requests() != 0 {
		t.Error("a request was made")
	}
}

// Whoever keeps a code has to know whether it may be sent again.
func TestExchangeSaysWhetherTheCodeIsUnused(t *testing.T) {
	for what, test := range map[string]struct {
		step   step
		unused bool
	}{
		"unreachable":  {unreachable, true},
		"429":          {says(http.StatusTooManyRequests, "application/json", `{}`), true},
		"cut":          {cutBefore, false},
		"503":          {says(http.StatusServiceUnavailable, "text/plain", "no"), false},
		"spent before": {says(http.StatusBadRequest, "application/json", `{"error":"invalid_grant"}`), false},
	} {
		s := newTokenServer()
		s.then(test.step)
		_, err := s.endpoint().Exchange(t.Context(), testApp, "code", "https://app.example.com/", "verifier")
		var te *TokenError
		if !errors.As(err, &te) || te.Unused() != test.unused || te.Grant != "authorization_code" {
			t.Errorf("%s: %v", what, err)
		}
	}
}
