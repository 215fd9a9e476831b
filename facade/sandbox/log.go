package sandbox

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/credkit/credkit-go/api/spec"
)

// Request is one request in the log. Nothing in it is a secret.
type Request struct {
	// Number counts requests from 1.
	Number int
	// At is when it arrived.
	At time.Time
	// Service is "cosmic" or "certn".
	Service string
	// Operation is the operationId or one of the Op constants here; empty if
	// the request reached neither.
	Operation spec.OperationID
	// Method, Path and Query are of its request line; secrets in the query are
	// redacted.
	Method, Path string
	Query        url.Values
	// Header is what it carried; Authorization and cookies are redacted.
	Header http.Header
	// Grant is the grant_type of a token request.
	Grant string
	// Token names the access token or refresh token it presented: the first 12
	// hexadecimal digits of its SHA-256. Empty if none.
	Token string
	// Status is that of the response; 0 while there is none, or when the
	// connection was cut before one.
	Status int
	// Bytes counts the bytes of the response's body.
	Bytes int64
	// Violation says what openapi.yaml does not allow about it; mostly empty.
	Violation string
	// Fault names the fault that met it; mostly empty.
	Fault string
	// Took is how long the response took; 0 while it is under way.
	Took time.Duration
}

// Counters counts what has happened since Start, New or [Sandbox.Reset].
type Counters struct {
	// Requests counts all of them.
	Requests int
	// Operations counts by operation, the Op constants here included.
	Operations map[spec.OperationID]int
	// Grants counts token requests by grant_type, COSMIC's and Certn's.
	Grants map[string]int
	// SignIns counts authorization codes turned into sessions.
	SignIns int
	// Refreshes counts good refresh responses: Rotations and Forgiven, and those
	// without rotation.
	Refreshes int
	// Rotations counts refreshes that made a new refresh token.
	Rotations int
	// Branched counts those of Rotations that gave a token which was used before
	// another child, within the reuse interval.
	Branched int
	// Forgiven counts replays that got the current refresh token again.
	Forgiven int
	// ReplaysRefused counts refresh tokens refused because they were used
	// before, or because their session has ended.
	ReplaysRefused int
	// FamiliesRevoked counts sessions ended by a replay.
	FamiliesRevoked int
	// Unauthorized counts operations refused with 401, Forbidden with 403,
	// RateLimited with 429, each by the sandbox itself and not by a fault.
	Unauthorized, Forbidden, RateLimited int
	// Violations counts requests that openapi.yaml does not allow.
	Violations int
	// Faults counts requests that met a fault.
	Faults int
}

// fingerprint names a token without showing it: the start of its SHA-256 in
// hexadecimal.
func fingerprint(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:6])
}

// requestLog is a ring of the newest requests, and the counters.
type requestLog struct {
	mu       sync.Mutex
	size     int
	ring     []Request // request n is at (n-1)%size
	total    int       // requests ever
	from     int       // the total at the last reset
	counters Counters
}

func newRequestLog(size int) *requestLog {
	return &requestLog{size: size, counters: emptyCounters()}
}

func emptyCounters() Counters {
	return Counters{Operations: map[spec.OperationID]int{}, Grants: map[string]int{}}
}

// start enters a request and returns its number.
func (l *requestLog) start(service string, op spec.OperationID, r *http.Request) int {
	entry := Request{
		At:        time.Now(),
		Service:   service,
		Operation: op,
		Method:    r.Method,
		Path:      r.URL.Path,
		Query:     redactQuery(r.URL.Query()),
		Header:    redactHeader(r.Header),
	}
	if scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " "); strings.EqualFold(scheme, "Bearer") {
		entry.Token = fingerprint(token)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.total++
	entry.Number = l.total
	if len(l.ring) < l.size {
		l.ring = append(l.ring, entry)
	} else {
		l.ring[(l.total-1)%l.size] = entry
	}
	l.counters.Requests++
	if op != "" {
		l.counters.Operations[op]++
	}
	return l.total
}

// update changes an entry that the ring still has.
func (l *requestLog) update(number int, f func(*Request)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if e := &l.ring[(number-1)%l.size]; e.Number == number {
		f(e)
	}
}

