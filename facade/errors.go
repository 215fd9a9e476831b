package facade

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/credkit/credkit-go/facade/internal/safehttp"
)

// What an [*Error] can be asked for with errors.Is.
var (
	// ErrUnauthorized: the server refused the access token (401), also after
	// it was renewed; or the session has ended and the user must sign in.
	ErrUnauthorized = errors.New("unauthorized")
	// ErrForbidden: the call is not allowed (403, or a scope is missing).
	ErrForbidden = errors.New("forbidden")
	// ErrNotFound: there is no such thing (404), or nothing in a list matched.
	ErrNotFound = errors.New("not found")
	// ErrRateLimited: too many requests (429), or the call would have to wait
	// longer for its turn than its context lasts.
	ErrRateLimited = errors.New("rate limited")
	// ErrInvalid: the request was refused (400, 422), or was not sent because
	// it could not be right.
	ErrInvalid = errors.New("invalid request")
	// ErrRetired: the service says that it is gone (410).
	ErrRetired = errors.New("service retired")
	// ErrInvalidResponse: the response is not what the operation returns: HTML,
	// JSON of another shape, a body that is cut off (see [ErrTruncated]).
	ErrInvalidResponse = errors.New("invalid response")
	// ErrTruncated: the connection broke, or the server closed it, before the
	// response was complete. The data is not wrong: a call that only reads can be
	// tried again; what a create asked for may have been done. It is also an
	// ErrInvalidResponse, so look for it first.
	ErrTruncated = fmt.Errorf("truncated response: %w", ErrInvalidResponse)
	// ErrTooMany: a list has more elements, or pages, than were allowed.
	ErrTooMany = errors.New("too many")
)

// Error is a call that failed, whatever the reason but one: a call that is not
// made for want of a scope is a [*ScopeError] alone. It matches
// the Err variables of this package, and unwraps to the cause: a network
// error, the context's error, an error of package auth. It never holds a
// token, and of the response's body only what a person needs, redacted.
type Error struct {
	// Service is "cosmic" or "certn".
	Service string
	// Operation is the call, as openapi.yaml names it.
	Operation OperationID
	// SessionKey is the key of the session that the call was made for; empty if
	// the credentials are of no session.
	SessionKey string
	// Status is the HTTP status; 0 if there was no response.
	Status int
	// Code is the server's word for the failure; often empty.
	Code string
	// Message is the server's sentence, or ours; at most 200 bytes of the server's.
	Message string
	// Fields has the sentences of a 400 that names fields, keyed by the
	// field's path with dots ("address.city"). Sentences on the request as a
	// whole have the key "non_field_errors".
	Fields map[string][]string
	// RequestID is the server's id for the request; empty if it sends none.
	RequestID string
	// Attempts is how many requests were made; 0 if none was.
	Attempts int
	// RetryAfter is how long the server asked to be left alone; 0 if it did not.
	RetryAfter time.Duration
	// Snippet is the start of a body that could not be understood: at most
	// 200 bytes, redacted.
	Snippet string
	// Err is the cause, if there is one besides the response.
	Err error

	kind error
	note string
	have []string // of a 403: the scopes of the token that was refused, if they are known
}

// Error implements error: what was tried, on what, and what came of it.
func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s", e.Service, e.Operation)
	if e.SessionKey != "" {
		fmt.Fprintf(&b, " of session %q", e.SessionKey)
	}
	if e.Status != 0 {
		fmt.Fprintf(&b, ": %d %s", e.Status, http.StatusText(e.Status))
	}
	if e.Code != "" {
		fmt.Fprintf(&b, " (%s)", e.Code)
	}
	if e.Message != "" {
		b.WriteString(": " + e.Message)
	}
	for _, field := range slices.Sorted(maps.Keys(e.Fields)) {
		fmt.Fprintf(&b, "; %s: %s", field, strings.Join(e.Fields[field], " "))
	}
	if e.Err != nil {
		b.WriteString(": " + e.Err.Error())
	}
	if e.Snippet != "" {
		fmt.Fprintf(&b, " (the response begins %q)", e.Snippet)
	}
	if e.note != "" {
		fmt.Fprintf(&b, "; not sent again: %s", e.note)
	} else if e.Attempts > 1 {
		fmt.Fprintf(&b, " (%d attempts)", e.Attempts)
	}
	if e.RequestID != "" {
		fmt.Fprintf(&b, " [request id %s]", e.RequestID)
	}
	return b.String()
}

// Is reports whether the failure is of the given kind.
func (e *Error) Is(target error) bool { return e.kind != nil && errors.Is(e.kind, target) }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// LogValue logs the failure's parts as attributes.
func (e *Error) LogValue() slog.Value {
	attrs := []slog.Attr{slog.String("service", e.Service), slog.String("operation", string(e.Operation))}
	if e.SessionKey != "" {
		attrs = append(attrs, slog.String("session", e.SessionKey))
	}
	if e.Status != 0 {
		attrs = append(attrs, slog.Int("status", e.Status))
	}
	if e.Code != "" {
		attrs = append(attrs, slog.String("code", e.Code))
	}
	if e.RequestID != "" {
		attrs = append(attrs, slog.String("request_id", e.RequestID))
	}
	attrs = append(attrs, slog.Int("attempts", e.Attempts), slog.String("error", e.Error()))
	return slog.GroupValue(attrs...)
}

// kindOf is what an HTTP status means.
func kindOf(status int) error {
	switch status {
	case http.StatusBadRequest, http.StatusUnprocessableEntity:
		return ErrInvalid
	case http.StatusUnauthorized:
		return ErrUnauthorized
	case http.StatusForbidden:
		return ErrForbidden
	case http.StatusNotFound:
		return ErrNotFound
	case http.StatusGone:
		return ErrRetired
	case http.StatusTooManyRequests:
		return ErrRateLimited
	default:
		return nil
	}
}

// ElementError is one element of a list that is whole JSON but does not fit
// its type. The list goes on after it.
type ElementError struct {
	// Index counts the elements of the range, from 0.
	Index int
	// Path is the JSON pointer (RFC 6901) of what does not fit, within the
	// response: "/data/3/issued_on". Its names are as the server wrote them.
	Path string
	// Err says what was wrong; it does not repeat the value.
	Err error
}

// Error implements error.
func (e *ElementError) Error() string {
	return fmt.Sprintf("element %d of the list does not fit its type at %s: %v", e.Index, safehttp.Snippet([]byte(e.Path)), e.Err)
}

// Unwrap returns the cause.
func (e *ElementError) Unwrap() error { return e.Err }

// Is reports true for ErrInvalidResponse.
func (e *ElementError) Is(target error) bool { return target == ErrInvalidResponse }
