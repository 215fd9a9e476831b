package sandbox

import (
	"cmp"
	"context"
	"crypto/hmac"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"
)

// Codes of refused refreshes. The first four, and ValidationFailed, end the
// session.
const (
	// AlreadyUsed: the refresh token was used before, and is not forgiven.
	AlreadyUsed = "refresh_token_already_used"
	// TokenNotFound: there is no such refresh token, or its session was signed out.
	TokenNotFound = "refresh_token_not_found"
	// SessionNotFound: there is no such session.
	SessionNotFound = "session_not_found"
	// SessionExpired: the session ended by age, by inactivity or by a newer
	// sign-in; the message tells which.
	SessionExpired = "session_expired"
	// ValidationFailed: the token is ahead of the server, whose database was
	// restored ([Sandbox.Restore], algorithm 2).
	ValidationFailed = "validation_failed"
	// UserBanned: the user may not refresh now; the session lives on.
	UserBanned = "user_banned"
	// Conflict: another refresh holds the session. Nothing was rotated.
	Conflict = "conflict"
)

// refusal is why a refresh is refused: a code, and the message with it.
type refusal struct{ code, message string }

const invalidToken = "Invalid Refresh Token: "

var (
	alreadyUsed     = &refusal{AlreadyUsed, invalidToken + "Already Used"}
	tokenNotFound   = &refusal{TokenNotFound, invalidToken + "Refresh Token Not Found"}
	sessionNotFound = &refusal{SessionNotFound, invalidToken + "No Valid Session Found"}
	endedByAge      = &refusal{SessionExpired, invalidToken + "Session Expired"}
	endedByIdle     = &refusal{SessionExpired, invalidToken + "Session Expired (Inactivity)"}
	endedBySignIn   = &refusal{SessionExpired, invalidToken + "Session Expired (Revoked by Newer Login)"}
	notIssuedHere   = &refusal{ValidationFailed, invalidToken + "Not Issued By This Server"}
	userBanned      = &refusal{UserBanned, invalidToken + "User Banned"}
	wrongClient     = &refusal{"invalid_credentials", "Invalid client credentials"}
	sessionBusy     = &refusal{Conflict, "Too many concurrent token refresh requests on the same session or refresh token"}
)

// session is one sign-in with its refresh tokens.
type session struct {
	number   uint64
	app      *App
	user     *User
	scopes   []string // API scopes of its own; nil means the app's
	identity []string // identity scopes
	began    time.Time
	row      chan struct{} // held by the request that refreshes; see hold

	// Guarded by grants.mu.
	state sessionState
}

// sessionState is what changes of a session, and what a backup has of it.
type sessionState struct {
	algorithm int // of its current refresh token: 1 or 2
	// tokens are those of algorithm 1, oldest first.
	tokens []token
	// current is the number of the newest refresh token: of algorithm 1 unique in
	// the sandbox, of algorithm 2 the session's counter.
	current   uint64
	refreshed time.Time // the last refresh, or the sign-in
	upgraded  time.Time // from algorithm 1 to 2, zero if it was not
	rotations int
	ended     *refusal // what its tokens get; nil while it lives
}

// token is a refresh token of algorithm 1.
type token struct {
	number, parent uint64
	used           time.Time // zero while it is active
}

func (f *session) id() string { return uuidOf(mix(f.number, 0xfa311e)) }

// find returns the token of a number, nil if there is none.
func (t *sessionState) find(number uint64) *token {
	i, ok := slices.BinarySearchFunc(t.tokens, number, func(t token, n uint64) int { return cmp.Compare(t.number, n) })
	if !ok {
		return nil
	}
	return &t.tokens[i]
}

// grants are what has been granted: consents under way, codes, sessions.
type grants struct {
	mu       sync.Mutex
	pending  map[string]*consent // by request id
	codes    map[string]*code
	sessions map[uint64]*session
	banned   map[string]bool // by user id
	last     uint64          // session number
	tokens   uint64          // the last number of a token of algorithm 1
	upgrade  bool
}

