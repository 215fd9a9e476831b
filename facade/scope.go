package facade

import (
	"context"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/credkit/credkit-go/api/cosmic"
	"github.com/credkit/credkit-go/facade/auth"
)

// grant remembers which scopes a session has.
type grant struct {
	fetching chan struct{} // holds one: who has it asks the server

	mu     sync.Mutex
	known  bool
	token  auth.Token // the token whose grant this is
	scopes []string   // under their current names
	spared time.Time  // the grant could not be had: it is not asked for before
}

const (
	// grantPatience bounds how long a call waits for its grant: after that the
	// server decides.
	grantPatience = 10 * time.Second
	// grantPause is how long nobody asks again for a grant that could not be
	// had.
	grantPause = 30 * time.Second
)

func newGrant() *grant { return &grant{fetching: make(chan struct{}, 1)} }

// cached returns the remembered scopes, and whether they are those of token
// and not of one before it.
func (g *grant) cached(token auth.Token) (scopes []string, known, current bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.scopes, g.known, g.known && g.token == token
}

// pausing reports whether the grant could not be had a moment ago.
func (g *grant) pausing() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return time.Now().Before(g.spared)
}

func (g *grant) pause() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.spared = time.Now().Add(grantPause)
}

func (g *grant) remember(token auth.Token, scopes []string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.known, g.token, g.scopes, g.spared = true, token, scopes, time.Time{}
}

func (g *grant) forget() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.known, g.token, g.scopes = false, auth.Token{}, nil
}

// allow checks the scopes of operations before they are called. A remembered
// grant may let a call through; before one is refused, the grant of the
// current token is fetched. An empty grant, or none to be had, leaves it to
// the server.
func (c *client) allow(ctx context.Context, ids ...OperationID) error {
	if c.grant == nil || c.settings.scopeCheck == CheckNever {
		return nil
	}
	for _, id := range ids {
		op, ok := c.service.Operation(id)
		if !ok || len(op.Scopes) == 0 {
			continue
		}
		if err := c.allowOne(ctx, id, op.Scopes); err != nil {
			return err
		}
	}
	return nil
}

func (c *client) allowOne(ctx context.Context, id OperationID, need []string) error {
	have, known, _ := c.grant.cached(auth.Token{})
	if known && len(missing(need, have)) == 0 {
		return nil
	}
	if c.grant.pausing() {
		return nil // the server decides
	}
	patient, cancel := context.WithTimeout(ctx, grantPatience)
	defer cancel()
	have, err := c.currentGrant(patient)
	if err != nil {
		if ctx.Err() != nil {
			return c.failed(id, context.Cause(ctx))
		}
		c.grant.pause()
		return nil
	}
	lacks := missing(need, have)
	if len(have) == 0 || len(lacks) == 0 {
		return nil
	}
	return &ScopeError{Operation: id, Need: slices.Clone(need), Have: slices.Clone(have), Missing: lacks}
}

// failed is a call that was not made, for a reason that is not its own.
func (c *client) failed(id OperationID, err error) *Error {
	return &Error{Service: c.service.Name, Operation: id, Err: err}
}

func missing(need, have []string) (lacks []string) {
	for _, scope := range need {
		if !slices.Contains(have, scope) {
			lacks = append(lacks, scope)
		}
	}
	return lacks
}

// currentGrant returns the scopes of the token that would be sent now, from
// memory or from the server.
func (c *client) currentGrant(ctx context.Context) ([]string, error) {
	select {
	case c.grant.fetching <- struct{}{}:
		defer func() { <-c.grant.fetching }()
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	token, err := c.source.Token(ctx)
	if err != nil {
		return nil, err
	}
	if scopes, _, current := c.grant.cached(token); current {
		return scopes, nil
	}
	me, err := c.me(ctx, &callSettings{})
	if err != nil {
		return nil, err
	}
	return c.scopesOf(me), nil
}

// me asks who the token speaks for, and remembers its grant.
func (c *client) me(ctx context.Context, s *callSettings) (*Me, error) {
	before, tokenErr := c.source.Token(ctx)
	me := new(Me)
	a, err := c.value(ctx, cosmic.OpGetMe, s, cosmic.NewGetMeRequest, me)
	if err != nil {
		return nil, err
	}
	if me.User.ID == (UUID{}) && me.User.Email == "" && me.Scopes == nil && me.Organizations == nil &&
		me.OrganizationMemberships == nil && me.AccessibleMemberIDs == nil {
		return nil, a.bad(&shapeError{"it says nothing of a user"}, nil)
	}
	// The answer is that of the token that was sent, if none came between.
	if after, err := c.source.Token(ctx); err == nil && tokenErr == nil && after == before {
		c.grant.remember(after, c.scopesOf(me))
	}
	return me, nil
}

// scopesOf returns the scopes of an answer under their current names, sorted.
func (c *client) scopesOf(me *Me) []string {
	scopes := make([]string, 0, len(me.Scopes))
	for _, name := range me.Scopes {
		scopes = append(scopes, c.service.Scope(name))
	}
	slices.Sort(scopes)
	return slices.Compact(scopes)
}

// refused gives a 403 its scopes: which were needed, which were there.
func (c *client) refused(err error, id OperationID) error {
	e, ok := err.(*Error) //nolint:errorlint // only an answer's own error, not one within another
	if !ok || e.Status != http.StatusForbidden || c.grant == nil {
		return err
	}
	have, known, _ := c.grant.cached(auth.Token{})
	c.grant.forget()
	op, found := c.service.Operation(id)
	if !found {
		return err
	}
	s := &ScopeError{Operation: id, Need: slices.Clone(op.Scopes), Refused: true, Err: e}
	if known && len(have) > 0 {
		s.Have, s.Missing = slices.Clone(have), missing(op.Scopes, have)
	}
	return s
}
