package auth

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
)

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
		r.SetBasicAuth(url.QueryEscape(c.id), url.QueryEscape(c.secret.reveal()))
	case AuthPost:
		form.Set("client_id", c.id)
		form.Set("client_secret", c.secret.reveal())
	default:
		form.Set("client_id", c.id)
	}
}