func (g *grants) init() {
	g.pending, g.codes, g.sessions, g.banned = map[string]*consent{}, map[string]*code{}, map[uint64]*session{}, map[string]bool{}
}

// startSession starts a session, and ends the user's others if only one is allowed.
func (s *Sandbox) startSession(f *session) *session {
	g := &s.grants
	g.mu.Lock()
	defer g.mu.Unlock()
	if s.set.singleSession {
		for _, other := range g.sessions {
			if other.user == f.user && other.state.ended == nil {
				other.state.ended = endedBySignIn
			}
		}
	}
	g.last++
	f.number, f.began, f.row = g.last, time.Now(), make(chan struct{}, 1)
	f.state = sessionState{algorithm: s.set.algorithm, refreshed: f.began}
	if g.upgrade {
		f.state.algorithm = 2
	}
	if f.state.algorithm == 1 {
		g.issue(&f.state, 0)
	}
	g.sessions[f.number] = f
	s.log.count(func(c *Counters) { c.SignIns++ })
	return f
}

// firstToken is the refresh token of a new session.
func (s *Sandbox) firstToken(f *session) string {
	s.grants.mu.Lock()
	defer s.grants.mu.Unlock()
	return s.refreshToken(f, f.state.algorithm, f.state.current)
}

// issue adds a token of algorithm 1, the child of another.
func (g *grants) issue(t *sessionState, parent uint64) {
	g.tokens++
	t.tokens = append(t.tokens, token{number: g.tokens, parent: parent})
	t.current = g.tokens
}

// refreshToken writes the refresh token of a number. It is opaque to clients;
// here it says by itself whose it is.
func (s *Sandbox) refreshToken(f *session, algorithm int, number uint64) string {
	b := binary.BigEndian.AppendUint64(nil, f.number)
	b = binary.BigEndian.AppendUint64(b, number)
	b = append(b, byte(algorithm))
	return encoding.EncodeToString(append(b, s.mac("refresh" + string(b))[:16]...))
}

// readRefreshToken is the inverse of refreshToken.
func (s *Sandbox) readRefreshToken(token string) (f *session, algorithm int, number uint64, ok bool) {
	b, err := encoding.DecodeString(token)
	if err != nil || len(b) != 33 || !hmac.Equal(b[17:], s.mac("refresh" + string(b[:17]))[:16]) {
		return nil, 0, 0, false
	}
	s.grants.mu.Lock()
	defer s.grants.mu.Unlock()
	f, ok = s.grants.sessions[binary.BigEndian.Uint64(b)]
	return f, int(b[16]), binary.BigEndian.Uint64(b[8:]), ok
}

// lockWait is how long a refresh waits for another one of the same session.
const lockWait = 5 * time.Second

// hold locks the row of a session, as a database transaction would. It reports
// false if another request has held it for too long, or ctx is over.
func (f *session) hold(ctx context.Context) bool {
	t := time.NewTimer(lockWait)
	defer t.Stop()
	select {
	case f.row <- struct{}{}:
		return true
	case <-t.C:
	case <-ctx.Done():
	}
	return false
}

func (f *session) release() { <-f.row }

// rotation is the result of a good refresh: the refresh token to respond with.
type rotation struct {
	algorithm int
	number    uint64
	forgiven  bool
}