// entry returns a copy of an entry that the ring still has.
func (l *requestLog) entry(number int) (e Request) {
	l.update(number, func(at *Request) { e = *at })
	return e
}

func (l *requestLog) count(f func(*Counters)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f(&l.counters)
}

func (l *requestLog) fault(number int, name string) {
	l.update(number, func(e *Request) { e.Fault = name })
	l.count(func(c *Counters) { c.Faults++ })
}

// Requests returns the newest requests, oldest first, those under way
// included.
func (s *Sandbox) Requests() []Request {
	l := s.log
	l.mu.Lock()
	defer l.mu.Unlock()
	var out []Request
	for n := max(l.from, l.total-l.size) + 1; n <= l.total; n++ {
		out = append(out, l.ring[(n-1)%l.size])
	}
	return out
}

// RequestsOf returns those of [Sandbox.Requests] that reached one of ops.
func (s *Sandbox) RequestsOf(ops ...spec.OperationID) []Request {
	return slices.DeleteFunc(s.Requests(), func(r Request) bool { return !slices.Contains(ops, r.Operation) })
}

// Counters returns the counters as they stand.
func (s *Sandbox) Counters() Counters {
	s.log.mu.Lock()
	defer s.log.mu.Unlock()
	c := s.log.counters
	c.Operations, c.Grants = maps.Clone(c.Operations), maps.Clone(c.Grants)
	return c
}

// Count returns how many requests reached op.
func (s *Sandbox) Count(op spec.OperationID) int { return s.Counters().Operations[op] }

// Reset empties the request log and the counters. Sessions, data and faults
// stay.
func (s *Sandbox) Reset() {
	s.log.mu.Lock()
	defer s.log.mu.Unlock()
	s.log.from = s.log.total
	s.log.counters = emptyCounters()
}

const redacted = "[redacted]"

// redactQuery hides the parameters that are secret in any flow.
func redactQuery(q url.Values) url.Values {
	for _, name := range []string{"code", "state", "nonce", "access_token", "refresh_token", "client_secret", "code_verifier", "token", "request_id"} {
		if q.Has(name) {
			q.Set(name, redacted)
		}
	}
	return q
}

func redactHeader(h http.Header) http.Header {
	h = h.Clone()
	for _, name := range []string{"Authorization", "Cookie", "Proxy-Authorization"} {
		if v := h.Get(name); v != "" {
			scheme, _, _ := strings.Cut(v, " ")
			if name == "Cookie" {
				scheme = ""
			}
			h.Set(name, strings.TrimSpace(scheme+" "+redacted))
		}
	}
	return h
}

func requestID(number int) string { return fmt.Sprintf("sandbox-%d", number) }

// recorder notes the status before it leaves and counts bytes.
type recorder struct {
	http.ResponseWriter
	log    *requestLog
	number int
	wrote  bool
	bytes  int64
}

// Unwrap lets http.ResponseController flush and hijack.
func (w *recorder) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// WriteHeader notes the status, so that it is known once the client has it.
func (w *recorder) WriteHeader(status int) {
	if !w.wrote && status >= 200 {
		w.wrote = true
		w.log.update(w.number, func(e *Request) { e.Status = status })
	}
	w.ResponseWriter.WriteHeader(status)
}

// Write counts bytes.
func (w *recorder) Write(b []byte) (int, error) {
	if !w.wrote {
		w.WriteHeader(http.StatusOK)
	}
	n, err := w.ResponseWriter.Write(b)
	w.bytes += int64(n)
	return n, err
}

// finish closes the entry and tells the logger.
func (w *recorder) finish(logger *slog.Logger) {
	w.log.update(w.number, func(e *Request) { e.Bytes, e.Took = w.bytes, time.Since(e.At) })
	if logger == nil {
		return
	}
	e := w.log.entry(w.number)
	attrs := []any{"service", e.Service, "method", e.Method, "path", e.Path, "status", e.Status, "took", e.Took}
	for _, a := range []struct{ key, value string }{
		{"operation", string(e.Operation)}, {"query", e.Query.Encode()}, {"grant", e.Grant}, {"violation", e.Violation}, {"fault", e.Fault},
	} {
		if a.value != "" {
			attrs = append(attrs, a.key, a.value)
		}
	}
	logger.Info("sandbox request", attrs...)
}
