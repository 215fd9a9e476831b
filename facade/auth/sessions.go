package auth

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/credkit/credkit-go/facade/auth/internal/keylock"
)

// Sessions keeps any number of people signed in to one app. What it knows of
// them is in a [Store], which any number of processes may share: they refresh
// one at a time and adopt what another has saved.
//
// Close it before the program ends.
type Sessions struct {
	store  Store
	client client
	logger *slog.Logger // nil: each endpoint's own
	onEach []func(Change)
	base   time.Time
	id     string // of this process, in marks of failures

	background *background
	stop       context.CancelFunc // ends background.quit
	abort      context.Context    // ends when requests in flight are to be cut
	kill       context.CancelFunc

	counters counters

	replacing keylock.Set // held by sign-ins and sign-outs of a key

	mu sync.Mutex
	// open has the sessions in use by key, and those of one key by endpoint,
	// apart from its logger: whoever binds a key to the same endpoint shares
	// one session.
	open map[string]map[endpointID]*session
}

// A SessionsOption changes what [NewSessions] makes. Nil changes nothing.
type SessionsOption func(*Sessions) error

// WithOnChange calls f after every change of any session. f runs outside of all
// locks, possibly on several goroutines at once and so in another order than
// the changes happened (Change.At has that), and [Sessions.Close] waits for
// it: it must return, and must not call Close. A panic of f is logged, with its
// stack, and ends nothing.
func WithOnChange(f func(Change)) SessionsOption {
	return func(s *Sessions) error {
		if f == nil {
			return &ConfigError{Problem: "WithOnChange was given no function", Remedy: "leave the option out"}
		}
		s.onEach = append(s.onEach, f)
		return nil
	}
}

// WithLogger logs every change to l instead of the endpoints' own loggers, which
// nil leaves in place. Rotations are Info, adoptions Debug, failures, pending saves and ends Warn.
func WithLogger(l *slog.Logger) SessionsOption {
	return func(s *Sessions) error { s.logger = l; return nil }
}

// NewSessions keeps sessions of app in store. The error, a *ConfigError, is
// about the app or an option.
func NewSessions(store Store, app App, opts ...SessionsOption) (*Sessions, error) {
	if store == nil {
		return nil, &ConfigError{Problem: "NewSessions was given no store", Remedy: "pass filestore.New, pgstore.New or NewMemoryStore"}
	}
	c, err := app.client()
	if err != nil {
		return nil, err
	}
	s := &Sessions{store: store, client: c, base: time.Now(), id: newVersion(), open: map[string]map[endpointID]*session{}}
	for _, o := range opts {
		if o == nil {
			continue
		}
		if err := o(s); err != nil {
			return nil, err
		}
	}
	quit, stop := context.WithCancel(context.Background())
	s.background, s.stop = &background{quit: quit}, stop
	s.abort, s.kill = context.WithCancel(context.Background())
	return s, nil
}

// String names the sessions' app, without secrets.
func (s *Sessions) String() string { return fmt.Sprintf("auth.Sessions(%q)", s.client.id) }

// GoString is String.
func (s *Sessions) GoString() string { return s.String() }

// Key returns the credentials of the session under key, which need not exist
// yet: until somebody signs in under it, its source returns a *ReauthError. Any
// non-empty key will do; a worker's id, say. The sources implement [Renewer].
// A key that was used takes about 2 KB of memory for as long as s is in use.
func (s *Sessions) Key(key string) Credentials { return sessionCredentials{s, key} }

type sessionCredentials struct {
	sessions *Sessions
	key      string
}

// String names the session.
func (c sessionCredentials) String() string { return fmt.Sprintf("auth.Session(%q)", c.key) }

// GoString is String.
func (c sessionCredentials) GoString() string { return c.String() }

// Source implements Credentials.
func (c sessionCredentials) Source(e Endpoint) (Source, error) {
	if c.key == "" {
		return nil, &ConfigError{Problem: "a session needs a key", Remedy: "name it in Sessions.Key"}
	}
	return c.sessions.borrow(c.key, e) // and never given back
}

