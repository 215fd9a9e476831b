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
type notAllowedError struct{ text string }

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
	var usage usageError
	var scope *facade.ScopeError
	var reauth *auth.ReauthError
	var config *auth.ConfigError
	var token *auth.TokenError
	var advice []string
	switch {
	case err == nil:
		return ""
	case errors.As(err, &usage):
	case errors.As(err, &config):
		if errors.As(err, &token) {
			advice = append(advice, appAdvice(token))
		}
	case errors.Is(err, facade.ErrRetired):
		advice = append(advice, "for a compatible deployment set "+envCertnBase)
	case errors.As(err, &scope):
		if !scope.Refused {
			advice = append(advice, "see what you have: credkit check")
		}
	case errors.As(err, &reauth):
		advice = append(advice, "run: credkit login")
	case errors.As(err, &token) && isRejection(token):
		if token.Remedy == "" { // otherwise the error says what helps
			advice = append(advice, appAdvice(token))
		}
	case errors.Is(err, facade.ErrUnauthorized):
		advice = append(advice, unauthorizedAdvice(err))
	case errors.Is(err, context.DeadlineExceeded):
		advice = append(advice, "see each request: credkit -v …")
	}
	return "credkit: " + strings.Join(append([]string{err.Error()}, advice...), "\n  ")
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
