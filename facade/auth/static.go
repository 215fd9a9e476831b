package auth

import (
	"context"
	"time"
)

// StaticToken returns credentials that always give the same access token and
// never renew it. A value that cannot be sent (empty, or with a space, a line end
// or anything else that is not visible ASCII) is a *ConfigError when the
// credentials are bound.
func StaticToken(value string) Credentials { return static{NewToken(value, time.Time{})} }

type static struct{ token Token }

// String is a placeholder, never the token.
func (s static) String() string { return "auth.StaticToken(" + redacted + ")" }

// GoString is String.
func (s static) GoString() string { return s.String() }

// Source implements Credentials.
func (s static) Source(Endpoint) (Source, error) {
	if s.token.IsZero() {
		return nil, &ConfigError{Problem: "the static access token is empty", Remedy: "pass the token to StaticToken"}
	}
	if !sendable(s.token.Value()) {
		return nil, &ConfigError{Problem: "the static access token has a space, a line end or another character that no token may have",
			Remedy: "pass the token alone: of a file's content, what strings.TrimSpace leaves"}
	}
	return s, nil
}

// Token implements Source.
func (s static) Token(context.Context) (Token, error) { return s.token, nil }
