package safehttp

import (
	"fmt"
	"io"
)

// TooLargeError says that an answer was longer than its reader allows.
type TooLargeError struct {
	// Limit is the number of bytes that would have been read.
	Limit int64
}

// Error implements error.
func (e *TooLargeError) Error() string {
	return fmt.Sprintf("the answer is longer than %d bytes", e.Limit)
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
