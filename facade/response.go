package facade

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"mime"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/credkit/credkit-go/api/spec"
	"github.com/credkit/credkit-go/api/wire"
	"github.com/credkit/credkit-go/facade/auth"
	"github.com/credkit/credkit-go/facade/internal/safehttp"
	"github.com/credkit/credkit-go/facade/internal/transport"
)

// maxErrorBody bounds how much is read of an error response.
const maxErrorBody = 1 << 20

// result is what came of a call.
type result struct {
	client *client
	call   *transport.Call
	resp   *http.Response // nil if there was none
}

// newError begins an Error about the call.
func (r *result) newError() *Error {
	e := r.client.newError(r.call.Operation.ID, nil)
	e.Attempts, e.note = r.call.Attempts, r.call.GaveUp
	if r.resp != nil {
		e.Status = r.resp.StatusCode
		e.RequestID = requestID(r.secrets(), r.resp.Header)
	}
	return e
}

// secrets redact what the response says: a server may repeat the token.
func (r *result) secrets() safehttp.Secrets { return safehttp.NewSecrets(r.call.Token.Value()) }

// failed is a call without a complete response, or whose response is not what
// the operation returns.
func (r *result) failed(err error) *Error {
	e := r.newError()
	e.Err = err
	var limit *transport.LimitError
	var reauth *auth.ReauthError
	var token *auth.TokenError
	var large *safehttp.TooLargeError
	var unexpected *wire.Error
	switch {
	case errors.As(err, &limit):
		e.kind = ErrRateLimited
		if limit.Max > 0 { // after a 429
			e.RetryAfter = limit.Wait
		}
	case errors.As(err, &reauth), errors.Is(err, auth.ErrRefused):
		e.kind = ErrUnauthorized
	case errors.As(err, &token) && token.Status == http.StatusGone:
		e.kind = ErrRetired
		r.retired(e)
	case errors.As(err, &token) && token.Status == http.StatusTooManyRequests:
		e.kind = ErrRateLimited
		e.RetryAfter = token.RetryAfter
	case errors.As(err, &large):
		e.kind = ErrInvalidResponse
		e.Message = "raise the bound with WithMaxResponseBytes if such a response is right"
	case errors.As(err, &unexpected):
		e.kind = ErrInvalidResponse
		e.Message = "the response is not what this operation returns"
		e.Err = r.secrets().RedactError(err) // it names members as the server does
	case !errors.Is(err, io.ErrUnexpectedEOF):
		// The cause says it all.
	case r.call.Body == nil:
		e.kind = ErrTruncated
		e.Message = "the response was cut off: the connection broke; try again"
		if r.call.Operation.Retry != spec.RetrySafe {
			e.Message = "the response was cut off: the connection broke; the service may have done what was asked: look before trying again"
		}
	case len(r.call.Body) == 0:
		e.kind, e.Message = ErrInvalidResponse, "the response is empty"
	default: // complete as HTTP has it
		e.kind, e.Message = ErrInvalidResponse, "the JSON of the response ends early"
	}
	return e
}

// check looks at the status and the content type of a response. An error
// response is read, and its body closed by the caller.
func (r *result) check() error {
	status := r.resp.StatusCode
	if status >= 200 && status < 300 {
		return r.checkType()
	}
	e := r.newError()
	e.kind = kindOf(status)
	e.RetryAfter, _ = safehttp.RetryAfter(r.resp.Header, time.Now())
	if status == http.StatusForbidden {
		e.have, _ = r.client.scopes.forToken(r.call.Token)
	}
	if status >= 300 && status < 400 {
		e.kind = ErrInvalidResponse
		e.Message = "a redirect, which is not followed with a token; check the base URL"
		return e
	}
	body, err := safehttp.ReadAll(r.resp.Body, maxErrorBody)
	r.explain(e, body)
	if len(body) == 0 {
		e.Err = err // the status says more than a body that could not be read
	}
	if status == http.StatusGone {
		r.retired(e)
	}
	return e
}

// retired says what is known of a service that responds that it is gone.
func (r *result) retired(e *Error) {
	if successor := r.client.service.Successor; successor != "" {
		e.Message = strings.TrimSpace(e.Message + " " + r.client.service.Title +
			" is reported as retired; its successor is " + successor)
	}
}

