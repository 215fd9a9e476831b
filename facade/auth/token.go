package auth

import (
	"log/slog"
	"time"
	"unique"
)

// redacted stands wherever a secret would have been printed.
const redacted = "[redacted]"

// Token is one access token. It is comparable, so that a refused token can be
// named to [Renewer.Renew]. The zero Token is no token. Its value is reached
// by [Token.Value] alone: every way of printing it is redacted.
type Token struct {
	// A handle compares by what it stands for and prints as an address, also
	// where fmt cannot call our methods: in somebody's unexported field.
	value   unique.Handle[string]
	expires time.Time
}

// NewToken makes a Token of the value a server issued. A zero expires means
// that its end is not known. An empty value makes the zero Token.
func NewToken(value string, expires time.Time) Token {
	if value == "" {
		return Token{}
	}
	return Token{value: unique.Make(value), expires: expires}
}

// sendable reports whether value can stand in an Authorization header (RFC 6750
// section 2.1): visible ASCII alone. The empty value is left to others.
func sendable(value string) bool {
	for i := range len(value) {
		if value[i] <= ' ' || value[i] > '~' {
			return false
		}
	}
	return true
}

// Value returns the secret itself, as it goes into the Authorization header.
func (t Token) Value() string {
	if t.IsZero() {
		return ""
	}
	return t.value.Value()
}

// Expires returns when the token ends; zero if that is not known.
func (t Token) Expires() time.Time { return t.expires }

// IsZero reports whether there is no token.
func (t Token) IsZero() bool { return t.value == unique.Handle[string]{} }

// String returns a placeholder, never the token.
func (t Token) String() string { return redacted }

// GoString returns a placeholder, never the token.
func (t Token) GoString() string { return "auth.Token(" + redacted + ")" }

// MarshalText writes a placeholder, never the token.
func (t Token) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// LogValue logs a placeholder and the expiry, never the token.
func (t Token) LogValue() slog.Value {
	return slog.GroupValue(slog.String("value", redacted), slog.Time("expires", t.expires))
}

// secret holds a value that must not be printed. What is behind the pointer
// is printed neither by fmt nor by encoding/json nor by log/slog, also where
// they meet it in an unexported field of another struct. The zero secret is
// the empty string.
type secret struct{ p *string }

func newSecret(v string) secret {
	if v == "" {
		return secret{}
	}
	return secret{&v}
}

func (s secret) value() string {
	if s.p == nil {
		return ""
	}
	return *s.p
}

func (s secret) isZero() bool { return s.p == nil }
