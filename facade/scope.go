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

// scopeCache remembers which scopes a session has.
type scopeCache struct {
	fetching chan struct{} // holds one: who has it asks the server

	mu            sync.Mutex
	known         bool
	token         auth.Token // the token whose grant this is
	scopes        []string   // under their current names
	cooldownUntil time.Time  // the grant could not be had: it is not asked for before
}

const (
	// scopesTimeout bounds how long a call waits for its grant: after that the
	// server decides.
	scopesTimeout = 10 * time.Second
	// scopesCooldown is how long nobody asks again for a grant that could not be
	// had.
	scopesCooldown = 30 * time.Second
)

func newScopeCache() *scopeCache { return &scopeCache{fetching: make(chan struct{}, 1)} }

// lock waits until nobody else asks for the grant; unlock lets the next one.
func (g *scopeCache) lock(ctx context.Context) error {
	select {
	case g.fetching <- struct{}{}:
		return nil
	case <-ctx.Done():
		return transport.ContextError(ctx)
	}
}

func (g *scopeCache) unlock() { <-g.fetching }

// last returns the scopes that were remembered last, of whichever token.
func (g *scopeCache) last() (scopes []string, known bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.scopes, g.known
}

// forToken returns the scopes of token, if they are the ones remembered.
func (g *scopeCache) forToken(token auth.Token) (scopes []string, known bool) {
	if g == nil { // the service has no scopes
		return nil, false
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.known || g.token.Value() != token.Value() {
		return nil, false
	}
	return g.scopes, true
}

// coolingDown reports whether the grant could not be had a moment ago.
func (g *scopeCache) coolingDown() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return time.Now().Before(g.cooldownUntil)
}

func (g *scopeCache) coolDown() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.cooldownUntil = time.Now().Add(scopesCooldown)
}

func (g *scopeCache) remember(token auth.Token, scopes []string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.known, g.token, g.scopes, g.cooldownUntil = true, token, scopes, time.Time{}
}

func (g *scopeCache) forget() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.known, g.token, g.scopes = false, auth.Token{}, nil
}

// checkScopes checks the scopes of an operation before it is called. A
// remembered grant may let a call through; before one is refused, the grant of
// the current token is fetched. An empty grant, or none to be had, leaves it to
// the server.
func (c *client) checkScopes(ctx context.Context, op *spec.Operation) error {
	if c.scopes == nil || c.settings.scopeCheck == CheckNever || len(op.Scopes) == 0 {
		return nil
	}
	have, known := c.scopes.last()
	if known && len(missing(op.Scopes, have)) == 0 {
		return nil
	}
	have, err := c.patientScopes(ctx)
	switch {
	case ctx.Err() != nil:
		err = c.failed(op, transport.ContextError(ctx))
	case err != nil:
		return nil //nolint:nilerr // without a grant the server decides
	default:
		err = c.compareScopes(op, have)
	}
	if err != nil {
		c.observeUnsent(ctx, op.ID, err)
	}
	return err
}

// compareScopes returns a *ScopeError if a scope is missing. An empty grant
// lets the server decide: it can be a first-party session.
func (c *client) compareScopes(op *spec.Operation, have []string) error {
	lacks := missing(op.Scopes, have)
	if len(have) == 0 || len(lacks) == 0 {
		return nil
	}
	return &ScopeError{Operation: op.ID, SessionKey: c.session, Need: slices.Clone(op.Scopes), Have: slices.Clone(have), Missing: lacks}
}

func missing(need, have []string) (lacks []string) {
	for _, scope := range need {
		if !slices.Contains(have, scope) {
			lacks = append(lacks, scope)
		}
	}
	return lacks
}

// errNoScopes says that the scopes could not be had a moment ago.
var errNoScopes = errors.New("the scopes of the token could not be had")

// patientScopes is currentScopes for a call that does not depend on it: it waits a
// little while, and not again soon after the grant could not be had.
func (c *client) patientScopes(ctx context.Context) ([]string, error) {
	if c.scopes.coolingDown() {
		return nil, errNoScopes
	}
	patient, cancel := context.WithTimeout(ctx, scopesTimeout)
	defer cancel()
	if err := c.scopes.lock(patient); err != nil {
		return nil, err
	}
	defer c.scopes.unlock()
	if c.scopes.coolingDown() { // the one before has tried
		return nil, errNoScopes
	}
	have, err := c.fetchScopes(patient)
	var reauth *auth.ReauthError // takes no request, and a new sign-in ends it
	if err != nil && ctx.Err() == nil && !errors.As(err, &reauth) {
		c.scopes.coolDown()
	}
	return have, err
}

// whoami is the operation that tells the scopes of a token.
func (c *client) whoami() *spec.Operation {
	op, _ := c.service.Operation(cosmic.OpGetMe)
	return op
}

// currentScopes returns the scopes of the token that would be sent now, from
// memory or from the server.
func (c *client) currentScopes(ctx context.Context) ([]string, error) {
	if err := c.checkUsable(ctx, cosmic.OpGetMe); err != nil {
		return nil, err
	}
	if err := c.scopes.lock(ctx); err != nil {
		return nil, c.failed(c.whoami(), err)
	}
	defer c.scopes.unlock()
	return c.fetchScopes(ctx)
}

// fetchScopes does the work of currentScopes; one caller at a time.
func (c *client) fetchScopes(ctx context.Context) ([]string, error) {
	token, err := c.source.Token(ctx)
	if err != nil {
		return nil, c.failed(c.whoami(), err)
	}
	if scopes, known := c.scopes.forToken(token); known {
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
	r, err := c.call(ctx, id, opts, me.model(), func(ctx context.Context, _ *callSettings) (*http.Response, error) { return c.getMe(ctx) })
	if err != nil {
		return nil, err
	}
	if me.User.ID == (UUID{}) && me.User.Email == "" && me.Scopes == nil && me.Organizations == nil &&
		me.OrganizationMemberships == nil && me.AccessibleMemberIDs == nil {
		return nil, r.failed(&wire.Error{Problem: "response has no user"})
	}
	c.scopes.remember(r.call.Token, c.scopesOf(me))
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
func (c *client) explainForbidden(err error, op *spec.Operation) error {
	e, ok := err.(*Error) //nolint:errorlint // only a response's own error, not one within another
	if !ok || e.Status != http.StatusForbidden || c.scopes == nil {
		return err
	}
	c.scopes.forget()
	s := &ScopeError{Operation: op.ID, SessionKey: c.session, Need: slices.Clone(op.Scopes), Refused: true, Err: e}
	if len(e.have) > 0 {
		s.Have, s.Missing = slices.Clone(e.have), missing(op.Scopes, e.have)
	}
	return s
}
