package sandbox

import (
	"encoding/json"
	"fmt"
	"html"
	"net/http"
	"strconv"
)

// TokenErrors is the shape of an error of COSMIC's token endpoint.
type TokenErrors int

// The two shapes, both with HTTP 400.
const (
	// CodeErrors is {"code":400,"error_code":"refresh_token_already_used","msg":…}
	// for what ends a session and for client authentication, and the shape of
	// RFC 6749 section 5.2 for the rest. It is the default.
	CodeErrors TokenErrors = iota
	// OAuthErrors is {"error","error_description"} for everything: a dead
	// session is invalid_grant, a wrong client invalid_client.
	OAuthErrors
)

// WithTokenErrors sets the shape of errors of COSMIC's token endpoint.
func WithTokenErrors(shape TokenErrors) Option {
	return func(s *settings) error {
		if shape != CodeErrors && shape != OAuthErrors {
			return fmt.Errorf("token error shape %d: want CodeErrors or OAuthErrors", shape)
		}
		s.tokenErrors = shape
		return nil
	}
}

// APIErrors is the shape of an error of COSMIC's operations. None is
// documented, so a client must take them all.
type APIErrors int

// The shapes to expect.
const (
	// NestedErrors is {"error":{"code","message"}}, the default.
	NestedErrors APIErrors = iota
	// MessageErrors is {"message"}.
	MessageErrors
	// EmptyErrors is no body at all.
	EmptyErrors
	// HTMLErrors is a page.
	HTMLErrors
)

// WithAPIErrors sets the shape of errors of COSMIC's operations.
func WithAPIErrors(shape APIErrors) Option {
	return func(s *settings) error {
		if shape < NestedErrors || shape > HTMLErrors {
			return fmt.Errorf("API error shape %d: want NestedErrors, MessageErrors, EmptyErrors or HTMLErrors", shape)
		}
		s.apiErrors = shape
		return nil
	}
}

// writeJSON responds with v and its length.
func writeJSON(w http.ResponseWriter, status int, v any) {
	b, err := json.Marshal(v)
	if err != nil {
		status, b = http.StatusInternalServerError, []byte(`{"message":"the sandbox could not write its answer"}`)
	}
	writeBody(w, status, "application/json", b)
}

func writeBody(w http.ResponseWriter, status int, contentType string, b []byte) {
	if contentType != "" {
		w.Header().Set("Content-Type", contentType)
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(b)))
	w.WriteHeader(status)
	_, _ = w.Write(b) // the client may have left
}

// cosmicProblem responds with a failure of a COSMIC operation.
func (s *Sandbox) cosmicProblem(w http.ResponseWriter, status int, code, message string) {
	switch s.set.apiErrors {
	case MessageErrors:
		writeJSON(w, status, map[string]string{"message": message})
	case EmptyErrors:
		writeBody(w, status, "", nil)
	case HTMLErrors:
		page := "<!doctype html><title>" + http.StatusText(status) + "</title><h1>" + html.EscapeString(message) + "</h1>\n"
		writeBody(w, status, "text/html; charset=utf-8", []byte(page))
	default:
		writeJSON(w, status, map[string]any{"error": map[string]string{"code": code, "message": message}})
	}
}

// detail responds with a failure of Certn as Django REST framework does.
func detail(w http.ResponseWriter, status int, text string) {
	writeJSON(w, status, map[string]string{"detail": text})
}

// oauthError responds as in RFC 6749 section 5.2.
func oauthError(w http.ResponseWriter, status int, code, description string) {
	w.Header().Set("Cache-Control", "no-store")
	writeJSON(w, status, struct {
		Error       string `json:"error"`
		Description string `json:"error_description,omitempty"`
	}{code, description})
}

// codeError responds in COSMIC's other error shape.
func codeError(w http.ResponseWriter, status int, code, message string) {
	w.Header().Set("Cache-Control", "no-store")
	writeJSON(w, status, codeBody{status, code, message})
}

type codeBody struct {
	Code      int    `json:"code"`
	ErrorCode string `json:"error_code"`
	Message   string `json:"msg"`
}
