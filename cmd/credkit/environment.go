package main

import "github.com/credkit/credkit-go/facade"

// The environment variables. Only the command reads them, never the library.
const (
	envCosmicBase   = "COSMIC_BASE_URL"      // default: the public service
	envCosmicID     = "COSMIC_CLIENT_ID"     // the app's client id
	envCosmicSecret = "COSMIC_CLIENT_SECRET" // only of an app that has one
	envCosmicAuth   = "COSMIC_CLIENT_AUTH"   // how the app is registered: client_secret_basic or client_secret_post
	envCosmicToken  = "COSMIC_ACCESS_TOKEN"  // used as it is, never refreshed
	envCertnBase    = "CERTN_BASE_URL"       // default: the public service
	envCertnID      = "CERTN_CLIENT_ID"
	envCertnSecret  = "CERTN_CLIENT_SECRET"
	envStore        = "CREDKIT_STORE"   // a directory, or a connection string of PostgreSQL
	envSession      = "CREDKIT_SESSION" // the key in the store
)

// setting returns a variable's value, or what is taken when it is not set.
func (p *program) setting(name, otherwise string) string {
	if value := p.env(name); value != "" {
		return value
	}
	return otherwise
}

// required returns a variable's value, or an error that says what it is.
func (p *program) required(name, what string) (string, error) {
	value := p.env(name)
	if value == "" {
		return "", usagef("%s is not set: it is %s\n  to try without an account: credkit demo, or credkit sandbox", name, what)
	}
	return value, nil
}

func (p *program) sessionKey() string { return p.setting(envSession, "default") }
func (p *program) cosmicBase() string { return p.setting(envCosmicBase, facade.CosmicURL) }
func (p *program) certnBase() string  { return p.setting(envCertnBase, facade.CertnURL) }
