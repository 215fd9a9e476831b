package facade

import (
	"fmt"
	"strings"
)

// ScopeError is a call that needs scopes which the token does not have. It
// matches [ErrForbidden].
//
// With Refused false the call was not made: the grant of the current token,
// from GET /v1/me, lacks Missing. With Refused true the server responded with 403;
// it unwraps to the [*Error] of that response, and Missing is empty if every
// scope is there, so that the reason lies elsewhere.
type ScopeError struct {
	// Operation is the call.
	Operation OperationID
	// SessionKey is the key of the session that the call was made for; empty if
	// the credentials are of no session.
	SessionKey string
	// Need are the scopes that the operation needs.
	Need []string
	// Have are the scopes of the token, under their current names; nil if
	// they are not known.
	Have []string
	// Missing are those of Need that are not in Have.
	Missing []string
	// Refused says that it was the server who refused.
	Refused bool
	// Err is the server's response where Refused is true.
	Err error
}

// Error implements error.
func (e *ScopeError) Error() string {
	operation := string(e.Operation)
	if e.SessionKey != "" {
		operation += fmt.Sprintf(" of session %q", e.SessionKey)
	}
	if !e.Refused {
		return fmt.Sprintf("%s needs the scope %s, which the sign-in does not have (it has %s): "+
			"add the scope to the app in the developer portal and sign in again; the call was not made",
			operation, strings.Join(e.Missing, " and "), joined(e.Have))
	}
	hint := "scopes do not replace membership or visibility: check what the user may see"
	switch {
	case len(e.Missing) > 0:
		hint = "the scope " + strings.Join(e.Missing, " and ") + " is missing"
	case len(e.Need) == 0:
		hint = "it needs no scope: check the account's state and what the user may see"
	case len(e.Have) == 0:
		hint = "it needs the scope " + strings.Join(e.Need, " and ") + "; whether the token has it is not known, and " + hint
	default:
		hint = "the token has the scope " + strings.Join(e.Need, " and ") + ", and " + hint
	}
	return fmt.Sprintf("the server does not allow %s: %s: %v", operation, hint, e.Err)
}

// Unwrap returns the server's response, if there was one.
func (e *ScopeError) Unwrap() error { return e.Err }

// Is reports true for ErrForbidden.
func (e *ScopeError) Is(target error) bool { return target == ErrForbidden }

func joined(scopes []string) string {
	if len(scopes) == 0 {
		return "none"
	}
	return strings.Join(scopes, ", ")
}
