package auth

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/oauth2"
)

// FromTokenSource makes credentials of any oauth2.TokenSource. Its Token
// method knows no context, so it runs on a goroutine of its own, one at a time
// however many callers there are, and each of them waits no longer than its
// own context. A token with an Expiry is kept until ten seconds before it; one
// without is asked for again for each request, as its source may have changed
// its mind. A source that hangs for good keeps that one goroutine.
//
// A 401 makes it ask again: a source that gives the refused token once more
// (oauth2.ReuseTokenSource does) leads to ErrRefused.
func FromTokenSource(ts oauth2.TokenSource) Credentials { return &tokenSource{ts: ts} }

// expiryMargin is how long before its end a token of a TokenSource is dropped;
// it is what oauth2.Token.Valid uses.
const expiryMargin = 10 * time.Second

type tokenSource struct {
	ts      oauth2.TokenSource
	current atomic.Pointer[Token]

	mu   sync.Mutex
	call *tokenCall
}

// tokenCall is one call of the TokenSource's Token.
type tokenCall struct {
	done  chan struct{}
	token Token
	err   error
}

// String names the kind of credentials.
func (s *tokenSource) String() string { return fmt.Sprintf("auth.FromTokenSource(%T)", s.ts) }

// GoString is String.
func (s *tokenSource) GoString() string { return s.String() }

// Source implements Credentials.
func (s *tokenSource) Source(Endpoint) (Source, error) {
	if s.ts == nil {
		return nil, &ConfigError{Problem: "FromTokenSource was given no token source", Remedy: "pass one"}
	}
	return s, nil
}

// Token implements Source.
func (s *tokenSource) Token(ctx context.Context) (Token, error) {
	if t := s.current.Load(); t != nil && time.Until(t.Expires()) > expiryMargin {
		return *t, nil
	}
	return s.ask(ctx)
}

// Renew implements Renewer.
func (s *tokenSource) Renew(ctx context.Context, rejected Token) (Token, error) {
	for range 2 { // the first may join a call that began before the token was refused
		if t := s.current.Load(); t != nil && t.value == rejected.value {
			s.current.CompareAndSwap(t, nil)
		}
		if t, err := s.Token(ctx); err != nil || t.value != rejected.value {
			return t, err
		}
	}
	return Token{}, ErrRefused
}

func (s *tokenSource) ask(ctx context.Context) (Token, error) {
	s.mu.Lock()
	c := s.call
	if c == nil {
		c = &tokenCall{done: make(chan struct{}), err: errAborted}
		s.call = c
		go s.run(c)
	}
	s.mu.Unlock()
	select {
	case <-c.done:
		return c.token, c.err
	case <-ctx.Done():
		return Token{}, waitError(ctx, s.String())
	}
}

func (s *tokenSource) run(c *tokenCall) {
	defer func() {
		s.mu.Lock()
		s.call = nil
		s.mu.Unlock()
		close(c.done)
	}()
	var t *oauth2.Token
	err := Safely("the token source", func() (err error) {
		t, err = s.ts.Token()
		return err
	})
	switch {
	case err != nil:
		c.err = fmt.Errorf("auth: the token source failed: %w", redactedError(err))
	case t == nil || t.AccessToken == "":
		c.err = &ConfigError{Problem: "the token source gave no access token", Remedy: "check the source passed to FromTokenSource"}
	case !sendable(t.AccessToken):
		c.err = &ConfigError{Problem: "the token source gave an access token with a space, a line end or another character that no token may have", Remedy: "check the source passed to FromTokenSource"}
	default:
		c.token, c.err = NewToken(t.AccessToken, t.Expiry), nil
		if !t.Expiry.IsZero() {
			s.current.Store(&c.token)
		}
	}
}

// TokenSource makes an oauth2.TokenSource of a source, for libraries that want
// one. Every call asks src, which has the cache; it waits within ctx.
func TokenSource(ctx context.Context, src Source) oauth2.TokenSource {
	return sourceTokens{ctx, src}
}

type sourceTokens struct {
	ctx context.Context
	src Source
}

// Token implements oauth2.TokenSource.
func (s sourceTokens) Token() (*oauth2.Token, error) {
	t, err := s.src.Token(s.ctx)
	if err != nil {
		return nil, err
	}
	return &oauth2.Token{AccessToken: t.Value(), TokenType: "Bearer", Expiry: t.Expires()}, nil
}
