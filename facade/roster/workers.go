package roster

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"github.com/credkit/credkit-go/facade"
)

// Worker is one worker of the team: who it is and what they hold, or why that
// could not be read.
type Worker struct {
	// Key is the key of the worker's session; empty in the last worker of a
	// range that ended early.
	Key string
	// Me is who the session speaks for; nil if that could not be read.
	Me *facade.Me
	// Certifications are what the worker holds, in no promised order, at most
	// 10,000. With an Err they are what was read before it.
	Certifications []facade.Certification
	// Err is an [*Error] that names the worker and what to do; nil if all was
	// read. Without a Key it is an [ErrIncomplete].
	Err error
}

// NeedsSignIn reports whether the worker has to sign in (again).
func (w Worker) NeedsSignIn() bool { return w.Problem() == ProblemSignIn }

// Problem says why the worker could not be read; empty if they could.
func (w Worker) Problem() Problem {
	var e *Error
	switch {
	case w.Err == nil:
		return ""
	case errors.As(w.Err, &e):
		return e.Problem
	}
	return ProblemFailed
}

// Name returns the worker's display name, or else the e-mail address, or else
// the key.
func (w Worker) Name() string {
	switch {
	case w.Me != nil && w.Me.User.DisplayName != "":
		return w.Me.User.DisplayName
	case w.Email() != "":
		return w.Email()
	}
	return w.Key
}

// Email returns the worker's e-mail address, or "" if it is not known.
func (w Worker) Email() string {
	if w.Me == nil {
		return ""
	}
	return w.Me.User.Email
}

// Workers ranges over every session, each exactly once, and yields its worker
// as soon as it is read; see the package documentation for what it promises.
// cosmic is a client of any session: its connections, limits and options are
// shared by all.
func Workers(ctx context.Context, cosmic *facade.Cosmic, sessions Sessions, opts ...Option) iter.Seq[Worker] {
	return func(yield func(Worker) bool) {
		s, err := newSettings(opts) // Each tells of the error
		if err != nil {
			s = &settings{}
		}
		for r := range Each(ctx, cosmic, sessions, s.read, opts...) {
			r.Value.Key, r.Value.Err = r.Key, r.Err
			if !yield(r.Value) {
				return
			}
		}
	}
}

// mostCertifications bounds the memory that one worker can take: a list without
// an end is a [ProblemData].
const mostCertifications = 10_000

// read gets one worker. What it has read before an error comes with it.
func (s *settings) read(ctx context.Context, worker *facade.Cosmic, _ string) (w Worker, err error) {
	if w.Me, err = worker.Me(ctx); err != nil {
		return w, err
	}
	bad := 0
	var first error
	for cert, err := range worker.Certifications().Where(s.matches...).All(ctx) {
		var element *facade.ElementError
		switch {
		case errors.As(err, &element):
			if bad++; first == nil {
				first = err
			}
		case err != nil:
			return w, err
		case len(w.Certifications) == mostCertifications:
			return w, fmt.Errorf("the list goes on after %d certifications: %w", mostCertifications, facade.ErrInvalidResponse)
		default:
			w.Certifications = append(w.Certifications, cert)
		}
	}
	if bad > 0 {
		return w, fmt.Errorf("%d of the worker's certifications could not be read, the first: %w", bad, first)
	}
	return w, nil
}
