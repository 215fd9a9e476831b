package main

import (
	"context"
	"errors"

	"github.com/credkit/credkit-go/facade"
	"github.com/credkit/credkit-go/facade/auth"
)

// options are those of both clients.
func (p *program) options(base string, more ...facade.Option) []facade.Option {
	opts := []facade.Option{facade.WithBaseURL(base), facade.WithUserAgent("credkit/" + facade.Version)}
	if p.logger != nil {
		opts = append(opts, facade.WithLogger(p.logger))
	}
	return append(opts, more...)
}

// cosmic returns a client of the session, or of the access token in the environment.
func (p *program) cosmic(ctx context.Context, more ...facade.Option) (*facade.Cosmic, error) {
	if _, err := p.cosmicEndpoint(); err != nil {
		return nil, err
	}
	credentials, err := p.cosmicCredentials(ctx)
	if err != nil {
		return nil, err
	}
	return facade.NewCosmic(credentials, p.options(p.cosmicBase(), more...)...)
}

func (p *program) cosmicCredentials(ctx context.Context) (auth.Credentials, error) {
	if token := p.env(envCosmicToken); token != "" {
		if p.session != "" {
			return nil, usagef("--session: %s is set, and calls would use that token: unset it", envCosmicToken)
		}
		return auth.StaticToken(token), nil
	}
	sessions, _, err := p.sessions(ctx)
	if err != nil {
		return nil, err
	}
	return sessions.Key(p.sessionKey()), nil
}

// cosmicEndpoint is COSMIC's sign-in at the base URL in the environment.
func (p *program) cosmicEndpoint() (auth.Endpoint, error) {
	endpoint, err := facade.CosmicEndpoint(p.options(p.cosmicBase())...)
	if err != nil {
		return endpoint, baseURLError(envCosmicBase, err)
	}
	return endpoint, nil
}

// app is the OAuth app in the environment.
func (p *program) app() (auth.App, error) {
	id, err := p.requireEnv(envCosmicID, "the client id of your app in COSMIC's developer portal")
	if err != nil {
		return auth.App{}, err
	}
	app := auth.App{ClientID: id, ClientSecret: p.env(envCosmicSecret), AuthMethod: auth.AuthMethod(p.env(envCosmicAuth))}
	switch {
	case app.AuthMethod == "":
	case app.AuthMethod != auth.AuthBasic && app.AuthMethod != auth.AuthPost:
		return auth.App{}, usagef("%s=%s: want %s, which is the default, or %s", envCosmicAuth, app.AuthMethod, auth.AuthBasic, auth.AuthPost)
	case app.ClientSecret == "":
		return auth.App{}, usagef("%s is set to %s and %s is not set: set the secret, or unset the method of an app that has none", envCosmicAuth, app.AuthMethod, envCosmicSecret)
	}
	return app, nil
}

// sessions opens the store and the sessions in it, to be closed when the
// command is done.
func (p *program) sessions(ctx context.Context) (*auth.Sessions, *sessionStore, error) {
	app, err := p.app()
	if err != nil {
		return nil, nil, err
	}
	return p.sessionsFor(ctx, app)
}

// storedSessions opens the store for what makes no request, and so needs no client
// id.
func (p *program) storedSessions(ctx context.Context) (*auth.Sessions, *sessionStore, error) {
	return p.sessionsFor(ctx, auth.App{ClientID: p.envOr(envCosmicID, "none")})
}

func (p *program) sessionsFor(ctx context.Context, app auth.App) (*auth.Sessions, *sessionStore, error) {
	store, err := p.openStore(ctx)
	if err != nil {
		return nil, nil, err
	}
	var opts []auth.SessionsOption
	if p.logger != nil {
		opts = append(opts, auth.WithLogger(p.logger))
	}
	sessions, err := auth.NewSessions(store.Store, app, opts...)
	if err != nil {
		return nil, nil, err
	}
	p.onClose(sessions.Close)
	return sessions, store, nil
}

// certn returns a client of the key pair in the environment.
func (p *program) certn(more ...facade.Option) (*facade.Certn, error) {
	id, err := p.requireEnv(envCertnID, "the client id of your Certn account's API key")
	if err != nil {
		return nil, err
	}
	secret, err := p.requireEnv(envCertnSecret, "the client secret of your Certn account's API key")
	if err != nil {
		return nil, err
	}
	client, err := facade.NewCertn(auth.ClientCredentials(id, secret), p.options(p.certnBase(), more...)...)
	if err != nil {
		return nil, baseURLError(envCertnBase, err)
	}
	return client, nil
}

// baseURLError is a client's error about its base URL, with the name of the
// variable in place of the client's.
func baseURLError(variable string, err error) error {
	if inner := errors.Unwrap(err); inner != nil {
		err = inner
	}
	return usagef("%s: %w", variable, err)
}