// checkType refuses a good status with a body that cannot be JSON, such as the
// HTML page of a login form.
func (r *result) checkType() error {
	header := r.resp.Header.Get("Content-Type")
	media, _, err := mime.ParseMediaType(header)
	known := err == nil || errors.Is(err, mime.ErrInvalidMediaParameter) // what follows the type may be broken
	if header == "" || known && (media == "application/json" || strings.HasSuffix(media, "+json")) {
		return nil
	}
	start := make([]byte, 512)
	n, _ := r.resp.Body.Read(start) // what is there, and no waiting for more
	e := r.newError()
	e.kind = ErrInvalidResponse
	e.Message = fmt.Sprintf("the response is %s, not JSON; is the base URL right?", r.secrets().Snippet([]byte(header)))
	e.Snippet = r.secrets().Snippet(start[:n])
	return e
}

// explain reads what an error's body says, in whatever shape: nothing of it is
// relied on.
func (r *result) explain(e *Error, body []byte) {
	secrets := r.secrets()
	var members map[string]json.RawMessage
	if json.Unmarshal(body, &members) != nil {
		if len(body) > 0 {
			e.Snippet = secrets.Snippet(body)
		}
		return
	}
	e.Code, e.Message = problem(secrets, members)
	if e.kind == ErrInvalid {
		e.Fields = map[string][]string{}
		fieldErrors(secrets, e.Fields, "", members)
		if len(e.Fields) == 0 {
			e.Fields = nil
		}
	}
	if e.Message == "" && e.Code == "" && e.Fields == nil && len(members) > 0 {
		e.Snippet = secrets.Snippet(body)
	}
}

// problem finds the code and the sentence in the shapes that error bodies
// commonly have: {"detail"}, {"details"}, {"message"}, {"error"},
// {"error", "error_description"}, {"error": {…}}, {"code", "error_code", "msg"}.
func problem(secrets safehttp.Secrets, members map[string]json.RawMessage) (code, message string) {
	if inner := members["error"]; len(inner) > 0 && inner[0] == '{' {
		var nested map[string]json.RawMessage
		if json.Unmarshal(inner, &nested) == nil {
			if code, message = problem(secrets, nested); code != "" || message != "" {
				return code, message
			}
		}
	}
	word := func(names ...string) string {
		for _, name := range names {
			var s string
			if json.Unmarshal(members[name], &s) == nil && s != "" {
				return secrets.Snippet([]byte(s))
			}
		}
		return ""
	}
	message = word("detail", "details", "error_description", "message", "msg")
	code = word("error_code", "code")
	if e := word("error"); e != "" {
		if message == "" && strings.Contains(e, " ") {
			return code, e
		}
		if code == "" {
			code = e
		}
	}
	return code, message
}

// How much is kept of a 400 that names fields.
const (
	maxFields    = 100
	maxSentences = 10 // of one field
)

// general are the members of a problem that name no field, where they are
// single words or sentences.
var general = map[string]bool{
	"detail": true, "details": true, "error_description": true, "message": true, "msg": true,
	"error_code": true, "code": true, "error": true, "status": true, "title": true, "type": true, "request_id": true,
}

// fieldErrors flattens lists of sentences keyed by field, nested as the
// request was.
func fieldErrors(secrets safehttp.Secrets, into map[string][]string, path string, members map[string]json.RawMessage) {
	for _, name := range slices.Sorted(maps.Keys(members)) {
		raw := members[name]
		at := secrets.Snippet([]byte(name))
		if path != "" {
			at = path + "." + at
		}
		if len(into) >= maxFields {
			return
		}
		var one string
		var all []string
		var nested map[string]json.RawMessage
		switch {
		case json.Unmarshal(raw, &one) == nil:
			if one == "" || path == "" && general[name] {
				continue
			}
			into[at] = []string{secrets.Snippet([]byte(one))}
		case json.Unmarshal(raw, &all) == nil && len(all) > 0:
			for _, s := range all[:min(len(all), maxSentences)] {
				into[at] = append(into[at], secrets.Snippet([]byte(s)))
			}
		case json.Unmarshal(raw, &nested) == nil && strings.Count(at, ".") < 8 && (path != "" || name != "error"):
			fieldErrors(secrets, into, at, nested)
		}
	}
}

// requestID reads the id that a server gave the request, if it gives one: no
// header is documented for either service.
func requestID(secrets safehttp.Secrets, h http.Header) string {
	for _, name := range []string{"X-Request-Id", "Request-Id", "X-Correlation-Id", "Cf-Ray"} {
		if id := h.Get(name); id != "" {
			return secrets.Snippet([]byte(id))
		}
	}
	return ""
}