// borrow returns the one session of key and e. giveBack forgets it with its last
// borrower: a sweep must not keep every session of the store in memory.
func (s *Sessions) borrow(key string, e Endpoint) (*session, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	same := e.id()
	o := s.open[key][same]
	if o == nil {
		var err error
		if o, err = newSession(s, key, e); err != nil {
			return nil, err
		}
		if s.open[key] == nil {
			s.open[key] = map[endpointID]*session{}
		}
		s.open[key][same] = o
	}
	o.borrowers++
	return o, nil
}

// giveBack keeps a session that has something to save: [Sessions.Close] has to
// know it.
func (s *Sessions) giveBack(o *session, e Endpoint) {
	s.mu.Lock()
	defer s.mu.Unlock()
	o.borrowers--
	if o.borrowers > 0 || o.pending.Load() != nil {
		return
	}
	delete(s.open[o.key], e.id())
	if len(s.open[o.key]) == 0 {
		delete(s.open, o.key)
	}
}

// openUnder returns the sessions under key that this process has in use.
func (s *Sessions) openUnder(key string) []*session {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Collect(maps.Values(s.open[key]))
}

// loggerOf returns where changes of key are logged that no session made: to the
// logger of the sessions, or else to that of an endpoint that key is in use at.
func (s *Sessions) loggerOf(key string) *slog.Logger {
	if s.logger != nil {
		return s.logger
	}
	for _, o := range s.openUnder(key) {
		if o.logger != nil {
			return o.logger
		}
	}
	return nil
}

// SignIn saves what a sign-in brought under key, in place of whatever was
// there. Sessions under key go on with it: here at once, in other processes
// within about a second of their next need (a minute, where the token endpoint
// does not accept the client or has banned the user). ctx bounds waiting for the key's
// lock. After a *StoreError the grant is still good: call SignIn again. Save a
// grant under one key alone: two would use each other's refresh tokens up.
func (s *Sessions) SignIn(ctx context.Context, key string, g Grant) error {
	if key == "" {
		return &ConfigError{Problem: "a session needs a key", Remedy: "give SignIn a key that is not empty"}
	}
	r := g.record()
	if r == nil {
		return &ConfigError{Problem: "the grant is empty", Remedy: "pass what Complete or Login returned"}
	}
	if r.ClientID != s.client.id {
		return &ConfigError{Problem: fmt.Sprintf("the grant was issued to the app %q, these sessions are of %q", r.ClientID, s.client.id), Remedy: "sign in with the sessions' app"}
	}
	data, err := r.encode()
	if err != nil {
		return unsavedError(key, fateSignedIn, err)
	}
	if err := s.switchTo(ctx, key, data, r); err != nil {
		return unsavedError(key, fateSignedIn, err)
	}
	s.notify(s.loggerOf(key), Change{Key: key, Kind: ChangeSignedIn, At: time.Now(), ExpiresAt: r.ExpiresAt})
	return nil
}

// CheckStore reports whether a sign-in could be saved under key: it locks the
// key, reads the record, and lets the store make sure that it can be written
// to, as far as the store can tell. Ask before a person is sent to sign in: what
// the store refuses afterwards is lost. The error is a *StoreError; with
// [ErrCorruptRecord] in its chain, [Sessions.Forget] makes room for a sign-in.
func (s *Sessions) CheckStore(ctx context.Context, key string) error {
	if key == "" {
		return &ConfigError{Problem: "a session needs a key", Remedy: "give CheckStore a key that is not empty"}
	}
	if _, err := lockedUpdate(ctx, s.store, key, func(context.Context, []byte) ([]byte, error) { return nil, nil }); err != nil {
		return storeError("lock", key, err)
	}
	return nil
}

// Forget deletes what the store has under key. It is a local sign-out: COSMIC
// documents no way to revoke a session, so tokens that somebody copied live
// on to their end. Other processes may use an access token they hold to its
// end. Forgetting what does not exist is no error. A record that does not open
// (damaged, encrypted with a lost key) is deleted as well, if the store is a
// [Deleter], as those of this module are.
func (s *Sessions) Forget(ctx context.Context, key string) error {
	if err := s.switchTo(ctx, key, []byte{}, nil); err != nil {
		return storeError("delete", key, err)
	}
	s.notify(s.loggerOf(key), Change{Key: key, Kind: ChangeForgotten, At: time.Now()})
	return nil
}

