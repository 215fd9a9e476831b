package auth

import (
	"context"
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
