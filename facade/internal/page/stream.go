package page

import (
	"io"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/credkit/credkit-go/api/wire"
	"github.com/credkit/credkit-go/facade/internal/safehttp"
)

// stream is a response body that is read as it comes, through a window that
// has the element being read. Values of the envelope are read by the JSON
// library, which skips them however long they are.
type stream struct {
	src       io.Reader
	err       error // what reading src ended in
	limit     int64 // of bytes held at once
	window    []byte
	at        int   // what lies before it in the window is done with
	discarded int64 // how many bytes of the body lay before the window

	// BeforeRead is called before more of the body is read, which may take its
	// time; nil for nothing.
	BeforeRead func()

	values *jsontext.Decoder // reads through libraryReader
	from   int64             // where it began
}

// The window is small for a short body, and grows beyond windowMost only for an
// element that is longer.
const (
	windowLeast = 2 << 10
	windowMost  = 16 << 10
)

// start begins with another body, in the memory that there is. The length is
// that of the body; negative if it is not known.
func (s *stream) start(src io.Reader, length int64) {
	s.src, s.err, s.window, s.at, s.discarded = src, nil, s.window[:0], 0, 0
	if cap(s.window) > windowMost {
		s.window = nil
	}
	if s.window == nil && length >= 0 {
		s.window = make([]byte, 0, min(length+1, windowMost)) // one more than its length shows the end
	}
}

// offset counts the bytes of the body that are done with.
func (s *stream) offset() int64 { return s.discarded + int64(s.at) }

// fill reads on, and keeps what is not done with. Its error is io.EOF at the
// end of the body, and comes again.
func (s *stream) fill() error {
	if s.err != nil {
		return s.err
	}
	if s.BeforeRead != nil {
		s.BeforeRead()
	}
	rest := s.window[s.at:]
	window := s.window[:0]
	switch {
	case cap(window) == 0:
		window = make([]byte, 0, windowLeast)
	case len(rest) == cap(window), cap(window) < windowMost && len(s.window) == cap(window):
		window = make([]byte, 0, max(windowMost, 2*len(rest)))
	}
	s.discarded += int64(s.at)
	s.at = 0
	s.window = append(window, rest...)
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
			switch c := s.window[s.at]; c {
			case ' ', '\n', '\t', '\r':
			default:
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

// element reads the value that is next into v and returns its length in bytes.
func (s *stream) element(scanner *wire.Scanner, v wire.Value) (size int, mismatch *wire.Error, err error) {
	size, mismatch, err = scanner.Read(s.window[s.at:], v)
	if err == io.ErrUnexpectedEOF { //nolint:errorlint // the scanner's own, never wrapped
		_, failed := s.buffer()
		if failed != nil && failed != io.EOF { //nolint:errorlint // one within another error is a failure
			return 0, nil, failed
		}
		size, mismatch, err = scanner.Read(s.window[s.at:], v)
	}
	if int64(size) > s.limit {
		return 0, nil, &safehttp.TooLargeError{Limit: s.limit}
	}
	s.at += size
	return size, mismatch, err
}

// buffer reads on until the window has the whole of the value that is next, and
// returns its length.
func (s *stream) buffer() (int, error) {
	for value := (wire.Boundary{}); ; {
		length, ok := value.Find(s.window[s.at:])
		if int64(length) > s.limit {
			return 0, &safehttp.TooLargeError{Limit: s.limit}
		}
		if ok {
			return length, nil
		}
		if err := s.fill(); err != nil {
			return 0, err
		}
	}
}

// value reads the value that is next: any JSON without duplicate names. It is
// valid until the next call.
func (s *stream) value() (jsontext.Value, error) {
	length, err := s.buffer()
	if err != nil {
		return nil, err
	}
	raw := s.window[s.at : s.at+length]
	s.at += length
	return raw, wire.Check(raw)
}

// skip steps over the value that is next, however long it is. It is the JSON
// library that reads it, as the window need not hold it.
func (s *stream) skip() error {
	s.from = s.offset()
	if s.values == nil {
		s.values = jsontext.NewDecoder((*libraryReader)(s), decoding)
	} else {
		s.values.Reset((*libraryReader)(s), decoding)
	}
	err := s.values.SkipValue()
	// What the library has not used lies before s.at: it asks for more only when
	// it needs it.
	s.at -= len(s.values.UnreadBuffer())
	return err
}

// libraryReader is a stream as the JSON library reads it. It fails once more
// than the limit is held.
type libraryReader stream

// Read implements io.Reader.
func (r *libraryReader) Read(p []byte) (int, error) {
	s := (*stream)(r)
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
