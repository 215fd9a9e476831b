package signin

import (
	"cmp"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/credkit/credkit-go/facade/auth"
	"github.com/credkit/credkit-go/facade/auth/internal/opaque"
)

// A Sealer makes a [Pending] fit for a cookie: encrypted and authenticated
// (AES-256-GCM). It remembers which of them were completed, so keep one for
// the life of the program. Safe for many goroutines.
type Sealer struct {
	aeads []opaque.Value[cipher.AEAD] // the first seals, all open
	spent ledger
}

// pendingLabel separates these keys and texts from any other use of a key.
const pendingLabel = "credkit pending sign-in 1"

// NewSealer makes a Sealer of keys, each of at least 32 random bytes. The
// first seals; all open, so that a key can be changed: put the new one first
// and drop the old one ten minutes later. Processes that share the keys can
// complete each other's sign-ins. The error is a *auth.ConfigError.
func NewSealer(keys ...[]byte) (*Sealer, error) {
	if len(keys) == 0 {
		return nil, &auth.ConfigError{Problem: "NewSealer was given no key", Remedy: "pass 32 random bytes"}
	}
	s := &Sealer{}
	for i, key := range keys {
		if len(key) < 32 {
			return nil, &auth.ConfigError{Problem: fmt.Sprintf("key %d of NewSealer has %d bytes", i+1, len(key)), Remedy: "pass at least 32 random bytes"}
		}
		derived, err := hkdf.Key(sha256.New, key, nil, pendingLabel, 32)
		if err != nil {
			return nil, &auth.ConfigError{Problem: "a key of NewSealer cannot be used", Err: err}
		}
		block, err := aes.NewCipher(derived)
		if err != nil {
			return nil, &auth.ConfigError{Problem: "a key of NewSealer cannot be used", Err: err}
		}
		aead, err := cipher.NewGCMWithRandomNonce(block)
		if err != nil {
			return nil, &auth.ConfigError{Problem: "a key of NewSealer cannot be used", Err: err}
		}
		s.aeads = append(s.aeads, opaque.Of(&aead))
	}
	return s, nil
}

// Seal returns p as text for a cookie, some 500 bytes long.
func (s *Sealer) Seal(p Pending) (string, error) {
	if p.IsZero() {
		return "", errors.New("auth: there is no sign-in to seal")
	}
	data, err := p.p.Get().encode()
	if err != nil {
		return "", fmt.Errorf("auth: sealing a sign-in: %w", err)
	}
	return base64.RawURLEncoding.Strict().EncodeToString((*s.aeads[0].Get()).Seal(nil, nil, data, []byte(pendingLabel))), nil
}

// Open returns what was sealed. It fails for text that no key of the Sealer
// sealed. An expired sign-in opens; [Complete] refuses it.
func (s *Sealer) Open(sealed string) (Pending, error) {
	data, err := base64.RawURLEncoding.Strict().DecodeString(sealed)
	if err != nil {
		return Pending{}, errors.New("auth: the sealed sign-in cannot be read")
	}
	for _, aead := range s.aeads {
		plain, err := (*aead.Get()).Open(nil, nil, data, []byte(pendingLabel))
		if err != nil {
			continue
		}
		p, err := decodePending(plain)
		if err != nil {
			return Pending{}, err
		}
		return Pending{p: opaque.Of(p), spent: &s.spent}, nil
	}
	return Pending{}, errors.New("auth: the sealed sign-in was not sealed with a key of this program, or was changed")
}

// Cookie returns the cookie that carries p through the browser: HttpOnly,
// SameSite=Lax, ten minutes long. Where the redirect URI is https it is Secure
// and has the prefix __Host- (RFC 6265bis section 4.1.3.2), by which no other
// host of the domain can set it; that prefix asks for the path /. Elsewhere,
// which is http on a loopback address, it is sent to the redirect URI's path
// alone. Each sign-in has a name of its own, so that two tabs do not disturb
// each other.
func (s *Sealer) Cookie(p Pending) (*http.Cookie, error) {
	sealed, err := s.Seal(p)
	if err != nil {
		return nil, err
	}
	u, err := url.Parse(p.p.Get().Redirect)
	if err != nil {
		return nil, errors.New("auth: the sign-in's redirect URI cannot be read")
	}
	c := &http.Cookie{
		Name: cookieName(p.p.Get().State), Value: sealed, Path: cmp.Or(u.EscapedPath(), "/"), MaxAge: int(pendingLife / time.Second),
		HttpOnly: true, SameSite: http.SameSiteLaxMode,
	}
	if strings.EqualFold(u.Scheme, "https") {
		c.Name, c.Path, c.Secure = hostPrefix+c.Name, "/", true
	}
	return c, nil
}

// FromRequest returns the Pending of the browser that made r, a request to
// the redirect URI, and the cookie to set so that the browser drops it. No
// cookie for r's state is an *Error that is [ErrState]: the sign-in was
// begun in another browser, or never.
func (s *Sealer) FromRequest(r *http.Request) (Pending, *http.Cookie, error) {
	name := cookieName(r.URL.Query().Get("state"))
	c, err := r.Cookie(hostPrefix + name)
	if err != nil {
		c, err = r.Cookie(name)
	}
	if err != nil {
		return Pending{}, nil, &Error{Problem: "it was not begun in this browser, or more than ten minutes ago: start again", err: ErrState}
	}
	unreadable := &Error{Problem: "the cookie of this browser cannot be read: start again"}
	drop := &http.Cookie{Name: c.Name, Path: r.URL.EscapedPath(), MaxAge: -1, HttpOnly: true, SameSite: http.SameSiteLaxMode}
	if c.Name != name {
		drop.Path, drop.Secure = "/", true
	}
	p, err := s.Open(c.Value)
	if err != nil {
		return Pending{}, drop, unreadable
	}
	// Only the cookie as it was set counts: without its prefix another host of
	// the domain may have set it. And behind a proxy the path of the request may
	// be another than that of the redirect URI.
	set, err := s.Cookie(p)
	if err != nil || set.Name != c.Name {
		return Pending{}, drop, unreadable
	}
	drop.Path = set.Path
	return p, drop, nil
}

// hostPrefix makes browsers take a cookie only with Secure, the path / and no
// domain, and so from this very host.
const hostPrefix = "__Host-"

func cookieName(state string) string {
	h := sha256.Sum256([]byte(state))
	return "credkit_signin_" + hex.EncodeToString(h[:8])
}
