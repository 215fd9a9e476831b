package facade

import (
	"errors"
	"fmt"
	"strings"

	"github.com/google/uuid"
)

// UUID is the type of the services' ids: 16 bytes, that of
// [github.com/google/uuid]. String writes one; [ParseUUID] reads one.
type UUID = uuid.UUID

// ParseUUID reads an id in the form 123e4567-e89b-12d3-a456-426614174000, or in
// another of RFC 9562.
func ParseUUID(s string) (UUID, error) { return uuid.Parse(s) }

// Match picks elements of a list. Lists are filtered here, while they are
// read: neither service documents a filter of its own. The zero Match picks
// nothing and is an error.
type Match[T any] struct {
	description string
	matches     func(T) bool
	err         error
}

// Matching returns a Match of the caller's own; what says in words what it
// picks, for error messages: "a certification of the night shift".
func Matching[T any](what string, matches func(T) bool) Match[T] {
	if matches == nil {
		return Match[T]{err: errors.New("Matching: the function is nil")}
	}
	return Match[T]{description: what, matches: matches}
}

func (m Match[T]) check() error {
	if m.err != nil {
		return m.err
	}
	if m.matches == nil {
		return errors.New("the Match is empty: make one with Matching")
	}
	return nil
}

// byID matches an id that is given as text.
func byID[T any](what, id string, of func(T) UUID) Match[T] {
	want, err := uuid.Parse(strings.TrimSpace(id))
	if err != nil || want == uuid.Nil {
		return Match[T]{err: fmt.Errorf("%q is not the id of %s: want a UUID", abbreviate(id), what)}
	}
	return Match[T]{description: what + " with the id " + want.String(), matches: func(v T) bool { return of(v) == want }}
}

func abbreviate(s string) string {
	const most = 64
	if len(s) > most {
		return s[:most] + "…"
	}
	return s
}
