// Package leaktest helps tests to find secrets in what a program could print.
package leaktest

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"sync"
)

// A Sink collects everything that a program could print of a value.
type Sink struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

// String returns all that was printed.
func (s *Sink) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.buf.String()
}

// Write implements io.Writer, for a logger.
func (s *Sink) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.buf.Write(p)
}

// holder is somebody's struct with our value in an unexported field, where fmt
// calls no methods.
type holder struct {
	value any
	inner struct{ value any }
	Value any
}

// Print prints values in every way, also where they lie in unexported fields of
// other structs.
func (s *Sink) Print(values ...any) {
	for _, v := range values {
		h := holder{value: v, Value: v}
		h.inner.value = v
		s.Show(h, &h)
	}
	s.Show(values...)
}

// Show prints values themselves and in exported places.
func (s *Sink) Show(values ...any) {
	for _, v := range values {
		for _, x := range []any{v, []any{v}, map[string]any{"x": v}, struct{ X any }{v}} {
			for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
				fmt.Fprintf(s, verb+"\n", x)
			}
			if data, err := json.Marshal(x); err == nil {
				s.Write(append(data, '\n')) //nolint:errcheck // never fails
			}
			slog.New(slog.NewTextHandler(s, nil)).Info("x", slog.Any("x", x))
			slog.New(slog.NewJSONHandler(s, nil)).Info("x", slog.Any("x", x))
		}
		if err, ok := v.(error); ok {
			for e := errors.Unwrap(err); e != nil; e = errors.Unwrap(e) {
				fmt.Fprintf(s, "%v %+v %#v\n", e, e, e)
			}
			func() {
				defer func() { fmt.Fprintln(s, recover()) }()
				panic(err) //nolint:forbidigo // the panic is what is tried
			}()
		}
	}
}

// Find returns the secrets that stand in the sink, in any common encoding.
func (s *Sink) Find(secrets ...string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	text := s.buf.String()
	lower := strings.ToLower(text)
	var found []string
	for _, secret := range secrets {
		for _, form := range []string{
			secret, url.QueryEscape(secret), base64.StdEncoding.EncodeToString([]byte(secret)), base64.RawURLEncoding.EncodeToString([]byte(secret)),
		} {
			if strings.Contains(text, form) {
				found = append(found, form)
			}
		}
		if h := hex.EncodeToString([]byte(secret)); strings.Contains(lower, h) {
			found = append(found, h)
		}
	}
	return found
}
