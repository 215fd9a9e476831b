package sandbox

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"slices"

	"github.com/credkit/credkit-go/api/cosmic"
)

// App is an OAuth client of COSMIC as its developer portal would have it.
type App struct {
	// ClientID names the app; it must not be empty.
	ClientID string
	// ClientSecret is empty for a public client.
	ClientSecret string
	// Name is what the consent page shows; empty means the client id.
	Name string
	// Authentication is how the app names itself at the token endpoint: none,
	// client_secret_basic or client_secret_post (RFC 7591 section 2). Empty
	// means none without a secret and client_secret_basic with one.
	Authentication string
	// RedirectURIs are matched exactly: https, or http on loopback. Nil means
	// [RedirectURI] alone.
	RedirectURIs []string
	// Scopes are the API scopes chosen for the app, under their current or
	// older names; nil means all, an empty list none.
	Scopes []string
}

// RedirectURI is the redirect URI of the default apps.
const RedirectURI = "http://127.0.0.1:8976/callback"

// The ways of client authentication of RFC 7591 section 2.
const (
	authNone  = "none"
	authBasic = "client_secret_basic"
	authPost  = "client_secret_post"
)

func defaultApps() []App {
	return []App{
		{ClientID: "credkit-sandbox", Name: "credkit sandbox"},
		{ClientID: "credkit-sandbox-basic", Name: "credkit sandbox (secret in a header)", ClientSecret: "sandbox-secret-basic"},
		{ClientID: "credkit-sandbox-post", Name: "credkit sandbox (secret in the form)", ClientSecret: "sandbox-secret-post", Authentication: authPost},
	}
}

func (a *App) complete() error {
	if a.ClientID == "" {
		return errors.New("an app has no client id")
	}
	if a.Name == "" {
		a.Name = a.ClientID
	}
	if a.Authentication == "" {
		a.Authentication = authNone
		if a.ClientSecret != "" {
			a.Authentication = authBasic
		}
	}
	if !slices.Contains(cosmic.Service.ClientAuthentication, a.Authentication) {
		return fmt.Errorf("app %q: %q is no client authentication of the service: %v", a.ClientID, a.Authentication, cosmic.Service.ClientAuthentication)
	}
	if (a.Authentication == authNone) != (a.ClientSecret == "") {
		return fmt.Errorf("app %q: a secret goes with client_secret_basic or client_secret_post, and they need one", a.ClientID)
	}
	if a.RedirectURIs == nil {
		a.RedirectURIs = []string{RedirectURI}
	}
	for _, raw := range a.RedirectURIs {
		u, err := url.Parse(raw)
		if err != nil || u.Host == "" || u.Fragment != "" || u.Scheme != "https" && !(u.Scheme == "http" && isLoopback(u.Hostname())) {
			return fmt.Errorf("app %q: the redirect URI %q is neither https nor http on loopback, or has a fragment", a.ClientID, raw)
		}
	}
	if a.Scopes == nil {
		a.Scopes = slices.Clone(cosmic.Service.Scopes)
	}
	return checkScopes(a.Scopes)
}

// isLoopback reports whether a host is this machine: COSMIC takes https
// elsewhere.
func isLoopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

// checkScopes finds scopes that the service does not have, under any name.
func checkScopes(scopes []string) error {
	for _, name := range scopes {
		if !slices.Contains(cosmic.Service.Scopes, cosmic.Service.Scope(name)) {
			return fmt.Errorf("%q is no API scope of %s", name, cosmic.Service.Title)
		}
	}
	return nil
}

// User is a worker who can sign in to COSMIC.
type User struct {
	// ID is a UUID; empty makes one.
	ID string
	// Email, DisplayName and Phone are what the identity scopes show.
	Email, DisplayName, Phone string
	// Certifications are this user's own rows, as [WithCertifications] takes them;
	// nil means those of the sandbox.
	Certifications [][]byte
}

func defaultUsers() []User {
	return []User{
		{ID: "3c90c3cc-0d44-4b50-8888-8dd25736052a", Email: "ada@example.com", DisplayName: "Ada Lovelace", Phone: "+15550100"},
		{ID: "7b1f0c9e-5a1d-4c3e-9d52-1f6a0e0f4b21", Email: "grace@example.com", DisplayName: "Grace Hopper", Phone: "+15550101"},
	}
}
