package facade

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/credkit/credkit-go/api/cosmic"
	"github.com/credkit/credkit-go/api/spec"
	"github.com/credkit/credkit-go/api/wire"
	"github.com/credkit/credkit-go/facade/auth"
	"github.com/credkit/credkit-go/facade/internal/transport"
)

// grant remembers which scopes a session has.
type grant struct {
	fetching chan struct{} // holds one: who has it asks the server

	mu            sync.Mutex
	known         bool
	token         auth.Token // the token whose grant this is
	scopes        []string   // under their current names
	cooldownUntil time.Time  // the grant could not be had: it is not asked for before
}

const (
	// grantTimeout bounds how long a call waits for its grant: after that the
	// server decides.
	grantTimeout = 10 * time.Second
	// grantCooldown is how long nobody asks again for a grant that could not be
	// had.
	grantCooldown = 30 * time.Second
)

func newGrant() *grant { return &grant{fetching: make(chan struct{}, 1)} }

// lock waits until nobody else asks for the grant; unlock lets the next one.
func (g *grant) lock(ctx context.Context) error {
	select {
	case g.fetching <- struct{}{}:
		return nil
	case <-ctx.Done():
		return transport.ContextError(ctx)
	}
}

func (g *grant) unlock() { <-g.fetching }

// last returns the scopes that were remembered last, of whichever token.
func (g *grant) last() (scopes []string, known bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.scopes, g.known
}

// forToken returns the scopes of token, if they are the ones remembered.
func (g *grant) forToken(token auth.Token) (scopes []string, known bool) {
	if g == nil { // the service has no scopes
		return nil, false
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.known || g.token != token {
		return nil, false
	}
	return g.scopes, true
}

// coolingDown reports whether the grant could not be had a moment ago.
func (g *grant) coolingDown() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return time.Now().Before(g.cooldownUntil)
}

func (g *grant) coolDown() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.cooldownUntil = time.Now().Add(grantCooldown)
}

func (g *grant) remember(token auth.Token, scopes []string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.known, g.token, g.scopes, g.cooldownUntil = true, token, scopes, time.Time{}
}

func (g *grant) forget() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.known, g.token, g.scopes = false, auth.Token{}, nil
}

// checkScopes checks the scopes of an operation before it is called. A
// remembered grant may let a call through; before one is refused, the grant of
// the current token is fetched. An empty grant, or none to be had, leaves it to
// the server.
func (c *client) checkScopes(ctx context.Context, id OperationID) error {
	op, ok := c.service.Operation(id)
	if c.grant == nil || c.settings.scopeCheck == CheckNever || !ok || len(op.Scopes) == 0 {
		return nil
	}
	have, known := c.grant.last()
	if known && len(missing(op.Scopes, have)) == 0 {
		return nil
	}
	have, err := c.grantFor(ctx)
	switch {
	case ctx.Err() != nil:
		err = c.failed(id, transport.ContextError(ctx))
	case err != nil:
		return nil //nolint:nilerr // without a grant the server decides
	default:
		err = c.compareScopes(id, op.Scopes, have)
	}
	if err != nil {
		c.observeUnsent(ctx, id, err)
	}
	return err
}

// compareScopes returns a *ScopeError if a scope is missing. An empty grant
// lets the server decide: it can be a first-party session.
func (c *client) compareScopes(id OperationID, need, have []string) error {
	lacks := missing(need, have)
	if len(have) == 0 || len(lacks) == 0 {
		return nil
	}
	return &ScopeError{Operation: id, SessionKey: c.session, Need: slices.Clone(need), Have: slices.Clone(have), Missing: lacks}
}

// failed is a call that was not made, for a reason that is not its own.
func (c *client) failed(id OperationID, err error) *Error {
	r := &result{client: c, call: &transport.Call{Operation: &spec.Operation{ID: id}}}
	return r.failed(err)
}

func missing(need, have []string) (lacks []string) {
	for _, scope := range need {
		if !slices.Contains(have, scope) {
			lacks = append(lacks, scope)
		}
	}
	return lacks
}

// errNoGrant says that the grant could not be had a moment ago.
var errNoGrant = errors.New("the grant could not be had")

// grantFor is currentGrant for a call that does not depend on it: it waits a
// little while, and not again soon after the grant could not be had.
func (c *client) grantFor(ctx context.Context) ([]string, error) {
	if c.grant.coolingDown() {
		return nil, errNoGrant
	}
	patient, cancel := context.WithTimeout(ctx, grantTimeout)
	defer cancel()
	if err := c.grant.lock(patient); err != nil {
		return nil, err
	}
	defer c.grant.unlock()
	if c.grant.coolingDown() { // the one before has tried
		return nil, errNoGrant
	}
	have, err := c.fetchGrant(patient)
	if err != nil && ctx.Err() == nil {
		c.grant.coolDown()
	}
	return have, err
}

// currentGrant returns the scopes of the token that would be sent now, from
// memory or from the server.
func (c *client) currentGrant(ctx context.Context) ([]string, error) {
	if err := c.usable(ctx, cosmic.OpGetMe); err != nil {
		return nil, err
	}
	if err := c.grant.lock(ctx); err != nil {
		return nil, c.failed(cosmic.OpGetMe, err)
	}
	defer c.grant.unlock()
	return c.fetchGrant(ctx)
}

// fetchGrant does the work of currentGrant; one caller at a time.
func (c *client) fetchGrant(ctx context.Context) ([]string, error) {
	token, err := c.source.Token(ctx)
	if err != nil {
		return nil, c.failed(cosmic.OpGetMe, err)
	}
	if scopes, known := c.grant.forToken(token); known {
		return scopes, nil
	}
	me, err := c.me(ctx, cosmic.OpGetMe, nil)
	if err != nil {
		return nil, err
	}
	return c.scopesOf(me), nil
}

// me asks who the token speaks for, and remembers its grant.
func (c *client) me(ctx context.Context, id OperationID, opts []CallOption) (*Me, error) {
	me := new(Me)
	r, err := c.call(ctx, id, opts, me, func(ctx context.Context, _ *callSettings) (*http.Response, error) { return c.getMe(ctx) })
	if err != nil {
		return nil, err
	}
	if me.User.ID == (UUID{}) && me.User.Email == "" && me.Scopes == nil && me.Organizations == nil &&
		me.OrganizationMemberships == nil && me.AccessibleMemberIDs == nil {
		return nil, r.unexpected(&wire.Error{Problem: "response has no user"})
	}
	c.grant.remember(r.call.Token, c.scopesOf(me))
	return me, nil
}

// scopesOf returns the scopes of a response under their current names, sorted.
func (c *client) scopesOf(me *Me) []string {
	scopes := make([]string, 0, len(me.Scopes))
	for _, name := range me.Scopes {
		scopes = append(scopes, c.service.Scope(name))
	}
	slices.Sort(scopes)
	return slices.Compact(scopes)
}

// explainForbidden gives a 403 its scopes: which were needed, which were there.
func (c *client) explainForbidden(err error, id OperationID) error {
	e, ok := err.(*Error) //nolint:errorlint // only a response's own error, not one within another
	if !ok || e.Status != http.StatusForbidden || c.grant == nil {
		return err
	}
	c.grant.forget()
	op, found := c.service.Operation(id)
	if !found {
		return err
	}
	s := &ScopeError{Operation: id, SessionKey: c.session, Need: slices.Clone(op.Scopes), Refused: true, Err: e}
	if len(e.have) > 0 {
		s.Have, s.Missing = slices.Clone(e.have), missing(op.Scopes, e.have)
	}
	return s
}
