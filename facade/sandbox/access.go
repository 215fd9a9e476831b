package sandbox

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/credkit/credkit-go/api/cosmic"
	"github.com/credkit/credkit-go/api/spec"
)

// claims are what an access token of COSMIC says. It is a JWT (RFC 7519)
// signed with HS256, so that it looks like the real one and nothing has to be
// remembered of it.
type claims struct {
	Issuer   string   `json:"iss"`
	Subject  string   `json:"sub"`
	Audience string   `json:"aud"`
	Expires  int64    `json:"exp"`
	Issued   int64    `json:"iat"`
	ClientID string   `json:"client_id"`
	Session  string   `json:"session_id"`
	Scopes   []string `json:"scopes"`
	// Number counts issued tokens; Ends is the exact end, which exp rounds up
	// to a second.
	Number uint64 `json:"jti_number"`
	Ends   int64  `json:"exp_nanoseconds"`

	Identity []string `json:"identity_scopes,omitempty"`
}

var encoding = base64.RawURLEncoding

// sign makes a JWT of any claims.
func (s *Sandbox) sign(v any) string {
	payload, _ := json.Marshal(v) // claims are plain data
	head := encoding.EncodeToString([]byte(`{"alg":"HS256","typ":"JWT"}`))
	body := head + "." + encoding.EncodeToString(payload)
	return body + "." + encoding.EncodeToString(s.mac(body))
}

func (s *Sandbox) mac(text string) []byte {
	h := hmac.New(sha256.New, s.key[:])
	h.Write([]byte(text))
	return h.Sum(nil)
}

// accessToken issues an access token of COSMIC for a session.
func (s *Sandbox) accessToken(f *family) (token string, ends time.Time) {
	now := time.Now()
	ends = now.Add(s.set.tokenLifetime)
	c := claims{
		Issuer:   s.issuer(s.cosmic.base),
		Subject:  f.user.ID,
		Audience: "authenticated",
		Expires:  ends.Add(time.Second - 1).Unix(),
		Issued:   now.Unix(),
		ClientID: f.app.ClientID,
		Session:  f.id(),
		Scopes:   s.scopesOf(f),
		Number:   s.issued.Add(1),
		Ends:     ends.UnixNano(),
		Identity: f.identity,
	}
	return s.sign(c), ends
}

// scopesOf are the API scopes of a session's next access token.
func (s *Sandbox) scopesOf(f *family) []string {
	if s.set.firstParty {
		return []string{}
	}
	if f.scopes != nil {
		return f.scopes
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if changed, ok := s.scopes[f.app.ClientID]; ok {
		return changed
	}
	return f.app.Scopes
}

// SetScopes changes the API scopes chosen for an app. Access tokens issued
// from then on carry them, in running sessions too. No scopes is none at all.
// The error is about an app that is not registered or a word that is no scope.
func (s *Sandbox) SetScopes(clientID string, scopes ...string) error {
	if _, ok := s.app(clientID); !ok {
		return unknown("app", clientID)
	}
	if err := checkScopes(scopes); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.scopes[clientID] = append([]string{}, scopes...)
	return nil
}

// RefuseAccessTokens has both services answer 401 to every access token
// issued until now, as if the token had been withdrawn before its end.
func (s *Sandbox) RefuseAccessTokens() { s.refused.Store(s.issued.Load()) }

// bearer returns the claims of the access token of r; ok is false if there is
// none, or none that is good.
func (s *Sandbox) bearer(r *http.Request) (c claims, ok bool) {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") || len(r.Header.Values("Authorization")) != 1 {
		return c, false
	}
	body, signature, ok := cutLast(token, ".")
	if !ok {
		return c, false
	}
	mac, err := encoding.DecodeString(signature)
	if err != nil || !hmac.Equal(mac, s.mac(body)) {
		return c, false
	}
	_, payload, _ := strings.Cut(body, ".")
	raw, err := encoding.DecodeString(payload)
	if err != nil || json.Unmarshal(raw, &c) != nil {
		return c, false
	}
	good := c.Number > s.refused.Load() && time.Now().UnixNano() < c.Ends
	return c, good
}

func cutLast(s, sep string) (before, after string, ok bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(sep):], true
}

// allowed checks the access token of r and its scopes against what op needs;
// if it says no, the answer has been written. Nothing documented says which
// scope was missing, so the answer does not either.
func (s *Sandbox) allowed(w http.ResponseWriter, r *http.Request, op *spec.Operation) (claims, bool) {
	c, ok := s.bearer(r)
	if !ok {
		s.log.count(func(c *Counters) { c.Unauthorized++ })
		w.Header().Set("WWW-Authenticate", `Bearer error="invalid_token"`)
		s.cosmicProblem(w, http.StatusUnauthorized, "unauthorized", "A valid access token is needed.")
		return c, false
	}
	if wait, over := s.overLimit(s.cosmic, c.ClientID, s.set.cosmicLimits); over {
		s.throttled(w, wait)
		s.cosmicProblem(w, http.StatusTooManyRequests, "rate_limited", "Too many requests.")
		return c, false
	}
	if len(c.Scopes) == 0 && s.set.firstParty {
		return c, true
	}
	for _, need := range op.Scopes {
		if !slices.ContainsFunc(c.Scopes, func(have string) bool { return cosmic.Service.Scope(have) == need }) {
			s.log.count(func(c *Counters) { c.Forbidden++ })
			s.cosmicProblem(w, http.StatusForbidden, "forbidden", "Forbidden")
			return c, false
		}
	}
	return c, true
}

// certnToken issues an opaque access token of Certn.
func (s *Sandbox) certnToken() (token string) {
	ends := time.Now().Add(s.set.certnTokenLifetime)
	b := binary.BigEndian.AppendUint64(nil, s.issued.Add(1))
	b = binary.BigEndian.AppendUint64(b, uint64(ends.UnixNano()))
	return encoding.EncodeToString(append(b, s.mac("certn" + string(b))[:16]...))
}

// certnBearer reports whether r carries a good access token of Certn.
func (s *Sandbox) certnBearer(r *http.Request) bool {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	b, err := encoding.DecodeString(token)
	if err != nil || len(b) != 32 || !strings.EqualFold(scheme, "Bearer") || len(r.Header.Values("Authorization")) != 1 {
		return false
	}
	if !hmac.Equal(b[16:], s.mac("certn" + string(b[:16]))[:16]) {
		return false
	}
	number, ends := binary.BigEndian.Uint64(b), int64(binary.BigEndian.Uint64(b[8:]))
	return number > s.refused.Load() && time.Now().UnixNano() < ends
}
