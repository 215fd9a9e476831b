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
		if o == nil {
			continue
		}
		if err := o(c); err != nil && c.err == nil {
			c.err = err
		}
	}
	return c
}

// A ClientCredentialsOption changes what [ClientCredentials] makes. Nil
// changes nothing.
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
	endpoint, err := newTokenEndpoint(e, c.app)
	if err != nil {
		return nil, err
	}
	s := &clientSource{endpoint: endpoint, store: c.store, key: c.key, logger: e.Logger}
	if s.logger == nil {
		s.logger = slog.New(slog.DiscardHandler)
	}
	s.cache.name = fmt.Sprintf("client %q", c.app.id)
	s.cache.base = time.Now()
	s.cache.background = &background{}
	s.cache.renew = s.renew
	c.bound[same] = s
	return s, nil
}

// A clientSource is client credentials bound to one endpoint.
type clientSource struct {
	endpoint *tokenEndpoint
	store    Store
	key      string
	logger   *slog.Logger
	cache    tokenCache
}

// Token implements [Source].
func (s *clientSource) Token(ctx context.Context) (Token, error) { return s.cache.token(ctx) }

// Renew implements [Renewer].
func (s *clientSource) Renew(ctx context.Context, rejected Token) (Token, error) {
	return s.cache.get(ctx, rejected)
}

// String names the client, without its secret.
func (s *clientSource) String() string {
	return fmt.Sprintf("auth.ClientCredentials(%q)", s.endpoint.client.id)
}

// GoString is String.
func (s *clientSource) GoString() string { return s.String() }

// renew is one renewal: attempts, and pauses between them.
func (s *clientSource) renew(ctx context.Context, r *renewal) (*cachedToken, error) {
	t, err := retryRenewal(ctx, r.early, func(ctx context.Context) (*cachedToken, error) {
		switch {
		case s.store != nil:
			return s.shared(ctx, r)
		case r.cooling:
			return nil, ErrRefused
		}
		return s.private(ctx, r)
	})
	var te *TokenError
	switch {
	case err == nil:
		s.logger.LogAttrs(ctx, slog.LevelInfo, "access token received", slog.String("client_id", s.endpoint.client.id), slog.Time("expires_at", t.token.Expires()))
		return t, nil
	case errors.As(err, &te) && (te.outcome == misconfigured || te.outcome == dead):
		err = &ConfigError{Problem: fmt.Sprintf("the token endpoint does not accept the client %q", s.endpoint.client.id), Err: te, Remedy: "check client id and secret, and that they belong to this base URL"}
	}
	if !errors.Is(err, errBusy) && !isFinal(err) {
		s.logger.LogAttrs(ctx, slog.LevelWarn, "no access token", slog.String("client_id", s.endpoint.client.id), slog.String("error", err.Error()))
	}
	return nil, err
}

// private requests a token that this process alone uses.
func (s *clientSource) private(ctx context.Context, r *renewal) (*cachedToken, error) {
	issued, requested, err := s.request(ctx, r.rejected != "")
	if err != nil {
		return nil, err
	}
	return s.cache.fromResponse(issued, requested), nil
}

func (s *clientSource) request(ctx context.Context, refused bool) (*record, time.Duration, error) {
	requested, wall := s.cache.now(), time.Now()
	granted, te := s.endpoint.request(ctx, "client_credentials", url.Values{})
	if te != nil {
		return nil, 0, te
	}
	cause := causeExpiry
	if refused {
		cause = causeRefused
	}
	granted.refresh = "" // RFC 6749 section 4.4.3: none should be issued, and none is needed
	r := issue(kindClient, s.endpoint.url, s.endpoint.client.id, cause, granted, wall)
	if r.AccessToken == "" {
		return nil, 0, &TokenError{URL: s.endpoint.url, Grant: "client_credentials", Status: 200, Problem: "the response holds no access token that can be used", outcome: rejected}
	}
	return r, requested, nil
}

// shared looks for the token in the store, and requests one under the key's
// lock if the stored one cannot be used. A store that fails costs the sharing,
// not the token.
func (s *clientSource) shared(ctx context.Context, r *renewal) (*cachedToken, error) {
	v := view{kind: kindClient, issuer: s.endpoint.url, clientID: s.endpoint.client.id, held: r.held, rejected: r.rejected, now: time.Now()}
	stored, err := loadRecord(ctx, s.store, s.key)
	if err != nil {
		return s.unshared(ctx, r, err)
	}
	switch {
	case decide(stored, v) == actAdopt:
		return s.cache.fromStore(stored), nil
	case r.cooling:
		return nil, ErrRefused
	}
	lockCtx, cancel := context.WithTimeout(ctx, r.lockWait())
	defer cancel()
	var t *cachedToken
	var own error // of the request, not of the store
	locked, err := lockedUpdate(lockCtx, s.store, s.key, func(ctx context.Context, current []byte) ([]byte, error) {
		stored, err := parseRecord(current)
		if err != nil {
			return nil, err
		}
		v.now = time.Now()
		switch decide(stored, v) {
		case actAdopt:
			t = s.cache.fromStore(stored)
			return nil, nil
		case actForeign:
			own = foreign(s.key, stored, v)
			return nil, own
		}
		next, requested, err := s.request(ctx, stored != nil && r.rejected != "" && stored.AccessToken == r.rejected)
		if err != nil {
			own = err
			return nil, own
		}
		t = s.cache.fromResponse(next, requested)
		return next.encode()
	})
	switch {
	case own != nil:
		return nil, own
	case t != nil && err != nil:
		s.logger.LogAttrs(ctx, slog.LevelWarn, "access token not shared", slog.String("error", storeError("save", s.key, err).Error()))
		return t, nil
	case t != nil:
		return t, nil
	case !locked && r.early && lockCtx.Err() != nil:
		return nil, errBusy
	}
	return s.unshared(ctx, r, storeError("lock", s.key, err))
}

// unshared requests a token for this process alone because the store failed.
func (s *clientSource) unshared(ctx context.Context, r *renewal, why error) (*cachedToken, error) {
	if r.cooling {
		return nil, ErrRefused
	}
	s.logger.LogAttrs(ctx, slog.LevelWarn, "access token not shared", slog.String("error", why.Error()))
	return s.private(ctx, r)
}
