package facade

import (
	"context"
	"net/http"

	"github.com/credkit/credkit-go/api/certn"
	"github.com/credkit/credkit-go/facade/auth"
)

// ListUsers is the operation of [Certn.Users].
const ListUsers = certn.OpListUsers

// Certn is a client of Certn's partner API, version 1. It is safe for use by
// many goroutines. It keeps the documented rate limits by itself, for one key
// in one process: use one client, or [Certn.For], for one key.
//
// The service is reported as retired since 2026-08-05; a 410 becomes
// [ErrRetired]. Private and compatible deployments remain: see [WithBaseURL].
type Certn struct {
	client *client
	api    *certn.Client
}

// NewCertn makes a client. It makes no request.
func NewCertn(credentials auth.Credentials, opts ...Option) (*Certn, error) {
	c, err := newClient(&certn.Service, credentials, opts)
	if err != nil {
		return nil, err
	}
	return newCertn(c)
}

// newCertn puts the transport chain below the generated client.
func newCertn(c *client) (*Certn, error) {
	api, err := certn.NewClient(c.server, certn.WithHTTPClient(c.chain))
	if err != nil {
		return nil, err
	}
	return &Certn{c, api}, nil
}

// For returns a client with other credentials. It shares connections, limits
// and options with c.
func (c *Certn) For(credentials auth.Credentials) (*Certn, error) {
	other, err := c.client.with(credentials)
	if err != nil {
		return nil, err
	}
	return newCertn(other)
}

// Users is the list of the users of the partner account (listUsers). No
// request is made before it is ranged over. No order is promised.
func (c *Certn) Users(opts ...CallOption) *List[User] {
	return newList[User](c.client, ListUsers, opts, func(ctx context.Context, size *int32) (*http.Response, error) {
		return c.api.ListUsers(ctx, &certn.ListUsersParams{PageSize: size})
	})
}

// FindUser returns the first user that matches: see [ByID] and [ByEmail].
// There is no operation to get one: this reads the list until it is found.
// Without one, the error is [ErrNotFound].
func (c *Certn) FindUser(ctx context.Context, match Match[User], opts ...CallOption) (*User, error) {
	return c.Users(opts...).Where(match).First(ctx)
}
