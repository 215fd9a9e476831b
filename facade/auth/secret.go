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

// hidden holds a value with secrets in it, as secret does. One pointer would
// not do: fmt follows a pointer to a struct when a verb does not fit it.
type hidden[T any] struct{ value **T }

func hide[T any](v *T) hidden[T] {
	if v == nil {
		return hidden[T]{}
	}
	return hidden[T]{&v}
}

// reveal returns what is hidden, nil for the zero hidden.
func (h hidden[T]) reveal() *T {
	if h.value == nil {
		return nil
	}
	return *h.value
}
