package auth

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"
)

// A session is one key bound to one endpoint, as this process has it: a
// keeper of the current access token, whose renewals are in refresh.go.
type session struct {
	keeper
	all    *Sessions
	key    string
	issuer string
	poster *poster
	logger *slog.Logger

	// pending is the successor of the stored record while it is not saved.
	pending atomic.Pointer[unsaved]
	saving  chan struct{} // held by who tries to save it
	// endTold is the version whose end was told of. Flights alone touch it.
	endTold string
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
	p, err := newPoster(e, all.client)
	if err != nil {
		return nil, err
	}
	s := &session{all: all, key: key, issuer: p.url, poster: p, logger: all.logger, saving: make(chan struct{}, 1)}
	if s.logger == nil {
		s.logger = e.Logger
	}
	s.keeper.what = fmt.Sprintf("session %q", key)
	s.keeper.base = all.base
	s.keeper.tasks = all.tasks
	s.keeper.fetch = s.refresh
	s.keeper.tell = func(c Change) { all.tell(s.logger, c) }
	return s, nil
}

// String names the session, without secrets.
func (s *session) String() string { return fmt.Sprintf("auth.Session(%q)", s.key) }

// GoString is String.
func (s *session) GoString() string { return s.String() }

// SessionKey returns the session's key in the store: see [SessionKey].
func (s *session) SessionKey() string { return s.key }

// restart goes on with a record that was just saved, or with nothing.
func (s *session) restart(r *record) {
	s.pending.Store(nil)
	if r == nil || r.Issuer != s.issuer || !r.usable(time.Now()) {
		s.reset(nil) // the next need finds out what is stored
		return
	}
	s.reset(s.adopted(r))
}

func (s *session) change(kind ChangeKind, l *lease, err error) Change {
	c := Change{Key: s.key, Kind: kind, At: time.Now(), Err: err}
	if l != nil {
		c.ExpiresAt = l.token.Expires()
	}
	return c
}

// keep holds on to a record that the store failed to take, and goes on trying
// to save it.
func (s *session) keep(u *unsaved) {
	s.pending.Store(u)
	s.tasks.start(func(quit context.Context) {
		for pause := newPause(); ; {
			if !sleep(quit, pause.NextBackOff()) {
				return // Close takes over
			}
			if s.pending.Load() != u {
				return
			}
			changes, err := s.settle(quit)
			for _, c := range changes {
				s.tell(c)
			}
			if err == nil {
				return
			}
		}
	})
}

// settle tries once to save the pending record, if there is one. If the store
// has moved on, the record is dropped and what is stored is adopted.
func (s *session) settle(ctx context.Context) ([]Change, error) {
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
	var verdict saveAction
	fault := errContract // until f has run
	ctx, cancel := context.WithTimeout(ctx, lockWait)
	defer cancel()
	err := update(ctx, s.all.store, s.key, func(_ context.Context, current []byte) ([]byte, error) {
		var stored *record
		if stored, fault = parseRecord(current); fault != nil {
			return nil, fault
		}
		if verdict = decideSave(stored, u.from, u.record.Version); verdict == saveNow {
			return u.data, nil
		}
		return nil, nil
	})
	if err == nil {
		err = fault // the store has kept quiet about it
	}
	if err != nil {
		return nil, unsavedError(s.key, fatePending, err)
	}
	if !s.pending.CompareAndSwap(u, nil) {
		return nil, nil // a sign-in came in between
	}
	if verdict == saveMoved {
		s.kick()
		return nil, nil
	}
	return []Change{s.change(ChangeSaved, s.current.Load(), nil)}, nil
}

// saveAtLast tries to save the pending record until it is saved or ctx ends.
func (s *session) saveAtLast(ctx context.Context) {
	for pause := newPause(); s.pending.Load() != nil; {
		changes, err := s.settle(ctx)
		for _, c := range changes {
			s.tell(c)
		}
		if err == nil || !sleep(ctx, pause.NextBackOff()) {
			return
		}
	}
}

// over answers for a session that has ended: its access token to its end,
// then the error.
func (s *session) over(r *record, rejected string) (*lease, error) {
	if r.usable(time.Now()) && r.AccessToken != rejected {
		return s.adopted(r), nil
	}
	return nil, r.Ended.reauth(s.key)
}

// failure turns the error of a flight into what callers get.
func (s *session) failure(err error) error {
	var te *TokenError
	if errors.As(err, &te) && te.outcome == misconfigured {
		return &ConfigError{Problem: fmt.Sprintf("the sign-in service does not accept the app %q", s.all.client.id), Err: te,
			Remedy: s.all.client.remedy() + "; the session is kept"}
	}
	return err
}
