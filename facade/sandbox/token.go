package sandbox

import (
	"crypto/subtle"
	"encoding/json"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"time"
)

// The grant types of COSMIC and Certn (RFC 6749 sections 4.1.3, 6 and 4.4.2).
const (
	grantCode    = "authorization_code"
	grantRefresh = "refresh_token"
	grantClient  = "client_credentials"
)

// tokenResponse is a good response of a token endpoint (RFC 6749 section 5.1).
// COSMIC's has no scope member.
type tokenResponse struct {
	AccessToken  string          `json:"access_token"`
	TokenType    string          `json:"token_type"`
	ExpiresIn    json.RawMessage `json:"expires_in,omitempty"`
	RefreshToken string          `json:"refresh_token,omitempty"`
	IDToken      string          `json:"id_token,omitempty"`
	Scope        string          `json:"scope,omitempty"` // Certn's alone
}

// tokenForm reads the form of a token request. If ok is false, it has responded.
func (s *Sandbox) tokenForm(w http.ResponseWriter, r *http.Request) (form url.Values, ok bool) {
	refuse := func(reason string) (url.Values, bool) {
		s.violated(r, reason)
		oauthError(w, http.StatusBadRequest, "invalid_request", reason)
		return nil, false
	}
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/x-www-form-urlencoded" {
		return refuse("a token request is form-encoded")
	}
	if r.URL.RawQuery != "" {
		return refuse("a token request has its parameters in the body")
	}
	if err := r.ParseForm(); err != nil {
		return refuse("the form cannot be read")
	}
	for name, values := range r.PostForm {
		if len(values) > 1 {
			return refuse("the parameter " + printable(name) + " is there twice")
		}
	}
	grant := r.PostForm.Get("grant_type")
	s.log.update(callOf(r).number, func(e *Request) { e.Grant = grant })
	s.log.count(func(c *Counters) { c.Grants[grant]++ })
	if grant == "" {
		return refuse("there is no grant_type")
	}
	return r.PostForm, true
}

// token is COSMIC's token endpoint. Parameters that it does not know are ignored
// (RFC 6749 section 3.2), and so is the scope of a refresh (section 6).
func (s *Sandbox) token(w http.ResponseWriter, r *http.Request) {
	form, ok := s.tokenForm(w, r)
	if !ok {
		return
	}
	grant := form.Get("grant_type")
	if grant != grantCode && grant != grantRefresh {
		s.violated(r, "the grant type is not described")
		oauthError(w, http.StatusBadRequest, "unsupported_grant_type", "Unsupported grant type")
		return
	}
	app, ok := s.authenticate(r, form)
	switch {
	case !ok:
		s.refuse(w, wrongClient)
	case grant == grantCode:
		s.exchange(w, r, form, app)
	default:
		s.refresh(w, r, form, app)
	}
}

// authenticate returns the app that makes a token request. It must name
// itself in exactly the way it is registered for (RFC 6749 section 2.3), and
// in no second one.
func (s *Sandbox) authenticate(r *http.Request, form url.Values) (*App, bool) {
	user, password, basic := r.BasicAuth()
	if r.Header.Get("Authorization") != "" && !basic {
		return nil, false
	}
	id, secret := form.Get("client_id"), form.Get("client_secret")
	used := authNone
	if form.Has("client_secret") {
		used = authPost
	}
	if basic {
		if used == authPost {
			return nil, false
		}
		name, err1 := url.QueryUnescape(user)
		key, err2 := url.QueryUnescape(password)
		if err1 != nil || err2 != nil || id != "" && id != name {
			return nil, false
		}
		used, id, secret = authBasic, name, key
	}
	app, ok := s.app(id)
	if !ok || app.Authentication != used {
		return nil, false
	}
	return app, subtle.ConstantTimeCompare([]byte(secret), []byte(app.ClientSecret)) == 1
}

// exchange turns an authorization code into a session.
func (s *Sandbox) exchange(w http.ResponseWriter, r *http.Request, form url.Values, app *App) {
	c, reason := s.redeem(form, app)
	if reason != "" {
		oauthError(w, http.StatusBadRequest, "invalid_grant", reason)
		return
	}
	f := s.startSession(&session{app: app, user: c.user, identity: c.identity})
	s.grants.redeemed(c, f)
	answer := s.tokensOf(r, f)
	if s.set.refreshTokens {
		answer.RefreshToken = s.firstToken(f)
	}
	if slices.Contains(c.identity, "openid") {
		answer.IDToken = s.idToken(r, f, c.nonce)
	}
	sendTokens(w, answer)
}

