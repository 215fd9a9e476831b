package sandbox

import (
	"net/http"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/credkit/credkit-go/api/cosmic"
)

// identityPaths are what lies beside the authorize URL: the folder of the
// flow's endpoints and, above it, that of the whole identity service.
func identityPaths() (flow, identity string) {
	flow = path.Dir(cosmic.Service.AuthorizePath)
	return flow, path.Dir(flow)
}

// issuer is the identity service's name (RFC 8414 section 2).
func (s *Sandbox) issuer(base string) string {
	_, identity := identityPaths()
	return base + identity
}

// metadata is the authorization server's description, for RFC 8414 and OpenID
// Connect Discovery alike.
func (s *Sandbox) metadata(w http.ResponseWriter, r *http.Request) {
	base := origin(r) + s.set.basePath
	flow, _ := identityPaths()
	issuer := s.issuer(base)
	writeJSON(w, http.StatusOK, map[string]any{
		"issuer":                                issuer,
		"authorization_endpoint":                base + cosmic.Service.AuthorizePath,
		"token_endpoint":                        base + cosmic.Service.TokenPath,
		"userinfo_endpoint":                     base + flow + "/userinfo",
		"jwks_uri":                              issuer + wellKnown + "jwks.json",
		"scopes_supported":                      cosmic.Service.IdentityScopes,
		"response_types_supported":              []string{"code"},
		"response_modes_supported":              []string{"query"},
		"grant_types_supported":                 []string{grantCode, grantRefresh},
		"token_endpoint_auth_methods_supported": cosmic.Service.ClientAuthentication,
		"code_challenge_methods_supported":      []string{"S256"},
		"subject_types_supported":               []string{"public"},
		"id_token_signing_alg_values_supported": []string{"HS256"},
	})
}

const wellKnown = "/.well-known/"

// keys are the public keys of tokens: none, since the sandbox signs with a
// secret of its own.
func (s *Sandbox) keys(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, map[string]any{"keys": []any{}})
}

// userInfo is OpenID Connect's user info for the token's identity scopes.
func (s *Sandbox) userInfo(w http.ResponseWriter, r *http.Request) {
	c, ok := s.bearer(r)
	if !ok || !slices.Contains(c.Identity, "openid") {
		s.log.count(func(c *Counters) { c.Unauthorized++ })
		w.Header().Set("WWW-Authenticate", `Bearer error="invalid_token"`)
		s.cosmicProblem(w, http.StatusUnauthorized, "unauthorized", "An access token with openid is needed.")
		return
	}
	user, ok := s.user(c.Subject)
	if !ok {
		s.cosmicProblem(w, http.StatusNotFound, "not_found", "There is no such user.")
		return
	}
	writeJSON(w, http.StatusOK, identityClaims(user, c.Identity))
}

// identityClaims are what the identity scopes show of a user.
func identityClaims(u *User, scopes []string) map[string]any {
	out := map[string]any{"sub": u.ID}
	for _, scope := range scopes {
		switch scope {
		case "email":
			out["email"], out["email_verified"] = u.Email, true
		case "profile":
			out["name"] = u.DisplayName
		case "phone":
			out["phone_number"] = u.Phone
		}
	}
	return out
}

// idToken is the id_token of a sign-in with openid (OpenID Connect Core
// section 2), signed with HS256.
func (s *Sandbox) idToken(f *family, nonce string) string {
	now := time.Now()
	c := identityClaims(f.user, f.identity)
	c["iss"], c["aud"] = s.issuer(s.cosmic.base), f.app.ClientID
	c["iat"], c["exp"] = now.Unix(), now.Add(s.set.tokenLifetime).Unix()
	if nonce != "" {
		c["nonce"] = nonce
	}
	return s.sign(c)
}

// routeCosmic lays out COSMIC.
func (s *Sandbox) routeCosmic() {
	v := s.cosmic
	v.refuse = func(w http.ResponseWriter, _ *http.Request, status int, reason string) {
		code := strings.ReplaceAll(strings.ToLower(http.StatusText(status)), " ", "_")
		s.cosmicProblem(w, status, code, reason)
	}
	v.authorize, v.pageSize = s.authorizeCosmic, s.set.pageSize
	v.operations(&operations{s.list, s})
	flow, identity := identityPaths()
	v.handle(OpAuthorize, http.MethodGet, cosmic.Service.AuthorizePath, s.authorize)
	v.handle(OpConsent, http.MethodPost, cosmic.Service.AuthorizePath, s.decide)
	v.handle(OpToken, http.MethodPost, cosmic.Service.TokenPath, s.token)
	v.handle(OpUserInfo, http.MethodGet, flow+"/userinfo", s.userInfo)
	v.handle(OpMetadata, http.MethodGet, identity+wellKnown+"openid-configuration", s.metadata)
	v.handle(OpMetadata, http.MethodGet, identity+wellKnown+"oauth-authorization-server", s.metadata)
	v.handle(OpMetadata, http.MethodGet, identity+wellKnown+"jwks.json", s.keys)
}
