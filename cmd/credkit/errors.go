package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/credkit/credkit-go/api/certn"
	"github.com/credkit/credkit-go/facade"
	"github.com/credkit/credkit-go/facade/auth"
	"github.com/credkit/credkit-go/facade/auth/signin"
)

// The exit codes, which scripts rely on.
const (
	exitOK         = 0
	exitFailed     = 1
	exitUsage      = 2 // wrong usage, or a setting that is missing or wrong
	exitNotAllowed = 3 // a scope is missing, or a sign-in is needed
	exitDrift      = 4 // responses differ from openapi.yaml
	exitPartial    = 5 // some workers could not be read
	// 128 plus the number of SIGINT, as a shell reports it; also after SIGTERM.
	exitInterrupted = 130
)

var (
	errInterrupted = errors.New("interrupted")
	errDrift       = errors.New("responses differ from openapi.yaml")
	// errSkippedElements ends a list of which some elements could not be decoded; each
	// was reported when it arrived.
	errSkippedElements = errors.New("not every element could be shown")
)

// partialError ends a roster on which some workers could not be read.
type partialError struct{ text string }

func (e partialError) Error() string { return e.text }

// usageError is wrong usage or a wrong setting.
type usageError struct{ err error }

func (e usageError) Error() string { return e.err.Error() }
func (e usageError) Unwrap() error { return e.err }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// notAllowedError is the result of credkit check: something is not allowed.
type notAllowedError struct {
	text    string
	missing []string // scopes
}

func (e notAllowedError) Error() string { return e.text }

func exitCode(err error) int {
	var usage usageError
	var config *auth.ConfigError
	var token *auth.TokenError
	var reauth *auth.ReauthError
	var refused notAllowedError
	var signIn *signin.Error
	var partial partialError
	switch {
	case err == nil:
		return exitOK
	case errors.Is(err, errInterrupted):
		return exitInterrupted
	case errors.As(err, &usage):
		return exitUsage
	case errors.As(err, &partial):
		return exitPartial
	case errors.Is(err, facade.ErrRetired): // also a 403: no scope would help
		return exitFailed
	case errors.As(err, &config) && !errors.As(err, &token):
		return exitUsage
	case errors.As(err, &reauth), errors.As(err, &config), errors.As(err, &refused),
		errors.As(err, &signIn) && signIn.Code != "", errors.As(err, &token) && isRejection(token),
		errors.Is(err, facade.ErrForbidden), errors.Is(err, facade.ErrUnauthorized):
		return exitNotAllowed
	case errors.Is(err, errDrift):
		return exitDrift
	default:
		return exitFailed
	}
}

// explain says what went wrong and what to do about it; it is empty without an
// error.
func explain(err error) string {
	if err == nil {
		return ""
	}
	return "credkit: " + strings.Join(append([]string{err.Error()}, advice(err)...), "\n  ")
}

// advice is what to do about an error, where the error does not say it.
func advice(err error) []string {
	var scope *facade.ScopeError
	var token *auth.TokenError
	switch {
	case errors.As(err, new(usageError)):
	case errors.As(err, new(*auth.ConfigError)):
		if errors.As(err, &token) {
			return []string{appAdvice(token)}
		}
	case errors.Is(err, facade.ErrRetired):
		return []string{"for a compatible deployment set " + envCertnBase}
	case errors.As(err, &scope):
		if !scope.Refused {
			return []string{"see what you have: credkit check"}
		}
	case errors.As(err, new(*auth.ReauthError)):
		return []string{"run: credkit login"}
	case errors.As(err, &token) && isRejection(token):
		if token.Remedy == "" {
			return []string{appAdvice(token)}
		}
	case errors.Is(err, facade.ErrUnauthorized):
		return []string{unauthorizedAdvice(err)}
	case errors.Is(err, context.DeadlineExceeded):
		return []string{"see each request: credkit -v …"}
	}
	return nil
}

// errorDocument is an error as --output json and jsonl print it: one object, on
// stderr. Members are added, never changed.
type errorDocument struct {
	Error         string             `json:"error"`
	Kind          string             `json:"kind"` // see kindOf
	ExitCode      int                `json:"exit_code"`
	Operation     facade.OperationID `json:"operation,omitempty"`
	Session       string             `json:"session,omitempty"`
	Retryable     bool               `json:"retryable"` // the same command may succeed later, with nothing changed
	Remedy        string             `json:"remedy,omitempty"`
	MissingScopes []string           `json:"missing_scopes,omitempty"`
}

