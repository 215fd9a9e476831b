package facade

import (
	"context"
	"fmt"
	"net/http"
	"slices"

	"github.com/credkit/credkit-go/api/cosmic"
	"github.com/credkit/credkit-go/api/spec"
	"github.com/credkit/credkit-go/facade/auth"
)

// The operations of COSMIC, for [Cosmic.Require].
const (
	// GetMe is [Cosmic.Me].
	GetMe = cosmic.OpGetMe
	// ListCertifications is [Cosmic.Certifications].
	ListCertifications = cosmic.OpListCertifications
	// CreateCertification is [Cosmic.CreateCertification].
	CreateCertification = cosmic.OpCreateCertification
)

// Cosmic is a client of COSMIC for one signed-in worker. It is safe for use
// by many goroutines. [Cosmic.For] makes further ones.
type Cosmic struct {
	client *client
	api    *cosmic.Client
}

// NewCosmic makes a client. It makes no request.
func NewCosmic(credentials auth.Credentials, opts ...Option) (*Cosmic, error) {
	c, err := newClient(&cosmic.Service, credentials, opts)
	if err != nil {
		return nil, err
	}
	return newCosmic(c)
}

// newCosmic puts the transport chain below the generated client.
func newCosmic(c *client) (*Cosmic, error) {
	api, err := cosmic.NewClient(c.server, cosmic.WithHTTPClient(c.chain))
	if err != nil {
		return nil, err
	}
	c.getMe = func(ctx context.Context) (*http.Response, error) { return api.GetMe(ctx) }
	return &Cosmic{c, api}, nil
}

// CosmicEndpoint returns COSMIC's sign-in as packages auth and signin
// need it, for Begin, Complete and Login of package signin. Of the options, the
// base URL, the HTTP client and the logger matter.
func CosmicEndpoint(opts ...Option) (auth.Endpoint, error) {
	c, err := newClient(&cosmic.Service, auth.StaticToken("unused"), opts)
	if err != nil {
		return auth.Endpoint{}, err
	}
	return c.endpoint, nil
}

// For returns a client for another worker. It shares connections, limits and
// options with c.
func (c *Cosmic) For(credentials auth.Credentials) (*Cosmic, error) {
	other, err := c.client.with(credentials)
	if err != nil {
		return nil, err
	}
	return newCosmic(other)
}

// Me returns who the access token speaks for, and which scopes it has
// (getMe). An empty Scopes is also what a first-party session gets.
func (c *Cosmic) Me(ctx context.Context, opts ...CallOption) (*Me, error) {
	return c.client.me(ctx, GetMe, opts)
}

// Scopes returns the API scopes of the current access token under their
// current names, sorted; it asks the server once a token. An empty list can be
// a first-party session, which may do anything.
func (c *Cosmic) Scopes(ctx context.Context) ([]string, error) {
	scopes, err := c.client.currentScopes(ctx)
	return slices.Clone(scopes), err
}

// Require checks that the current access token has the scopes of all the
// given operations, so that a program learns at its start what it may not do.
// The error is a [*ScopeError] for the first that is not allowed. Where the
// grant cannot be had, its error comes back. An empty grant passes: it can be
// a first-party session.
func (c *Cosmic) Require(ctx context.Context, operations ...OperationID) error {
	needs := make([]*spec.Operation, len(operations))
	for i, id := range operations {
		op, ok := cosmic.Service.Operation(id)
		if !ok {
			return c.client.invalid(id, fmt.Errorf("COSMIC has no such operation; it has %v", c.Operations()))
		}
		needs[i] = op
	}
	have, err := c.client.currentScopes(ctx)
	if err != nil {
		return err
	}
	for _, op := range needs {
		if err := c.client.compareScopes(op, have); err != nil {
			return err
		}
	}
	return nil
}

// Operations returns the ids of COSMIC's operations, sorted.
func (c *Cosmic) Operations() []OperationID {
	ids := make([]OperationID, 0, len(cosmic.Service.Operations))
	for _, op := range cosmic.Service.Operations {
		ids = append(ids, op.ID)
	}
	return ids
}

// Certifications is the list of the certifications of the token's own user,
// not of an organization (listCertifications). No request is made before it
// is ranged over. No order is promised.
func (c *Cosmic) Certifications(opts ...CallOption) *List[Certification] {
	return newList[Certification](c.client, ListCertifications, opts, func(ctx context.Context, size *int32) (*http.Response, error) {
		return c.api.ListCertifications(ctx, &cosmic.ListCertificationsParams{Limit: size})
	})
}

// FindCertification returns the first certification that matches. There is no
// operation to get one: this reads the list until it is found. Without one,
// the error is [ErrNotFound].
func (c *Cosmic) FindCertification(ctx context.Context, match Match[Certification], opts ...CallOption) (*Certification, error) {
	return c.Certifications(opts...).Where(match).First(ctx)
}

// CreateCertification adds a certification to the token's own user and
// returns it as the service created it (createCertification). It is sent
// again by itself only if the service never saw it, or after a 429; so after
// any other failure look with FindCertification before trying again.
func (c *Cosmic) CreateCertification(ctx context.Context, certification CertificationCreate, opts ...CallOption) (*Certification, error) {
	var created cosmic.CertificationAnswer
	_, err := c.client.call(ctx, CreateCertification, opts, &created, func(ctx context.Context, s *callSettings) (*http.Response, error) {
		params := &cosmic.CreateCertificationParams{}
		if s.idempotencyKey != "" {
			params.IdempotencyKey = &s.idempotencyKey
		}
		return c.api.CreateCertification(ctx, params, *certification.model())
	})
	if err != nil {
		return nil, err
	}
	return (*Certification)(&created.Data), nil
}
