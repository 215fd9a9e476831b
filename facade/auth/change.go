package auth

import (
	"context"
	"log/slog"
	"time"
)

// ChangeKind names what happened to a session.
type ChangeKind string

// The kinds of changes.
const (
	// ChangeRotated: the server issued new tokens, and they are saved.
	ChangeRotated ChangeKind = "rotated"
	// ChangeAdopted: tokens that were found in the store are in use here; another
	// process, or this program in an earlier life, had saved them.
	ChangeAdopted ChangeKind = "adopted"
	// ChangePending: the server issued new tokens, but the store failed to save
	// them. The access token is in use; the save is tried again. Err is the
	// store's error.
	ChangePending ChangeKind = "pending"
	// ChangeSaved: a pending save succeeded.
	ChangeSaved ChangeKind = "saved"
	// ChangeFailed: a renewal failed; Err is why. The session goes on.
	ChangeFailed ChangeKind = "failed"
	// ChangeEnded: the session is over; Err is the *ReauthError.
	ChangeEnded ChangeKind = "ended"
	// ChangeSignedIn: a person signed in, through this process.
	ChangeSignedIn ChangeKind = "signed_in"
	// ChangeForgotten: the session was deleted, through this process.
	ChangeForgotten ChangeKind = "forgotten"
)

// A Change tells an [WithOnChange] function what happened to a session. It holds
// no secret.
type Change struct {
	// Key is the session's key.
	Key string
	// Kind is what happened.
	Kind ChangeKind
	// At is when.
	At time.Time
	// ExpiresAt is the end of the access token now in use; zero if there is
	// none or its end is not known.
	ExpiresAt time.Time
	// Err is the error of a pending, failed or ended change, otherwise nil.
	Err error
}

// LogValue logs the fields.
func (c Change) LogValue() slog.Value {
	a := []slog.Attr{slog.String("key", c.Key), slog.String("change", string(c.Kind))}
	if !c.ExpiresAt.IsZero() {
		a = append(a, slog.Time("expires_at", c.ExpiresAt))
	}
	if c.Err != nil {
		a = append(a, slog.String("error", c.Err.Error()))
	}
	return slog.GroupValue(a...)
}

// log writes the change to l: losing something is a warning.
func (c Change) log(l *slog.Logger) {
	level := slog.LevelInfo
	switch c.Kind {
	case ChangeAdopted:
		level = slog.LevelDebug
	case ChangePending, ChangeFailed, ChangeEnded:
		level = slog.LevelWarn
	}
	l.LogAttrs(context.Background(), level, "session "+string(c.Kind), c.LogValue().Group()...)
}
