package auth

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"
)

// A session is one key bound to one endpoint, as this process has it. It is the
// [Source] of [Sessions.Key]; refresh.go renews it.
type session struct {
	all      *Sessions
	key      string
	issuer   string
	endpoint *tokenEndpoint
	logger   *slog.Logger
	cache    tokenCache

	// pending is the successor of the stored record while it is not saved.
	pending atomic.Pointer[unsaved]
	saving  chan struct{} // has an element while somebody tries to save it
	// endedVersion is the version whose end was reported. Renewals alone touch it.
	endedVersion string

	borrowers int // under Sessions.mu: how many have it, sources of the program included
}

// unsaved is a record that the store failed to take, and the version that it
// follows.
type unsaved struct {
	record *record
	data   []byte
	from   string
	err    error
	at     time.Time
}

func newSession(all *Sessions, key string, e Endpoint) (*session, error) {
	if e.AuthorizeURL == "" {
		return nil, &ConfigError{Problem: fmt.Sprintf("%s has no sign-in for people (Endpoint.AuthorizeURL is empty), so no session", serviceName(e)), Remedy: "use ClientCredentials"}
	}
	endpoint, err := newTokenEndpoint(e, all.client)
	if err != nil {
		return nil, err
	}
	endpoint.session = key
	s := &session{all: all, key: key, issuer: endpoint.url, endpoint: endpoint, logger: all.logger, saving: make(chan struct{}, 1)}
	if s.logger == nil {
		s.logger = e.Logger
	}
	s.cache.name = fmt.Sprintf("session %q", key)
	s.cache.base = all.base
	s.cache.background = all.background
	s.cache.renew = s.renew
	s.cache.notify = func(c Change) { all.notify(s.logger, c) }
	return s, nil
}

// Token implements [Source].
func (s *session) Token(ctx context.Context) (Token, error) { return s.cache.token(ctx) }

// Renew implements [Renewer].
func (s *session) Renew(ctx context.Context, rejected Token) (Token, error) {
	return s.cache.get(ctx, rejected)
}

// String names the session, without secrets.
func (s *session) String() string { return fmt.Sprintf("auth.Session(%q)", s.key) }

// GoString is String.
func (s *session) GoString() string { return s.String() }

// SessionKey returns the session's key in the store: see [SessionKey].
func (s *session) SessionKey() string { return s.key }

// reset goes on with a record that was just saved, or with nothing.
func (s *session) reset(r *record) {
	s.pending.Store(nil)
	if r == nil || r.Issuer != s.issuer || !r.usable(time.Now()) {
		s.cache.reset(nil) // the next call reads the store
		return
	}
	s.cache.reset(s.cache.fromStore(r))
}

func (s *session) change(kind ChangeKind, t *cachedToken, err error) Change {
	c := Change{Key: s.key, Kind: kind, At: time.Now(), Err: err}
	if t != nil {
		c.ExpiresAt = t.token.Expires()
	}
	return c
}

// notifyEnded notes the end of a session, once for each end.
func (s *session) notifyEnded(ended *record, r *renewal) {
	if s.endedVersion == ended.Version {
		return
	}
	s.endedVersion = ended.Version
	r.changes = append(r.changes, s.change(ChangeEnded, nil, ended.Ended.reauth(s.key)))
}

// retrySave makes u the pending record and goes on trying to save it in the
// background.
func (s *session) retrySave(u *unsaved) {
	s.pending.Store(u)
	s.all.background.start(func(ctx context.Context) {
		for pause := newPause(); sleep(ctx, pause.NextBackOff()) && s.pending.Load() == u; {
			if s.tryFlush(ctx) {
				return
			}
		}
	})
}

// flush tries to save the pending record until it is saved or ctx ends.
func (s *session) flush(ctx context.Context) {
	for pause := newPause(); s.pending.Load() != nil; {
		if s.tryFlush(ctx) || !sleep(ctx, pause.NextBackOff()) {
			return
		}
	}
}

// tryFlush is flushPending for nobody who waits: it reports the changes.
func (s *session) tryFlush(ctx context.Context) (ok bool) {
	changes, err := s.flushPending(ctx)
	for _, c := range changes {
		s.cache.notify(c)
	}
	return err == nil
}

// flushPending tries once to save the pending record, if there is one. If the
// store has moved on, the record is dropped and what is stored is adopted.
func (s *session) flushPending(ctx context.Context) ([]Change, error) {
	if s.pending.Load() == nil {
		return nil, nil
	}
	select {
	case s.saving <- struct{}{}:
	case <-ctx.Done():
		return nil, unsavedError(s.key, fatePending, ctx.Err())
	}
	defer func() { <-s.saving }()
	u := s.pending.Load()
	if u == nil {
		return nil, nil
	}
	var do saveAction
	ctx, cancel := context.WithTimeout(ctx, lockWait)
	defer cancel()
	_, err := lockedUpdate(ctx, s.all.store, s.key, func(_ context.Context, current []byte) ([]byte, error) {
		stored, err := parseRecord(current)
		if err != nil {
			return nil, err
		}
		if do = decideSave(stored, u.from, u.record.Version); do == saveNow {
			return u.data, nil
		}
		return nil, nil
	})
	switch {
	case err != nil:
		return nil, unsavedError(s.key, fatePending, err)
	case !s.pending.CompareAndSwap(u, nil):
		return nil, nil // a sign-in came in between
	case do == saveMoved:
		s.cache.startEarly()
		return nil, nil
	}
	return []Change{s.change(ChangeSaved, s.cache.current.Load(), nil)}, nil
}
