package drift

import (
	"context"
	"errors"
	"io"
)

var (
	// errTooLong: one token is beyond the limit.
	errTooLong = errors.New("drift: a value is too long")
	// errTrailing: the body goes on after its JSON.
	errTrailing = errors.New("drift: more after the end")
	// errStopped: whoever read the response had enough of it.
	errStopped = errors.New("drift: the response was not read to its end")
)

// source is the body on its way to the decoder: it counts, ends with the
// context, and bounds what the decoder has to hold for a single token.
type source struct {
	ctx   context.Context
	in    io.Reader
	read  int64
	head  []byte       // the first bytes
	limit int          // of a token; 0 is none
	used  func() int64 // how much the decoder is done with
}

func (s *source) Read(p []byte) (int, error) {
	if err := s.ctx.Err(); err != nil {
		return 0, err
	}
	if s.limit > 0 && s.read-s.used() > int64(s.limit) {
		return 0, errTooLong
	}
	n, err := s.in.Read(p)
	s.read += int64(n)
	if room := 64 - len(s.head); room > 0 && n > 0 {
		s.head = append(s.head, p[:min(n, room)]...)
	}
	return n, err
}

// drain reads what is left, so that the sender is not cut off. How the body
// ends is of no interest any more.
func (s *source) drain() error {
	s.limit = 0
	_, err := io.Copy(io.Discard, s)
	if errors.Is(err, errStopped) || errors.Is(err, io.ErrUnexpectedEOF) {
		return nil
	}
	return err
}