// switchTo saves data, which is r encoded (nil: none), and lets the sessions of
// this process go on with it. It is one step: of a sign-in and a sign-out at
// the same time, the later one in the store is the later one here.
func (s *Sessions) switchTo(ctx context.Context, key string, data []byte, r *record) error {
	unlock, err := s.replacing.Lock(ctx, key)
	if err != nil {
		return err
	}
	defer unlock()
	if err := s.replace(ctx, key, data); err != nil {
		return err
	}
	for _, o := range s.openUnder(key) {
		o.reset(r)
	}
	return nil
}

func (s *Sessions) replace(ctx context.Context, key string, data []byte) error {
	if len(data) == 0 {
		return deleteRecord(ctx, s.store, key)
	}
	_, err := lockedUpdate(ctx, s.store, key, func(context.Context, []byte) ([]byte, error) { return data, nil })
	return err
}

// Keys walks the keys of all sessions in the store, in no promised order; the
// keys of [WithTokenStore] are among them if it has the same store. An error, a
// *StoreError, is yielded with an empty key and ends the walk.
func (s *Sessions) Keys(ctx context.Context) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for key, err := range safeWalk(ctx, s.store.Keys) {
			if err != nil {
				yield("", storeError("list", "", err))
				return
			}
			if !yield(key, nil) {
				return
			}
		}
	}
}

// Close starts nothing new, waits for token requests in flight, and for
// pending saves, and leaves no goroutine. Access tokens at hand are still
// handed out to their end; what would need a request returns [ErrClosed]. If
// ctx ends first, requests are cut and its error comes back at once, together
// with a *StoreError for every session whose last tokens could not be saved.
// A second call waits as well.
func (s *Sessions) Close(ctx context.Context) error {
	s.background.close()
	s.stop()
	defer s.kill()
	var saves background
	s.flush(ctx, &saves)
	if err := s.background.wait(ctx); err != nil {
		return errors.Join(append([]error{fmt.Errorf("auth: closing sessions: token requests were still in flight: %w", err)}, s.unsaved()...)...)
	}
	s.flush(ctx, &saves) // what requests in flight have left
	_ = saves.wait(ctx)  // what is not saved by then is told of
	return errors.Join(s.unsaved()...)
}

// flush begins to save what is pending, all sessions at once: one that
// cannot be saved, or a request in flight, takes no time from the others.
func (s *Sessions) flush(ctx context.Context, saves *background) {
	for _, o := range s.allOpen() {
		if o.pending.Load() != nil {
			saves.start(func(context.Context) { o.flush(ctx) })
		}
	}
}

func (s *Sessions) allOpen() []*session {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []*session
	for _, one := range s.open {
		all = slices.AppendSeq(all, maps.Values(one))
	}
	return all
}

func (s *Sessions) unsaved() []error {
	var errs []error
	for _, o := range s.allOpen() {
		if p := o.pending.Load(); p != nil {
			errs = append(errs, unsavedError(o.key, fateUnsaved, p.err))
		}
	}
	return errs
}

// notify logs a change and passes it on. A panic of a function, or of the
// logger's handler, keeps nothing else from happening; it is logged where the
// change is, or by slog's default, since nobody waits for it.
func (s *Sessions) notify(l *slog.Logger, c Change) {
	s.counters.count(c)
	report := func(what string, f func()) {
		err := Safely(what, func() error {
			f()
			return nil
		})
		if err == nil {
			return
		}
		to := l
		if to == nil || what == "a logger" {
			to = slog.Default()
		}
		to.Error("session "+string(c.Kind)+": "+err.Error(), slog.String("key", c.Key), slog.Any("panic", err))
	}
	if l != nil {
		report("a logger", func() { c.log(l) })
	}
	for _, f := range s.onEach {
		report("a WithOnChange function", func() { f(c) })
	}
}
