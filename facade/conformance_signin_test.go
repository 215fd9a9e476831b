package facade_test

import (
	"context"
	"net/url"
	"strings"

	"github.com/credkit/credkit-go/facade"
	"github.com/credkit/credkit-go/facade/auth"
	"github.com/credkit/credkit-go/facade/auth/signin"
)

// conformingApp is the app that a person signs in to.
type conformingApp struct {
	ClientSecret   string   `json:"client_secret"`
	AuthMethod     string   `json:"auth_method"`
	IdentityScopes []string `json:"identity_scopes"`
}

// signIn begins a sign-in, and completes it as if the browser had been sent
// back with the redirected parameters; * is the state that was sent. The value
// has the authorize URL and what the grant can do.
func (call *conformingCall) signIn(ctx context.Context, opts []facade.Option) outcome {
	endpoint, err := facade.CosmicEndpoint(opts...)
	if err != nil {
		return outcome{err: err}
	}
	app := auth.App{ClientID: "app-1", ClientSecret: call.App.ClientSecret, AuthMethod: auth.AuthMethod(call.App.AuthMethod)}
	var options []signin.Option
	if call.App.IdentityScopes != nil {
		options = append(options, signin.WithIdentityScopes(call.App.IdentityScopes...))
	}
	address, pending, err := signin.Begin(endpoint, app, "http://127.0.0.1:8976/callback", options...)
	if err != nil {
		return outcome{err: err}
	}
	authorize, err := url.Parse(address)
	if err != nil {
		return outcome{err: err}
	}
	sent := map[string]string{}
	for name := range authorize.Query() {
		sent[name] = authorize.Query().Get(name)
	}
	redirected := url.Values{}
	for name, value := range call.Redirected {
		redirected.Set(name, strings.Replace(value, "*", sent["state"], 1))
	}
	for _, drawn := range []string{"state", "code_challenge"} {
		if len(sent[drawn]) >= 43 { // 256 bits
			sent[drawn] = "*"
		}
	}
	grant, err := signin.Complete(ctx, endpoint, app, pending, redirected)
	if err != nil {
		return outcome{err: err}
	}
	path := strings.TrimPrefix(authorize.Path, conformanceBase)
	return outcome{value: map[string]any{"authorize": path, "parameters": sent, "can_renew": grant.CanRenew()}}
}
