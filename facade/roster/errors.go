package roster

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/credkit/credkit-go/facade"
	"github.com/credkit/credkit-go/facade/auth"
)

// ErrIncomplete is in the chain of the last error of a range that did not see
// every session. The cause is in the chain as well.
var ErrIncomplete = errors.New("the roster is incomplete")

// Problem says in one word why a worker could not be read, and so what to do.
type Problem string

// The problems.
const (
	// ProblemSignIn: nobody is signed in under the key, or the session has
	// ended. The worker has to sign in.
	ProblemSignIn Problem = "sign_in"
	// ProblemScope: the sign-in does not have a scope that the call needs.
	ProblemScope Problem = "scope"
	// ProblemForbidden: the service refuses although the sign-in is good and
	// the scopes are there, or may be: a matter of membership or visibility.
	ProblemForbidden Problem = "forbidden"
	// ProblemRateLimited: the service says that there are too many requests,
	// for longer than the client waits.
	ProblemRateLimited Problem = "rate_limited"
	// ProblemTimeout: the worker was not read within [WithTimeout].
	ProblemTimeout Problem = "timeout"
	// ProblemConfig: the app's credentials cannot work as they are configured.
	ProblemConfig Problem = "config"
	// ProblemStore: the store could not read or save the session.
	ProblemStore Problem = "store"
	// ProblemData: the service's response is not what it should be. What could
	// be read of the worker is there.
	ProblemData Problem = "data"
	// ProblemFailed: anything else, a 503 or a broken connection for example.
	ProblemFailed Problem = "failed"
)

// Remedy says what to do about the problem, in a short sentence without a
// full stop.
func (p Problem) Remedy() string {
	switch p {
	case ProblemSignIn:
		return "ask this worker to sign in again"
	case ProblemScope:
		return "add the scope to the app in the developer portal, and ask this worker to sign in again"
	case ProblemForbidden:
		return "check this worker's account, membership and visibility at the service"
	case ProblemRateLimited:
		return "run again later, or with fewer at a time"
	case ProblemTimeout:
		return "run again, or allow more time for each worker"
	case ProblemConfig:
		return "check the client id, its secret and the base URL"
	case ProblemStore:
		return "check the session store"
	case ProblemData:
		return "report it to the service: run credkit drift with this session to see what differs"
	default:
		return "run again later"
	}
}

// Error is why one worker could not be read. It unwraps to the cause: an
// error of package facade or auth, for example.
type Error struct {
	// Key is the worker's session key.
	Key string
	// Problem is what is wrong.
	Problem Problem
	// Err is the cause.
	Err error
}

// Error implements error: who, what and what to do about it.
func (e *Error) Error() string {
	text := fmt.Sprintf("worker %q: %v", e.Key, e.Err)
	var reauth *auth.ReauthError
	var scope *facade.ScopeError
	var config *auth.ConfigError
	if errors.As(e.Err, &reauth) || errors.As(e.Err, &config) || errors.As(e.Err, &scope) && !scope.Refused {
		return text // it says what to do
	}
	return text + ": " + e.Problem.Remedy()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// errExited is the outcome of a function that called runtime.Goexit.
var errExited = errors.New("the function ended its goroutine instead of returning")

// timeoutError is the cause of a context that WithTimeout ended.
type timeoutError struct{ after time.Duration }

func (e *timeoutError) Error() string { return fmt.Sprintf("not finished after %v", e.after) }

// Is reports true for context.DeadlineExceeded.
func (e *timeoutError) Is(target error) bool { return target == context.DeadlineExceeded }

// workerError names the worker in an error, and what is wrong.
func workerError(ctx context.Context, key string, err error) *Error {
	e := &Error{Key: key, Problem: problemOf(err), Err: err}
	var timeout *timeoutError
	if errors.As(context.Cause(ctx), &timeout) && errors.Is(err, context.DeadlineExceeded) {
		e.Problem = ProblemTimeout
		if !errors.As(err, &timeout) {
			e.Err = fmt.Errorf("%w: %w", timeout, err)
		}
	}
	return e
}

func problemOf(err error) Problem {
	var reauth *auth.ReauthError
	var store *auth.StoreError
	var config *auth.ConfigError
	var scope *facade.ScopeError
	switch {
	case errors.As(err, &reauth):
		return ProblemSignIn
	case errors.As(err, &scope) && (!scope.Refused || len(scope.Missing) > 0):
		return ProblemScope
	case errors.As(err, &config):
		return ProblemConfig
	case errors.Is(err, facade.ErrForbidden), errors.Is(err, facade.ErrUnauthorized):
		return ProblemForbidden
	case errors.Is(err, facade.ErrRateLimited):
		return ProblemRateLimited
	case errors.As(err, &store):
		return ProblemStore
	case errors.Is(err, facade.ErrTruncated):
		return ProblemFailed
	case errors.Is(err, facade.ErrInvalidResponse):
		return ProblemData
	}
	return ProblemFailed
}

// incomplete is the last error of a range that ended early.
func incomplete(err error, done, dropped int) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%d workers were read", done)
	if dropped > 0 {
		fmt.Fprintf(&b, ", %d were started and not finished", dropped)
	}
	return fmt.Errorf("%w: %w (%s)", ErrIncomplete, err, b.String())
}