// rotate uses a refresh token. The rules of both algorithms:
//
//   - The current token makes a child, which is then the current one.
//   - The direct parent of the current token is forgiven at any time: the response
//     has the current one again. Not so the parent at an upgrade to algorithm 2.
//   - A token that was used within the reuse interval is forgiven as well.
//     Algorithm 1 makes another child of it, so that the family branches and two
//     tokens are current; algorithm 2 responds with the current one.
//   - Any other token that was used ends the session.
//   - A token that a restored database does not know is not found in algorithm 1,
//     and not issued here in algorithm 2.
func (s *Sandbox) rotate(f *session, algorithm int, number uint64) (rotation, *refusal) {
	s.grants.mu.Lock()
	defer s.grants.mu.Unlock()
	now, t := time.Now(), &f.state
	switch {
	case s.grants.banned[f.user.ID]:
		return rotation{}, userBanned
	case t.ended != nil:
	case s.set.timeBox > 0 && now.Sub(f.began) >= s.set.timeBox:
		t.ended = endedByAge
	case s.set.inactivity > 0 && now.Sub(t.refreshed) >= s.set.inactivity:
		t.ended = endedByIdle
	}
	if t.ended != nil {
		s.log.count(func(c *Counters) { c.ReplaysRefused++ })
		return rotation{}, t.ended
	}
	var use string
	switch {
	case algorithm == 1 && t.algorithm == 1:
		use = s.useRow(t, number, now)
	case algorithm == 1:
		use = within(t.upgraded, s.set.reuseInterval, now)
	default:
		use = s.useCounter(t, number, now)
	}
	s.log.count(func(c *Counters) {
		switch use {
		case rotated:
			c.Rotations++
		case branched:
			c.Rotations++
			c.Branched++
		case forgiven:
			c.Forgiven++
		case tooOld:
			c.FamiliesRevoked++
		}
		if use == tooOld || use == unknownToken {
			c.ReplaysRefused++
		} else {
			c.Refreshes++
		}
	})
	switch use {
	case unknownToken:
		if algorithm == 1 {
			return rotation{}, tokenNotFound
		}
		return rotation{}, notIssuedHere
	case tooOld:
		t.ended = alreadyUsed
		return rotation{}, t.ended
	case rotated, branched:
		t.rotations++
		t.refreshed = now
	case forgiven, unrotated:
		t.refreshed = now
	}
	return rotation{t.algorithm, t.current, use == forgiven}, nil
}

// What the use of a refresh token does.
const (
	rotated      = "rotated"   // it was the current one, and has a child now
	unrotated    = "unrotated" // it was the current one, and stays so
	branched     = "branched"  // it was used within the reuse interval, and has another child now
	forgiven     = "forgiven"  // the current one again
	tooOld       = "too old"
	unknownToken = "unknown token"
)

// useRow uses a token of a session of algorithm 1.
func (s *Sandbox) useRow(t *sessionState, number uint64, now time.Time) string {
	at := t.find(number)
	if at == nil {
		return unknownToken
	}
	if at.used.IsZero() {
		if !s.set.rotate {
			return unrotated
		}
		at.used = now
		if s.grants.upgrade {
			t.algorithm, t.tokens, t.current, t.upgraded = 2, nil, 0, now
		} else {
			s.grants.issue(t, number)
		}
		return rotated
	}
	if t.find(t.current).parent == number && s.set.forgiveParent {
		return forgiven
	}
	if within(at.used, s.set.reuseInterval, now) == forgiven {
		s.grants.issue(t, number)
		return branched
	}
	return tooOld
}

// useCounter uses a token of a session of algorithm 2.
func (s *Sandbox) useCounter(t *sessionState, number uint64, now time.Time) string {
	switch {
	case number > t.current:
		return unknownToken
	case number == t.current && !s.set.rotate:
		return unrotated
	case number == t.current:
		t.current++
		return rotated
	case number+1 == t.current && s.set.forgiveParent:
		return forgiven
	}
	return within(t.refreshed, s.set.reuseInterval, now)
}

// within forgives what is not longer ago than the interval.
func within(used time.Time, interval time.Duration, now time.Time) string {
	if interval > 0 && now.Sub(used) <= interval {
		return forgiven
	}
	return tooOld
}

// Session is one sign-in as the server sees it.
type Session struct {
	// ID is the session_id of its access tokens.
	ID string
	// ClientID and User name whose it is.
	ClientID, User string
	// Algorithm is that of its current refresh token, 1 or 2.
	Algorithm int
	// Rotations counts how often its refresh token has rotated.
	Rotations int
	// Refreshed is the time of its last refresh, or of the sign-in.
	Refreshed time.Time
	// Ended is the code that its refresh tokens get; empty while it lives.
	Ended string
}