// refresh turns a refresh token into an access token.
func (s *Sandbox) refresh(w http.ResponseWriter, r *http.Request, form url.Values, app *App) {
	presented := form.Get("refresh_token")
	s.log.update(callOf(r).number, func(e *Request) { e.Token = fingerprint(presented) })
	f, algorithm, number, ok := s.readRefreshToken(presented)
	if !ok || f.app != app {
		s.refuse(w, tokenNotFound)
		return
	}
	if !f.hold(r.Context()) {
		s.refuse(w, sessionBusy)
		return
	}
	defer f.release()
	if d := callOf(r).holdSession; d > 0 && !pause(r, s.done, d) {
		cut(w, false) // the client has left: the transaction is rolled back
		return
	}
	next, refused := s.rotate(f, algorithm, number)
	if refused != nil {
		s.refuse(w, refused)
		return
	}
	h := w.Header()
	h.Set("Sb-Auth-Session-Id", f.id())
	h.Set("Sb-Auth-User-Id", f.user.ID)
	if next.forgiven && next.algorithm == 2 {
		h.Set("Sb-Auth-Refresh-Token-Reuse", "true")
		h.Set("Sb-Auth-Refresh-Token-Reuse-Cause", "fail-to-save,concurrent-refresh")
	} else if !next.forgiven {
		h.Set("Sb-Auth-Refresh-Token-Reuse", "false")
	}
	answer := s.tokensOf(r, f)
	if s.set.rotate && s.set.refreshTokens {
		answer.RefreshToken = s.refreshToken(f, next.algorithm, next.number)
		h.Set("Sb-Auth-Refresh-Token-Prefix", answer.RefreshToken[:5])
	}
	sendTokens(w, answer)
}

// tokensOf issues an access token.
func (s *Sandbox) tokensOf(r *http.Request, f *session) tokenResponse {
	access, _ := s.accessToken(f, s.issuer(r))
	return tokenResponse{AccessToken: access, TokenType: "bearer", ExpiresIn: s.expiresIn(s.set.tokenLifetime)}
}

// expiresIn is the lifetime in whole seconds, or what WithExpiresIn has in its
// place.
func (s *Sandbox) expiresIn(life time.Duration) json.RawMessage {
	if s.set.expiresIn != nil {
		return json.RawMessage(*s.set.expiresIn)
	}
	b, _ := json.Marshal(int64(life / time.Second))
	return b
}

func sendTokens(w http.ResponseWriter, answer tokenResponse) {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Pragma", "no-cache")
	writeJSON(w, http.StatusOK, answer)
}

// refuse responds with an error of the token endpoint: the server's own code and
// message, or invalid_client and invalid_grant of RFC 6749 section 5.2 where that
// shape is set. It has none for a user or a session that may refresh later.
func (s *Sandbox) refuse(w http.ResponseWriter, why *refusal) {
	switch {
	case why == sessionBusy:
		codeError(w, http.StatusConflict, why.code, why.message)
	case s.set.tokenErrors == CodeErrors || why == userBanned:
		codeError(w, http.StatusBadRequest, why.code, why.message)
	case why == wrongClient:
		oauthError(w, http.StatusBadRequest, "invalid_client", why.message)
	default:
		oauthError(w, http.StatusBadRequest, "invalid_grant", why.message)
	}
}

// logout ends the session of an access token, or with the scopes others and
// global, which is the default, other sessions of the user as well. The
// description knows the scope local alone.
func (s *Sandbox) logout(w http.ResponseWriter, r *http.Request) {
	scope := r.URL.Query().Get("scope")
	if scope != "local" {
		s.violated(r, "a logout without scope=local ends other sessions of the user")
	}
	c, ok := s.bearer(r)
	if !ok {
		s.log.count(func(c *Counters) { c.Unauthorized++ })
		codeError(w, http.StatusUnauthorized, "bad_jwt", "invalid JWT")
		return
	}
	s.grants.mu.Lock()
	defer s.grants.mu.Unlock()
	own := s.grants.session(c.Session)
	if own == nil || own.state.ended == tokenNotFound {
		codeError(w, http.StatusForbidden, SessionNotFound, "Session from session_id claim in JWT does not exist")
		return
	}
	for _, f := range s.grants.sessions {
		switch {
		case f.user != own.user, scope == "local" && f != own, scope == "others" && f == own:
		default:
			f.state.ended = tokenNotFound
		}
	}
	w.WriteHeader(http.StatusNoContent)
}
