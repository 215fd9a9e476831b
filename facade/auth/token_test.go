package auth

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/oauth2"
)

// unsendable are access tokens that no Authorization header can carry (RFC 6750
// section 2.1), most of them as files and broken servers give them.
var unsendable = []string{"secret-a\n", "secret-a\r\nX-Evil: 1", " secret-a", "secret a", "secret-a\t", "secret-a\x00", "secret-\x7f", "secret-ä", "secret-\u2028", "secret-\xff"}

func TestATokenThatCannotBeSentIsAConfigErrorWhenItIsBound(t *testing.T) {
	e := newTokenServer().endpoint()
	for _, value := range unsendable {
		for name, err := range map[string]error{
			"StaticToken": func() error { _, err := StaticToken(value).Source(e); return err }(),
			"NewGrant":    func() error { _, err := NewGrant(e, testApp, &oauth2.Token{AccessToken: value}); return err }(),
			"FromTokenSource": func() error {
				src, err := FromTokenSource(oauth2.StaticTokenSource(&oauth2.Token{AccessToken: value})).Source(e)
				if err != nil {
					return err
				}
				_, err = src.Token(t.Context())
				return err
			}(),
		} {
			var ce *ConfigError
			if !errors.As(err, &ce) || strings.Contains(err.Error(), "secret") {
				t.Errorf("%s(%q): %v", name, value, err)
			}
		}
	}
	for _, value := range []string{"a", "eyJ.x_y-z~+/==", "!#$%&'*:;<>?@[]^`{|}"} {
		if _, err := StaticToken(value).Source(e); err != nil {
			t.Errorf("%q: %v", value, err)
		}
	}
}

// TestATokenThatCannotBeSentIsNotHandedOut: neither from a response nor from a
// record that an earlier release has saved.
func TestATokenThatCannotBeSentIsNotHandedOut(t *testing.T) {
	for _, value := range unsendable {
		if value == "secret-\xff" {
			continue // JSON makes another character of it
		}
		bubble(t, func(t *testing.T, s *tokenServer, store *faultyStore, p *process) {
			r := stored(t, store)
			r.AccessToken, r.Version = value, "earlier"
			data, err := r.encode()
			if err != nil {
				t.Fatal(err)
			}
			if err := p.replace(t.Context(), "k", data); err != nil {
				t.Fatal(err)
			}
			if tok := mustToken(t, p.src); !sendable(tok.Value()) || s.requests() != 1 {
				t.Errorf("%q from the store, %d requests", value, s.requests())
			}
			s.invariant(t, store)
		})
	}
	synctest.Test(t, func(t *testing.T) {
		s := newTokenServer()
		src, err := ClientCredentials("id", "secret").Source(s.clientEndpoint())
		if err != nil {
			t.Fatal(err)
		}
		s.then(says(200, "application/json", `{"access_token":"a\n","expires_in":3600}`))
		begin := time.Now()
		if tok := mustToken(t, src); !sendable(tok.Value()) || time.Since(begin) == 0 || s.requests() != 2 {
			t.Errorf("%q from the endpoint, %d requests", tok.Value(), s.requests())
		}
	})
}
