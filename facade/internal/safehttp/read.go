package safehttp

import (
	"bytes"
	"fmt"
	"io"
)

// TooLargeError says that a response was longer than its reader allows.
type TooLargeError struct {
	// Limit is the number of bytes that would have been read.
	Limit int64
}

// Error implements error.
func (e *TooLargeError) Error() string {
	return fmt.Sprintf("the response is longer than %d bytes", e.Limit)
}

// ReadAll reads r to its end. Past limit bytes it stops with the first limit
// bytes and a *TooLargeError; any other error comes with what was read so far.
func ReadAll(r io.Reader, limit int64) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(r, limit+1))
	if int64(len(b)) > limit {
		return b[:limit], &TooLargeError{Limit: limit}
	}
	return b, err
}

// largestSize is the longest body for which ReadSized makes room at once: a
// server that only says that much is coming must not cost more.
const largestSize = 64 << 10

// ReadSized is ReadAll for a reader that is said to hold size bytes, which is
// negative if nothing is said: no more memory is used than that, if it is true.
func ReadSized(r io.Reader, size, limit int64) ([]byte, error) {
	if size < 0 || size > min(limit, largestSize) {
		return ReadAll(r, limit)
	}
	b := make([]byte, 0, size+1) // one more, to come to the end
	for len(b) < cap(b) {
		n, err := r.Read(b[len(b):cap(b)])
		b = b[:len(b)+n]
		if err == io.EOF { //nolint:errorlint // one within another error is a failure
			return b, nil
		}
		if err != nil {
			return b, err
		}
	}
	return ReadAll(io.MultiReader(bytes.NewReader(b), r), limit) // more came than was said
}
