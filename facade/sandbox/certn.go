package sandbox

import (
	"crypto/subtle"
	"fmt"
	"net/http"
	"net/url"

	"github.com/credkit/credkit-go/api/certn"
	"github.com/credkit/credkit-go/api/spec"
)

// routeCertn lays out Certn.
func (s *Sandbox) routeCertn() {
	v := s.certn
	v.refuse = func(w http.ResponseWriter, r *http.Request, status int, reason string) {
		switch {
		case status == http.StatusMethodNotAllowed && r.URL.Path == certn.Service.TokenPath:
			writeBody(w, status, "", nil)
		case status == http.StatusMethodNotAllowed:
			writeJSON(w, status, map[string]string{"details": reason})
		case status == http.StatusBadRequest:
			writeJSON(w, status, map[string][]string{fieldOf(r): {reason}})
		default:
			detail(w, status, reason)
		}
	}
	v.authorize, v.pageSize, v.maxPageSize = s.authorizeCertn, s.set.certnPageSize, s.set.certnMaxPageSize
	v.operations(&operations{s.list, s})
	v.handle(OpCertnToken, http.MethodPost, certn.Service.TokenPath, s.certnTokenEndpoint)
}

// fieldOf guesses which query parameter a refusal is about: the only one, or
// the request as a whole.
func fieldOf(r *http.Request) string {
	if q := r.URL.Query(); len(q) == 1 {
		for name := range q {
			return name
		}
	}
	return "non_field_errors"
}

// certnTokenEndpoint is Certn's token endpoint (RFC 6749 section 4.4).
func (s *Sandbox) certnTokenEndpoint(w http.ResponseWriter, r *http.Request) {
	form, ok := s.tokenForm(w, r)
	if !ok {
		return
	}
	user, password, basic := r.BasicAuth()
	id, err1 := url.QueryUnescape(user)
	secret, err2 := url.QueryUnescape(password)
	good := basic && err1 == nil && err2 == nil && id == s.set.certnID &&
		subtle.ConstantTimeCompare([]byte(secret), []byte(s.set.certnSecret)) == 1
	switch {
	case !good:
		w.Header().Set("WWW-Authenticate", `Basic realm="api"`)
		oauthError(w, http.StatusUnauthorized, "invalid_client", "")
	case form.Get("grant_type") != grantClient:
		oauthError(w, http.StatusBadRequest, "unsupported_grant_type", "")
	case len(form) != 1:
		s.violated(r, "the only parameter is grant_type")
		oauthError(w, http.StatusBadRequest, "invalid_request", "")
	default:
		access := s.certnToken()
		sendTokens(w, tokenResponse{
			AccessToken: access,
			TokenType:   "Bearer",
			ExpiresIn:   s.expiresIn(s.set.certnTokenLifetime),
			Scope:       "read write",
		})
	}
}

// authorizeCertn checks the access token of r, and counts r against the limits.
func (s *Sandbox) authorizeCertn(w http.ResponseWriter, r *http.Request, _ *spec.Operation) (owner string, ok bool) {
	if !s.certnBearer(r) {
		s.log.count(func(c *Counters) { c.Unauthorized++ })
		w.Header().Set("WWW-Authenticate", `Bearer realm="api"`)
		detail(w, http.StatusUnauthorized, "Authentication credentials were not provided.")
		return "", false
	}
	if wait, over := s.overLimit(s.certn, s.set.certnID, s.set.limits); over {
		detail(w, http.StatusTooManyRequests, fmt.Sprintf("Request was throttled. Expected available in %d seconds.", s.throttled(w, wait)))
		return "", false
	}
	return s.set.certnID, true
}
