package sandbox

import (
	"cmp"
	"crypto/hmac"
	"encoding/binary"
	"fmt"
	"slices"
	"sync"
	"time"
)

// family is a session: the chain of refresh tokens that began with one
// sign-in, of which one is current.
type family struct {
	number   uint64
	app      *App
	user     *User
	scopes   []string // API scopes of its own; nil means the app's
	identity []string // identity scopes
	began    time.Time

	// Guarded by grants.mu.
	generation uint64 // of the current refresh token
	ended      string // the error code that its tokens get; empty while it lives
}

func (f *family) id() string { return uuidOf(mix(f.number, 0xfa311e)) }

// Codes of a dead session, as the second error shape has them.
const (
	// AlreadyUsed says that a refresh token was used before.
	AlreadyUsed = "refresh_token_already_used"
	// TokenNotFound says that there is no such refresh token.
	TokenNotFound = "refresh_token_not_found"
	// SessionNotFound says that there is no such session.
	SessionNotFound = "session_not_found"
	// SessionExpired says that the session has come to its end.
	SessionExpired = "session_expired"
)

// grants are what has been granted: consents under way, codes, sessions.
type grants struct {
	mu       sync.Mutex
	pending  map[string]*consent // by request id
	codes    map[string]*code
	families map[uint64]*family
	last     uint64
}

func (g *grants) init() {
	g.pending, g.codes, g.families = map[string]*consent{}, map[string]*code{}, map[uint64]*family{}
}

// begin starts a session.
func (g *grants) begin(f *family) *family {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.last++
	f.number, f.began = g.last, time.Now()
	g.families[f.number] = f
	return f
}

// refreshToken writes the refresh token of one generation of a family. It is
// opaque to clients; here it says by itself which one it is, so that a replay
// of any age is known without keeping a list.
func (s *Sandbox) refreshToken(f *family, generation uint64) string {
	b := binary.BigEndian.AppendUint64(nil, f.number)
	b = binary.BigEndian.AppendUint64(b, generation)
	return encoding.EncodeToString(append(b, s.mac("refresh" + string(b))[:16]...))
}

// familyOf reads a refresh token.
func (s *Sandbox) familyOf(token string) (f *family, generation uint64, ok bool) {
	b, err := encoding.DecodeString(token)
	if err != nil || len(b) != 32 || !hmac.Equal(b[16:], s.mac("refresh" + string(b[:16]))[:16]) {
		return nil, 0, false
	}
	s.grants.mu.Lock()
	defer s.grants.mu.Unlock()
	f, ok = s.grants.families[binary.BigEndian.Uint64(b)]
	return f, binary.BigEndian.Uint64(b[8:]), ok
}

// rotate uses a refresh token of generation g and returns the generation of
// the one to answer with, or the code of the refusal. The rules:
//
//   - The current token makes a child, which is then the current one.
//   - The direct parent of the current token is forgiven: the current one is
//     answered again, and stays current, as often as that takes.
//   - Anything older ends the session: the current token dies with it.
func (s *Sandbox) rotate(f *family, g uint64) (generation uint64, refused string) {
	s.grants.mu.Lock()
	defer s.grants.mu.Unlock()
	if life := s.set.sessionLifetime; f.ended == "" && life > 0 && time.Since(f.began) >= life {
		f.ended = SessionExpired
	}
	count := func(change func(c *Counters)) { s.log.count(change) }
	switch {
	case f.ended != "":
		count(func(c *Counters) { c.ReplaysRefused++ })
		return 0, f.ended
	case g == f.generation && !s.set.rotate:
		count(func(c *Counters) { c.Refreshes++ })
	case g == f.generation:
		f.generation++
		count(func(c *Counters) { c.Refreshes++; c.Rotations++ })
	case g+1 == f.generation && s.set.forgiveParent:
		count(func(c *Counters) { c.Refreshes++; c.Forgiven++ })
	default:
		f.ended = AlreadyUsed
		count(func(c *Counters) { c.ReplaysRefused++; c.FamiliesRevoked++ })
		return 0, f.ended
	}
	return f.generation, ""
}

// Session is one sign-in as the server sees it.
type Session struct {
	// ID is the session_id of its access tokens.
	ID string
	// ClientID and User name whose it is.
	ClientID, User string
	// Rotations counts how often its refresh token has rotated.
	Rotations int
	// Ended is the code that its refresh tokens get; empty while it lives.
	Ended string
}

// Sessions returns all sessions, oldest first.
func (s *Sandbox) Sessions() []Session {
	s.grants.mu.Lock()
	defer s.grants.mu.Unlock()
	families := make([]*family, 0, len(s.grants.families))
	for _, f := range s.grants.families {
		families = append(families, f)
	}
	slices.SortFunc(families, func(a, b *family) int { return cmp.Compare(a.number, b.number) })
	out := make([]Session, len(families))
	for i, f := range families {
		out[i] = Session{ID: f.id(), ClientID: f.app.ClientID, User: f.user.ID, Rotations: int(f.generation), Ended: f.ended}
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
	s.grants.mu.Lock()
	defer s.grants.mu.Unlock()
	for _, f := range s.grants.families {
		if f.id() == id {
			f.ended = code
			return nil
		}
	}
	return unknown("session", id)
}

func unknown(what, name string) error { return fmt.Errorf("sandbox: there is no %s %q", what, name) }
