package sandbox

import (
	"net/http"
	"path"
	"slices"
	"time"

	"github.com/credkit/credkit-go/api/cosmic"
)

// identityPaths are what lies beside the authorize URL: the folder of the
// flow's endpoints and, above it, that of the whole identity service.
func identityPaths() (flow, identity string) {
	flow = path.Dir(cosmic.Service.AuthorizePath)
	return flow, path.Dir(flow)
}

// issuer is the identity service's name (RFC 8414 section 2) as the client of r
// reaches it.
func (s *Sandbox) issuer(r *http.Request) string { return issuerAt(origin(r) + s.set.basePath) }

func issuerAt(base string) string {
	_, identity := identityPaths()
	return base + identity
}

// metadata is the authorization server's description, for RFC 8414 and OpenID
// Connect Discovery alike.
func (s *Sandbox) metadata(w http.ResponseWriter, r *http.Request) {
	base, issuer := origin(r)+s.set.basePath, s.issuer(r)
	flow, _ := identityPaths()
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
		"id_token_signing_alg_values_supported": []string{"ES256"},
	})
}

const (
	wellKnown      = "/.well-known/"
	serverMetadata = wellKnown + "oauth-authorization-server"
)

// keys is the JSON Web Key Set (RFC 7517) with the key of access tokens and ID
// tokens.
func (s *Sandbox) keys(w http.ResponseWriter, _ *http.Request) {
	point, _ := s.signer.PublicKey.Bytes() // uncompressed (SEC 1); newSigner has made it
	writeJSON(w, http.StatusOK, map[string]any{"keys": []any{map[string]string{
		"kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": s.keyID,
		"x": encoding.EncodeToString(point[1:33]), "y": encoding.EncodeToString(point[33:]),
	}}})
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
// section 2).
func (s *Sandbox) idToken(r *http.Request, f *session, nonce string) string {
	now := time.Now()
	c := identityClaims(f.user, f.identity)
	c["iss"], c["aud"] = s.issuer(r), f.app.ClientID
	c["iat"], c["exp"] = now.Unix(), now.Add(s.set.tokenLifetime).Unix()
	if nonce != "" {
		c["nonce"] = nonce
	}
	return s.sign(c)
}
