package sandbox

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"math"
	"math/big"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/credkit/credkit-go/api/cosmic"
	"github.com/credkit/credkit-go/api/spec"
)

// claims are what an access token of COSMIC says. It is a JWT (RFC 7519), so
// that nothing has to be remembered of it.
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

// newSigner makes the key that signs JWTs, and its name.
func newSigner() (key *ecdsa.PrivateKey, id string, err error) {
	key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	return key, rand.Text(), err
}

// sign makes a JWT of any claims, signed with ES256 (RFC 7518 section 3.4).
func (s *Sandbox) sign(claims any) string {
	head, _ := json.Marshal(map[string]string{"alg": "ES256", "typ": "JWT", "kid": s.keyID})
	payload, _ := json.Marshal(claims) // plain data
	body := encoding.EncodeToString(head) + "." + encoding.EncodeToString(payload)
	sum := sha256.Sum256([]byte(body))
	x, y, _ := ecdsa.Sign(rand.Reader, s.signer, sum[:]) // fails for no key of P-256
	var signature [64]byte
	x.FillBytes(signature[:32])
	y.FillBytes(signature[32:])
	return body + "." + encoding.EncodeToString(signature[:])
}

// verify reads the claims of a JWT that the sandbox has signed.
func (s *Sandbox) verify(token string) (c claims, ok bool) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return c, false
	}
	signature, err := encoding.DecodeString(parts[2])
	if err != nil || len(signature) != 64 {
		return c, false
	}
	sum := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	x, y := new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:])
	if !ecdsa.Verify(&s.signer.PublicKey, sum[:], x, y) {
		return c, false
	}
	payload, err := encoding.DecodeString(parts[1])
	return c, err == nil && json.Unmarshal(payload, &c) == nil
}

func (s *Sandbox) mac(text string) []byte {
	h := hmac.New(sha256.New, s.key[:])
	h.Write([]byte(text))
	return h.Sum(nil)
}

// accessToken issues an access token of COSMIC for a session.
func (s *Sandbox) accessToken(f *session, issuer string) (token string, ends time.Time) {
	now := time.Now()
	ends = now.Add(s.set.tokenLifetime)
	c := claims{
		Issuer:   issuer,
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
func (s *Sandbox) scopesOf(f *session) []string {
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

// RefuseAccessTokens has both services respond with 401 to every access token
// issued until now, as if the token had been withdrawn before its end.
func (s *Sandbox) RefuseAccessTokens() { s.refused.Store(s.issued.Load()) }

// bearer returns the claims of the access token of r; ok is false if there is
// none, or none that is good.
func (s *Sandbox) bearer(r *http.Request) (c claims, ok bool) {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") || len(r.Header.Values("Authorization")) != 1 {
		return c, false
	}
	if c, ok = s.verify(token); !ok {
		return c, false
	}
	good := c.Number > s.refused.Load() && time.Now().UnixNano() < c.Ends
	return c, good
}

// allowed checks the access token of r and its scopes against what op needs;
// if it says no, the response has been written. Nothing documented says which
// scope was missing, so the response does not either.
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

// limiter keeps exact rolling limits: the times of the last requests that
// passed, for each limit as many as it allows.
type limiter struct{ windows []window }

type window struct {
	spec.RateLimit
	passed []time.Time // a ring
	next   int         // where the next one goes: the oldest
}

func newLimiter(limits []spec.RateLimit) *limiter {
	l := &limiter{}
	for _, limit := range limits {
		l.windows = append(l.windows, window{RateLimit: limit, passed: make([]time.Time, limit.Requests)})
	}
	return l
}

// take lets a request pass, or says how long until one may. A refused request
// does not count.
func (l *limiter) take(now time.Time) (wait time.Duration, over bool) {
	for i := range l.windows {
		w := &l.windows[i]
		if oldest := w.passed[w.next]; !oldest.IsZero() {
			wait = max(wait, oldest.Add(w.Window).Sub(now))
		}
	}
	if wait > 0 {
		return wait, true
	}
	for i := range l.windows {
		w := &l.windows[i]
		w.passed[w.next] = now
		w.next = (w.next + 1) % len(w.passed)
	}
	return 0, false
}

// overLimit counts a request of a client of a service against the limits.
func (s *Sandbox) overLimit(v *service, client string, limits []spec.RateLimit) (wait time.Duration, over bool) {
	if len(limits) == 0 {
		return 0, false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	key := v.table.Name + " " + client
	l := s.limits[key]
	if l == nil {
		l = newLimiter(limits)
		s.limits[key] = l
	}
	return l.take(time.Now())
}

// throttled counts a response with status 429, and sets its Retry-After: whole
// seconds, rounded up.
func (s *Sandbox) throttled(w http.ResponseWriter, wait time.Duration) (seconds int64) {
	s.log.count(func(c *Counters) { c.RateLimited++ })
	seconds = int64(math.Ceil(wait.Seconds()))
	if !s.set.noRetryAfter {
		w.Header().Set("Retry-After", strconv.FormatInt(seconds, 10))
	}
	return seconds
}