func documentOf(err error) errorDocument {
	d := errorDocument{Error: err.Error(), ExitCode: exitCode(err), Remedy: strings.Join(advice(err), "\n")}
	d.Kind, d.Retryable = kindOf(err)
	var call *facade.Error
	if errors.As(err, &call) {
		d.Operation, d.Session = call.Operation, call.SessionKey
	}
	var scope *facade.ScopeError
	if errors.As(err, &scope) {
		d.Operation, d.Session, d.MissingScopes = scope.Operation, scope.SessionKey, scope.Missing
	}
	var denied notAllowedError
	if errors.As(err, &denied) {
		d.MissingScopes = denied.missing
	}
	var reauth *auth.ReauthError
	if errors.As(err, &reauth) {
		d.Session = reauth.Key
	}
	var store *auth.StoreError
	if errors.As(err, &store) {
		d.Session = store.Key
	}
	var config *auth.ConfigError
	var token *auth.TokenError
	switch {
	case d.Remedy != "":
	case errors.As(err, &config):
		d.Remedy = config.Remedy
	case errors.As(err, &token):
		d.Remedy = token.Remedy
	}
	return d
}

// kindOf names the kind of an error for programs, and reports whether the same
// command may succeed later.
func kindOf(err error) (kind string, retryable bool) {
	var token *auth.TokenError
	var call *facade.Error
	hasToken, hasCall := errors.As(err, &token), errors.As(err, &call)
	switch {
	case errors.Is(err, errInterrupted):
		return "interrupted", true
	case errors.As(err, new(partialError)):
		return "partial", false
	case errors.As(err, new(usageError)):
		return "usage", false
	case errors.Is(err, facade.ErrRetired):
		return "retired", false
	case errors.As(err, new(*facade.ScopeError)), errors.As(err, new(notAllowedError)):
		return "missing_scope", false
	case errors.As(err, new(*auth.ReauthError)):
		return "sign_in_needed", false
	case errors.As(err, new(*auth.ConfigError)):
		return "configuration", false
	case hasToken && isRejection(token):
		return "token_refused", false
	case errors.As(err, new(*auth.StoreError)):
		return "store", !errors.Is(err, auth.ErrCorruptRecord)
	case errors.Is(err, facade.ErrUnauthorized):
		return "unauthorized", false
	case errors.Is(err, facade.ErrForbidden):
		return "forbidden", false
	case errors.Is(err, facade.ErrNotFound):
		return "not_found", false
	case errors.Is(err, facade.ErrInvalid):
		return "invalid_request", false
	case errors.Is(err, facade.ErrRateLimited):
		return "rate_limited", true
	case errors.Is(err, facade.ErrTruncated):
		return "truncated", true
	case errors.Is(err, facade.ErrInvalidResponse), errors.Is(err, errSkippedElements):
		return "invalid_response", false
	case errors.As(err, new(*signin.Error)):
		return "sign_in_failed", false
	case errors.Is(err, errDrift):
		return "drift", false
	case errors.Is(err, context.DeadlineExceeded), hasToken, hasCall && (call.Status == 0 || call.Status >= 500):
		return "unavailable", true
	default:
		return "failed", false
	}
}

const (
	cosmicAdvice = "check " + envCosmicID + ", " + envCosmicSecret + " and " + envCosmicAuth + ", and that they belong to " + envCosmicBase
	certnAdvice  = "check " + envCertnID + " and " + envCertnSecret + ", and that they belong to " + envCertnBase
)

// appAdvice names the settings that a token endpoint refused. Only Certn's
// clients use their own credentials (RFC 6749 section 4.4).
func appAdvice(e *auth.TokenError) string {
	if e.Grant == "client_credentials" {
		return certnAdvice
	}
	return cosmicAdvice
}

// unauthorizedAdvice says what helps against a 401.
func unauthorizedAdvice(err error) string {
	var call *facade.Error
	if errors.As(err, &call) && call.Service == certn.Service.Name {
		return certnAdvice
	}
	return "run: credkit login, or give " + envCosmicToken + " a valid token"
}

// isRejection reports whether a token endpoint refused the request, rather
// than being unable to respond.
func isRejection(e *auth.TokenError) bool {
	return e.Status >= 400 && e.Status < 500 && e.Status != http.StatusTooManyRequests && e.Status != http.StatusRequestTimeout
}
