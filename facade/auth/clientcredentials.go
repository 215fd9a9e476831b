package auth

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"sync"
	"time"
)

// ClientCredentials returns credentials of an app that acts for itself (RFC
// 6749 section 4.4): id and secret go to the token endpoint as HTTP Basic, and
// nowhere else. Tokens are renewed before they end, in the background, by one
// request however many callers there are; the sources implement [Renewer].
// What is wrong with the arguments comes as a *ConfigError when the
// credentials are bound.
func ClientCredentials(id, secret string, opts ...ClientCredentialsOption) Credentials {
	c := &clientCredentials{app: client{id: id, secret: newSecret(secret), method: AuthBasic}, bound: map[endpointID]*clientSource{}}
	switch {
	case id == "":
		c.err = &ConfigError{Problem: "client credentials have no client id", Remedy: "pass it to ClientCredentials"}
	case secret == "":
		c.err = &ConfigError{Problem: fmt.Sprintf("the client credentials of %q have no secret", id), Remedy: "pass it to ClientCredentials"}
	}
	for _, o := range opts {
		if err := o(c); err != nil && c.err == nil {
			c.err = err
		}
	}
	return c
}

// A ClientCredentialsOption changes what [ClientCredentials] makes.
type ClientCredentialsOption func(*clientCredentials) error

// WithTokenStore shares the access token with every process that uses the
// same store and key: they hold one token, not one each. If the store fails,
// a process asks for a token of its own and goes on.
func WithTokenStore(store Store, key string) ClientCredentialsOption {
	return func(c *clientCredentials) error {
		if store == nil || key == "" {
			return &ConfigError{Problem: "WithTokenStore needs a store and a key", Remedy: "pass both or leave the option out"}
		}
		c.store, c.key = store, key
		return nil
	}
}

type clientCredentials struct {
	app   client
	store Store // nil: tokens stay in this process
	key   string
	err   error

	mu    sync.Mutex
	bound map[endpointID]*clientSource
}

// String names the client, without its secret.
func (c *clientCredentials) String() string {
	return fmt.Sprintf("auth.ClientCredentials(%q)", c.app.id)
}

// GoString is String.
func (c *clientCredentials) GoString() string { return c.String() }