// Sessions returns all sessions, oldest first.
func (s *Sandbox) Sessions() []Session {
	s.grants.mu.Lock()
	defer s.grants.mu.Unlock()
	var out []Session
	for _, number := range slices.Sorted(maps.Keys(s.grants.sessions)) {
		f := s.grants.sessions[number]
		one := Session{ID: f.id(), ClientID: f.app.ClientID, User: f.user.ID, Algorithm: f.state.algorithm, Rotations: f.state.rotations, Refreshed: f.state.refreshed}
		if f.state.ended != nil {
			one.Ended = f.state.ended.code
		}
		out = append(out, one)
	}
	return out
}

// EndSession ends a session with a code such as [SessionNotFound]: its
// refresh tokens get that code from now on. Access tokens stay good to their
// end. The error is about an unknown session or an empty code.
func (s *Sandbox) EndSession(id, code string) error {
	if code == "" {
		return fmt.Errorf("sandbox: ending a session needs a code, such as %s", SessionNotFound)
	}
	ended := &refusal{code, invalidToken + code}
	for _, known := range []*refusal{alreadyUsed, tokenNotFound, sessionNotFound, endedByAge, notIssuedHere} {
		if known.code == code {
			ended = known
		}
	}
	s.grants.mu.Lock()
	defer s.grants.mu.Unlock()
	f := s.grants.session(id)
	if f == nil {
		return unknown("session", id)
	}
	f.state.ended = ended
	return nil
}

// session finds a session by its id, nil if there is none. The caller holds mu.
func (g *grants) session(id string) *session {
	for _, f := range g.sessions {
		if f.id() == id {
			return f
		}
	}
	return nil
}

// Ban has refreshes of a user, by id or e-mail address, refused with the code
// [UserBanned] until [Sandbox.Unban]; sessions live on. The error is about an
// unknown user.
func (s *Sandbox) Ban(user string) error { return s.ban(user, true) }

// Unban ends [Sandbox.Ban].
func (s *Sandbox) Unban(user string) error { return s.ban(user, false) }

func (s *Sandbox) ban(name string, banned bool) error {
	user, ok := s.user(name)
	if !ok {
		return unknown("user", name)
	}
	s.grants.mu.Lock()
	defer s.grants.mu.Unlock()
	s.grants.banned[user.ID] = banned
	return nil
}

// UpgradeAtNextRefresh has each session of algorithm 1 move to algorithm 2 when
// its current refresh token is used from now on, and new sessions begin with
// algorithm 2. At that one rotation the parent is forgiven within the reuse
// interval alone.
func (s *Sandbox) UpgradeAtNextRefresh() {
	s.grants.mu.Lock()
	defer s.grants.mu.Unlock()
	s.grants.upgrade = true
}

// Backup is a copy of the sessions, for [Sandbox.Restore].
type Backup struct{ sessions map[uint64]sessionState }

// Backup copies the sessions.
func (s *Sandbox) Backup() Backup {
	s.grants.mu.Lock()
	defer s.grants.mu.Unlock()
	b := Backup{map[uint64]sessionState{}}
	for number, f := range s.grants.sessions {
		b.sessions[number] = f.state.clone()
	}
	return b
}

// Restore puts the sessions back as they were at a backup: what was signed in
// since is gone, and refresh tokens issued since are ahead of the server.
func (s *Sandbox) Restore(b Backup) {
	s.grants.mu.Lock()
	defer s.grants.mu.Unlock()
	for number, f := range s.grants.sessions {
		state, ok := b.sessions[number]
		if !ok {
			delete(s.grants.sessions, number)
			continue
		}
		f.state = state.clone()
	}
}

func (t sessionState) clone() sessionState {
	t.tokens = slices.Clone(t.tokens)
	return t
}

func unknown(what, name string) error { return fmt.Errorf("sandbox: there is no %s %q", what, name) }
