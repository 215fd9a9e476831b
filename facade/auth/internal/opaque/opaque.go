// Package opaque keeps values with secrets in them from being printed.
package opaque

// A Value holds a value that fmt, encoding/json and log/slog do not print, also
// where they meet it in an unexported field of another struct. One pointer would
// not do: fmt follows a pointer to a struct when a verb does not fit it. The zero
// Value holds nil.
type Value[T any] struct{ value **T }

// Of returns a Value that holds v.
func Of[T any](v *T) Value[T] {
	if v == nil {
		return Value[T]{}
	}
	return Value[T]{&v}
}

// Get returns what is held, nil for the zero Value.
func (o Value[T]) Get() *T {
	if o.value == nil {
		return nil
	}
	return *o.value
}