// Source implements Credentials. The same endpoint gives the same source.
func (c *clientCredentials) Source(e Endpoint) (Source, error) {
	if c.err != nil {
		return nil, c.err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	same := e.id()
	if s := c.bound[same]; s != nil {
		return s, nil
	}
	if e.AuthorizeURL != "" {
		return nil, &ConfigError{Problem: fmt.Sprintf("an app cannot act for itself at %s (Endpoint.AuthorizeURL is set): a person has to sign in", serviceName(e)), Remedy: "use Sessions.Key"}
	}
	p, err := newPoster(e, c.app)
	if err != nil {
		return nil, err
	}
	s := &clientSource{poster: p, store: c.store, key: c.key, logger: e.Logger}
	if s.logger == nil {
		s.logger = slog.New(slog.DiscardHandler)
	}
	s.keeper.what = fmt.Sprintf("client %q", c.app.id)
	s.keeper.base = time.Now()
	s.keeper.tasks = &tasks{}
	s.keeper.fetch = s.renew
	c.bound[same] = s
	return s, nil
}

// A clientSource is client credentials bound to one endpoint.
type clientSource struct {
	keeper
	poster *poster
	store  Store
	key    string
	logger *slog.Logger
}

// String names the client, without its secret.
func (s *clientSource) String() string {
	return fmt.Sprintf("auth.ClientCredentials(%q)", s.poster.client.id)
}

// GoString is String.
func (s *clientSource) GoString() string { return s.String() }

// renew is one flight.
func (s *clientSource) renew(ctx context.Context, f *flight) (*lease, error) {
	l, err := persist(ctx, f.early, func(ctx context.Context) (*lease, error) {
		switch {
		case s.store != nil:
			return s.shared(ctx, f)
		case f.spared:
			return nil, ErrRefused
		}
		return s.request(ctx, f)
	})
	var te *TokenError
	switch {
	case err == nil:
		s.logger.LogAttrs(ctx, slog.LevelInfo, "access token at hand", slog.String("client_id", s.poster.client.id), slog.Time("expires_at", l.token.Expires()))
		return l, nil
	case errors.As(err, &te) && (te.outcome == misconfigured || te.outcome == dead):
		err = &ConfigError{Problem: fmt.Sprintf("the token endpoint does not accept the client %q", s.poster.client.id), Err: te, Remedy: "check client id and secret, and that they belong to this base URL"}
	}
	if !errors.Is(err, errBusy) && !isFinal(err) {
		s.logger.LogAttrs(ctx, slog.LevelWarn, "no access token", slog.String("client_id", s.poster.client.id), slog.String("error", err.Error()))
	}
	return nil, err
}

// request asks for a token that this process keeps to itself.
func (s *clientSource) request(ctx context.Context, f *flight) (*lease, error) {
	r, asked, err := s.ask(ctx, f.rejected != "")
	if err != nil {
		return nil, err
	}
	return s.issued(r, asked), nil
}

func (s *clientSource) ask(ctx context.Context, refused bool) (*record, time.Duration, error) {
	asked, wall := s.now(), time.Now()
	a, te := s.poster.post(ctx, "client_credentials", url.Values{})
	if te != nil {
		return nil, 0, te
	}
	cause := causeExpiry
	if refused {
		cause = causeRefused
	}
	a.refresh = "" // RFC 6749 section 4.4.3; asking again is how this one renews
	r := issue(kindClient, s.poster.url, s.poster.client.id, cause, a, wall)
	if r.AccessToken == "" {
		return nil, 0, &TokenError{URL: s.poster.url, Grant: "client_credentials", Status: 200, Problem: "the answer holds no access token that can be used", outcome: rejected}
	}
	return r, asked, nil
}

// shared looks for the token in the store, and asks for one under the key's
// lock if there is none that will do. A store that fails costs the sharing,
// not the token.
func (s *clientSource) shared(ctx context.Context, f *flight) (*lease, error) {
	v := view{kind: kindClient, issuer: s.poster.url, clientID: s.poster.client.id, held: f.held, rejected: f.rejected, now: time.Now()}
	data, err := load(ctx, s.store, s.key)
	if err != nil {
		return s.alone(ctx, f, storeError("load", s.key, err))
	}
	r, err := parseRecord(data)
	if err != nil {
		return s.alone(ctx, f, storeError("load", s.key, err))
	}
	switch {
	case decide(r, v) == actAdopt:
		return s.adopted(r), nil
	case f.spared:
		return nil, ErrRefused
	}
	wait := lockWait
	if f.early {
		wait = earlyLockWait
	}
	lockCtx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	var l *lease
	var own error // of this process, not of the store
	ran := false
	err = update(lockCtx, s.store, s.key, func(ctx context.Context, current []byte) ([]byte, error) {
		if ran {
			return nil, errContract
		}
		ran = true
		r, err := parseRecord(current)
		if err != nil {
			return nil, err
		}
		v.now = time.Now()
		switch decide(r, v) {
		case actAdopt:
			l = s.adopted(r)
			return nil, nil
		case actForeign:
			own = foreign(s.key, r, v)
			return nil, own
		}
		next, asked, err := s.ask(ctx, r != nil && r.AccessToken == f.rejected)
		if err != nil {
			own = err
			return nil, own
		}
		l = s.issued(next, asked)
		return next.encode()
	})
	switch {
	case own != nil:
		return nil, own
	case l != nil && err != nil:
		s.logger.LogAttrs(ctx, slog.LevelWarn, "access token not shared", slog.String("error", storeError("save", s.key, err).Error()))
		return l, nil
	case l != nil:
		return l, nil
	case !ran && f.early && lockCtx.Err() != nil:
		return nil, errBusy
	case err == nil:
		err = errContract
	}
	return s.alone(ctx, f, storeError("lock", s.key, err))
}

// alone asks for a token of this process's own because the store failed.
func (s *clientSource) alone(ctx context.Context, f *flight, why error) (*lease, error) {
	if f.spared {
		return nil, ErrRefused
	}
	s.logger.LogAttrs(ctx, slog.LevelWarn, "access token not shared", slog.String("error", why.Error()))
	return s.request(ctx, f)
}
