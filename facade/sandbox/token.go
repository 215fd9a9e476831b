package sandbox

import (
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

// tokenAnswer is a good answer of a token endpoint (RFC 6749 section 5.1).
// There is no scope member.
type tokenAnswer struct {
	AccessToken  string          `json:"access_token"`
	TokenType    string          `json:"token_type"`
	ExpiresIn    json.RawMessage `json:"expires_in,omitempty"`
	RefreshToken string          `json:"refresh_token,omitempty"`
	IDToken      string          `json:"id_token,omitempty"`
	Scope        string          `json:"scope,omitempty"` // Certn's alone
}

// tokenForm reads the form of a token request. If it says no, the answer has
// been written.
func (s *Sandbox) tokenForm(w http.ResponseWriter, r *http.Request) (url.Values, bool) {
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

// parameters of each grant; anything else is not described.
func parametersOf(grant string) []string {
	switch grant {
	case grantCode:
		return []string{"grant_type", "client_id", "client_secret", "code", "redirect_uri", "code_verifier"}
	case grantRefresh:
		return []string{"grant_type", "client_id", "client_secret", "refresh_token"}
	}
	return nil
}

// token is COSMIC's token endpoint.
func (s *Sandbox) token(w http.ResponseWriter, r *http.Request) {
	form, ok := s.tokenForm(w, r)
	if !ok {
		return
	}
	grant := form.Get("grant_type")
	parameters := parametersOf(grant)
	if parameters == nil {
		s.violated(r, "the grant type is not described")
		oauthError(w, http.StatusBadRequest, "unsupported_grant_type", "Unsupported grant type")
		return
	}
	for name := range form {
		if !slices.Contains(parameters, name) {
			s.violated(r, "the parameter "+printable(name)+" is not described for this grant")
			oauthError(w, http.StatusBadRequest, "invalid_request", "Unknown parameter "+printable(name))
			return
		}
	}
	app, ok := s.authenticate(r, form)
	if !ok {
		s.clientRefused(w)
		return
	}
	if grant == grantCode {
		s.exchange(w, form, app)
		return
	}
	s.refresh(w, r, form, app)
}

// exchange turns an authorization code into a session.
func (s *Sandbox) exchange(w http.ResponseWriter, form url.Values, app *App) {
	c, why := s.redeem(form, app)
	if why != "" {
		oauthError(w, http.StatusBadRequest, "invalid_grant", why)
		return
	}
	f := s.grants.begin(&family{app: app, user: c.user, identity: c.identity})
	s.log.count(func(c *Counters) { c.SignIns++ })
	answer := s.tokensOf(f, 0, s.set.refreshTokens)
	if slices.Contains(c.identity, "openid") {
		answer.IDToken = s.idToken(f, c.nonce)
	}
	sendTokens(w, answer)
}

// refresh turns a refresh token into an access token.
func (s *Sandbox) refresh(w http.ResponseWriter, r *http.Request, form url.Values, app *App) {
	presented := form.Get("refresh_token")
	s.log.update(callOf(r).number, func(e *Request) { e.Token = Fingerprint(presented) })
	f, generation, ok := s.familyOf(presented)
	if !ok || f.app != app {
		s.sessionRefused(w, TokenNotFound)
		return
	}
	generation, refused := s.rotate(f, generation)
	if refused != "" {
		s.sessionRefused(w, refused)
		return
	}
	sendTokens(w, s.tokensOf(f, generation, s.set.rotate && s.set.refreshTokens))
}

// tokensOf issues an access token, with the refresh token of a generation.
func (s *Sandbox) tokensOf(f *family, generation uint64, withRefresh bool) tokenAnswer {
	access, _ := s.accessToken(f)
	answer := tokenAnswer{AccessToken: access, TokenType: "bearer", ExpiresIn: s.expiresIn(s.set.tokenLifetime)}
	if withRefresh {
		answer.RefreshToken = s.refreshToken(f, generation)
	}
	return answer
}

// expiresIn is the lifetime in whole seconds, or what ExpiresIn has in its
// place.
func (s *Sandbox) expiresIn(life time.Duration) json.RawMessage {
	if s.set.expiresIn != nil {
		return json.RawMessage(*s.set.expiresIn)
	}
	b, _ := json.Marshal(int64(life / time.Second))
	return b
}

func sendTokens(w http.ResponseWriter, answer tokenAnswer) {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Pragma", "no-cache")
	writeJSON(w, http.StatusOK, answer)
}

// sessionRefused answers for a dead session in the shape that is set.
func (s *Sandbox) sessionRefused(w http.ResponseWriter, code string) {
	if s.set.tokenErrors == OAuthErrors {
		oauthError(w, http.StatusBadRequest, "invalid_grant", "Refresh token is invalid or expired.")
		return
	}
	message := map[string]string{
		AlreadyUsed:     "Invalid Refresh Token: Already Used",
		TokenNotFound:   "Invalid Refresh Token: Refresh Token Not Found",
		SessionNotFound: "Invalid Refresh Token: No Valid Session Found",
		SessionExpired:  "Invalid Refresh Token: Session Expired",
	}[code]
	codeError(w, code, message)
}

// clientRefused answers for a client that is unknown or did not authenticate
// as it is registered.
func (s *Sandbox) clientRefused(w http.ResponseWriter) {
	if s.set.tokenErrors == OAuthErrors {
		oauthError(w, http.StatusBadRequest, "invalid_client", "Invalid client credentials")
		return
	}
	codeError(w, "invalid_credentials", "Invalid client credentials")
}
