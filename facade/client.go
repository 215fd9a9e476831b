package facade

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/credkit/credkit-go/api/spec"
	"github.com/credkit/credkit-go/facade/auth"
	"github.com/credkit/credkit-go/facade/internal/safehttp"
	"github.com/credkit/credkit-go/facade/internal/transport"
)

// OperationID names an operation as openapi.yaml does.
type OperationID = spec.OperationID

// client is what both services have in common.
type client struct {
	service  *spec.Service
	settings settings
	server   string // the base URL with a slash at its end, for the generated client
	endpoint auth.Endpoint
	http     *http.Client // with the middleware around its transport
	limiter  *transport.RateLimiter
	budget   *transport.Budget

	source  auth.Source
	session string // the key of the session that source is of; empty if it is of none
	chain   transport.Handler
	scopes  *scopeCache                                   // nil where the service has no scopes
	getMe   func(context.Context) (*http.Response, error) // by this client's chain; nil where there are no scopes
}

func newClient(service *spec.Service, credentials auth.Credentials, opts []Option) (*client, error) {
	s := defaults()
	if err := WithBaseURL(service.Servers["production"])(&s); err != nil {
		return nil, err
	}
	for _, opt := range opts {
		if opt == nil {
			continue
		}
		if err := opt(&s); err != nil {
			return nil, fmt.Errorf("facade: %s client: %w", service.Title, err)
		}
	}
	wrapped, err := transport.Wrapped(s.httpClient, s.middleware)
	if err != nil {
		return nil, fmt.Errorf("facade: %s client: WithMiddleware: %w", service.Title, err)
	}
	base := s.base.String()
	c := &client{service: service, settings: s, server: base + "/", http: wrapped, limiter: s.limits(service), budget: transport.NewBudget(s.retry.Budget)}
	c.endpoint = auth.Endpoint{
		Service:        service.Name,
		Origin:         safehttp.Origin(s.base),
		TokenURL:       base + service.TokenPath,
		IdentityScopes: slices.Clone(service.IdentityScopes),
		HTTPClient:     s.httpClient,
		UserAgent:      s.userAgent,
		Logger:         s.logger,
		Observe:        s.observeTokens(service),
	}
	for _, method := range service.ClientAuthentication {
		c.endpoint.ClientAuthentication = append(c.endpoint.ClientAuthentication, auth.AuthMethod(method))
	}
	if service.AuthorizePath != "" {
		c.endpoint.AuthorizeURL = base + service.AuthorizePath
	}
	if service.LogoutPath != "" {
		c.endpoint.LogoutURL = base + service.LogoutPath
	}
	return c.with(credentials)
}

// with returns a client for other credentials that shares everything else.
func (c *client) with(credentials auth.Credentials) (*client, error) {
	if c == nil {
		return nil, errors.New("facade: For: this client is empty: make it with NewCosmic or NewCertn")
	}
	if credentials == nil {
		return nil, fmt.Errorf("facade: %s client: the credentials are nil", c.service.Title)
	}
	source, err := credentials.Source(c.endpoint)
	if err != nil {
		return nil, fmt.Errorf("facade: %s client: %w", c.service.Title, err)
	}
	other := *c
	other.getMe = nil // it goes by c's chain
	other.source, other.session = source, auth.SessionKey(source)
	other.chain = transport.New(transport.Config{
		Service:          c.service.Name,
		Session:          other.session,
		Origin:           c.endpoint.Origin,
		Source:           source,
		HTTPClient:       c.http,
		Limiter:          c.limiter,
		Retry:            transport.RetryPolicy(c.settings.retry),
		Budget:           c.budget,
		MaxResponseBytes: c.settings.maxObject,
		UserAgent:        c.settings.userAgent,
		Logger:           c.settings.logger,
		Observe:          other.observeCalls(),
	})
	if len(c.service.Scopes) > 0 {
		other.scopes = newScopeCache()
	}
	return &other, nil
}
