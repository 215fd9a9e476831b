package auth

// secret holds a value that must not be printed. What is behind the pointer
// is printed neither by fmt nor by encoding/json nor by log/slog, also where
// they meet it in an unexported field of another struct. The zero secret is
// the empty string.
type secret struct{ value *string }

func newSecret(v string) secret {
	if v == "" {
		return secret{}
	}
	return secret{&v}
}

func (s secret) reveal() string {
	if s.value == nil {
		return ""
	}
	return *s.value
}

func (s secret) isZero() bool { return s.value == nil }
