package facade

import (
	"io"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/credkit/credkit-go/facade/internal/safehttp"
)

// stream is an answer that is read as it comes, through a window. What a
// window shows is for the shortcut of wire_shortcut.go; what it cannot read is
// for the JSON package, which holds values of any length up to the limit.
type stream struct {
	src    io.Reader
	err    error // what src ended in
	limit  int64
	window []byte
	at     int   // what lies before it in the window is done with
	past   int64 // how much of the answer lay before the window

	waiting func() // called before more is read, which may take its time; may be nil

	values *jsontext.Decoder // reads through handOver
	from   int64             // where it began
}

// The window is small for a short answer.
const (
	windowLeast = 2 << 10
	windowMost  = 16 << 10
)

// start begins with another answer, in the memory that there is.
func (s *stream) start(src io.Reader) {
	s.src, s.err, s.window, s.at, s.past = src, nil, s.window[:0], 0, 0
}

// offset counts the bytes of the answer that are done with.
func (s *stream) offset() int64 { return s.past + int64(s.at) }

// full reports whether a value that begins here is longer than a window.
func (s *stream) full() bool { return len(s.window)-s.at >= windowMost }

// fill reads on. Its error is io.EOF at the end of the answer, and comes again.
func (s *stream) fill() error {
	if s.err != nil {
		return s.err
	}
	if s.waiting != nil {
		s.waiting()
	}
	window := s.window
	switch cap(window) {
	case 0:
		window = make([]byte, 0, windowLeast)
	case len(window):
		if cap(window) < windowMost {
			window = make([]byte, 0, windowMost)
		}
	}
	s.window = append(window[:0], s.window[s.at:]...)
	s.past += int64(s.at)
	s.at = 0
	for range 100 {
		var n int
		n, s.err = s.src.Read(s.window[len(s.window):cap(s.window)])
		s.window = s.window[:len(s.window)+n]
		if n > 0 {
			return nil
		}
		if s.err != nil {
			return s.err
		}
	}
	s.err = io.ErrNoProgress
	return s.err
}

// peek steps over white space, within the limit, and returns the byte with
// which the next token begins.
func (s *stream) peek() (byte, error) {
	for begin := s.offset(); ; {
		for ; s.at < len(s.window); s.at++ {
			if c := s.window[s.at]; !isSpace(c) {
				return c, nil
			}
		}
		if s.offset()-begin > s.limit {
			return 0, &safehttp.TooLargeError{Limit: s.limit}
		}
		if err := s.fill(); err != nil {
			return 0, err
		}
	}
}

func isSpace(c byte) bool { return c == ' ' || c == '\n' || c == '\t' || c == '\r' }

// value reads the value that is next: any JSON without duplicate names. It is
// valid until the next call.
func (s *stream) value() (jsontext.Value, error) {
	d := s.decoder()
	raw, err := d.ReadValue()
	s.at -= len(d.UnreadBuffer())
	return raw, err
}

// skip steps over the value that is next, however long it is.
func (s *stream) skip() error {
	d := s.decoder()
	err := d.SkipValue()
	s.at -= len(d.UnreadBuffer())
	return err
}

// decoder returns the JSON package's, reading from here on. What it has not
// used in the end lies before s.at: it asks for more only when it needs it.
func (s *stream) decoder() *jsontext.Decoder {
	s.from = s.offset()
	if s.values == nil {
		s.values = jsontext.NewDecoder((*handOver)(s), decoding())
	} else {
		s.values.Reset((*handOver)(s), decoding())
	}
	return s.values
}

// handOver is a stream as the JSON package reads it. It fails once more than
// the limit is held.
type handOver stream

// Read implements io.Reader.
func (h *handOver) Read(p []byte) (int, error) {
	s := (*stream)(h)
	if s.offset()-s.from-s.values.InputOffset() > s.limit {
		return 0, &safehttp.TooLargeError{Limit: s.limit}
	}
	if s.at == len(s.window) {
		if err := s.fill(); err != nil {
			return 0, err
		}
	}
	n := copy(p, s.window[s.at:])
	s.at += n
	return n, nil
}
