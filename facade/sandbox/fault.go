package sandbox

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/credkit/credkit-go/api/spec"
)

// What faults and the request log call the endpoints that are no operation of
// openapi.yaml.
const (
	// OpToken is COSMIC's token endpoint.
	OpToken spec.OperationID = "token"
	// OpAuthorize is COSMIC's authorize URL, which shows the consent page.
	OpAuthorize spec.OperationID = "authorize"
	// OpConsent is where the consent page's form goes.
	OpConsent spec.OperationID = "consent"
	// OpUserInfo is OpenID Connect's user info.
	OpUserInfo spec.OperationID = "userinfo"
	// OpLogout ends sessions at COSMIC's identity service.
	OpLogout spec.OperationID = "logout"
	// OpMetadata are the documents under .well-known.
	OpMetadata spec.OperationID = "metadata"
	// OpCertnToken is Certn's token endpoint.
	OpCertnToken spec.OperationID = "certnToken"
)

// Part is one part of a fault: where it strikes, how often, or what happens.
// [Sandbox.Fail] puts parts together.
type Part func(*fault) error

// fault is a script for some requests.
type fault struct {
	// Which requests.
	on      []spec.OperationID
	when    []func(*http.Request) bool
	skip    int
	left    int // -1 is without end
	percent float64
	random  *rand.Rand

	// What happens to them.
	names       []string
	delay       time.Duration
	handler     http.Handler
	status      int
	header      http.Header
	body        []byte
	hasBody     bool
	hang        bool
	cutBefore   bool
	cutAfter    bool
	cutAt       int64 // -1 is nowhere
	dripBytes   int
	dripEvery   time.Duration
	reset       bool
	holdSession time.Duration
	processing  bool // the request takes its effect before a canned response
}

// faults are the scripts in force, in the order in which they were given.
type faults struct {
	mu      sync.Mutex
	scripts []*fault
	random  *rand.Rand
}

func (f *faults) seed(seed uint64) { f.random = rand.New(rand.NewPCG(seed, 0x5eed)) }

// Fail adds a fault. Without [On] it strikes every request; without [Times]
// or [Percent] every time, until [Sandbox.ClearFaults]. A request meets at most one
// fault, the oldest that fits, so that faults given one after another are a
// script: twice 503, then once 429. An error means that nothing was added.
func (s *Sandbox) Fail(parts ...Part) error {
	f := &fault{left: -1, percent: 100, cutAt: -1, header: http.Header{}}
	var errs []error
	for _, p := range parts {
		if p != nil {
			errs = append(errs, p(f))
		}
	}
	known := s.endpointNames()
	for _, op := range f.on {
		if !slices.Contains(known, op) {
			errs = append(errs, fmt.Errorf("there is no %q: want one of %v", op, known))
		}
	}
	if len(f.names) == 0 {
		errs = append(errs, errors.New("nothing happens in this fault"))
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("sandbox: fault: %w", err)
	}
	s.faults.mu.Lock()
	defer s.faults.mu.Unlock()
	s.faults.scripts = append(s.faults.scripts, f)
	return nil
}

// ClearFaults removes all faults.
func (s *Sandbox) ClearFaults() {
	s.faults.mu.Lock()
	defer s.faults.mu.Unlock()
	s.faults.scripts = nil
}

// endpointNames are what On may name.
func (s *Sandbox) endpointNames() []spec.OperationID {
	names := map[spec.OperationID]bool{}
	for _, v := range []*service{s.cosmic, s.certn} {
		for _, methods := range v.endpoints {
			for _, at := range methods {
				names[at.name] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(names))
}

// take returns the fault that r meets, if any.
func (f *faults) take(op spec.OperationID, r *http.Request) *fault {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i, s := range f.scripts {
		if !s.fits(op, r) {
			continue
		}
		if s.skip > 0 {
			s.skip--
			continue
		}
		random := f.random
		if s.random != nil {
			random = s.random
		}
		if s.percent < 100 && random.Float64()*100 >= s.percent {
			continue
		}
		if s.left > 0 {
			if s.left--; s.left == 0 {
				f.scripts = slices.Delete(f.scripts, i, i+1)
			}
		}
		return s
	}
	return nil
}

func (f *fault) fits(op spec.OperationID, r *http.Request) bool {
	if len(f.on) > 0 && !slices.Contains(f.on, op) {
		return false
	}
	for _, when := range f.when {
		if !when(r) {
			return false
		}
	}
	return true
}

// String names what happens, for the request log.
func (f *fault) String() string { return strings.Join(f.names, ", ") }

// does notes what a part does, for String.
func (f *fault) does(format string, args ...any) {
	f.names = append(f.names, fmt.Sprintf(format, args...))
}

// On limits a fault to some operations: operationIds of openapi.yaml, or the
// Op constants here.
func On(ops ...spec.OperationID) Part {
	return func(f *fault) error { f.on = append(f.on, ops...); return nil }
}

// When limits a fault to requests that want reports true for. Its path is
// without the base path; want must not read the body, nor call Fail or ClearFaults.
func When(want func(*http.Request) bool) Part {
	return func(f *fault) error {
		if want == nil {
			return errors.New("When without a function")
		}
		f.when = append(f.when, want)
		return nil
	}
}

// Times ends a fault after n requests.
func Times(n int) Part {
	return func(f *fault) error {
		if n < 1 {
			return fmt.Errorf("%d times: want at least once", n)
		}
		f.left = n
		return nil
	}
}

// After lets n fitting requests pass first.
func After(n int) Part {
	return func(f *fault) error {
		if n < 0 {
			return fmt.Errorf("after %d requests: want 0 or more", n)
		}
		f.skip = n
		return nil
	}
}

// Percent lets a fault meet about p in a hundred of the fitting requests,
// drawn from a seed of the sandbox's own; see [Seed].
func Percent(p float64) Part {
	return func(f *fault) error {
		if !(p > 0 && p <= 100) {
			return fmt.Errorf("%v percent: want more than 0 and at most 100", p)
		}
		f.percent = p
		return nil
	}
}

// Seed gives one fault a seed of its own for [Percent].
func Seed(seed uint64) Part {
	return func(f *fault) error { f.random = rand.New(rand.NewPCG(seed, 0xd1ce)); return nil }
}

// Delay waits before the request is processed, or until the client leaves.
func Delay(d time.Duration) Part {
	return func(f *fault) error {
		if d <= 0 {
			return fmt.Errorf("a delay of %s: want more than nothing", d)
		}
		f.delay = d
		f.does("delay %s", d)
		return nil
	}
}

// HoldSession has a refresh hold its session for d before it rotates, as a slow
// hook of the server does; with On([OpToken]). Another refresh of that session
// waits, and after 5 s gets 409 with the code [Conflict].
func HoldSession(d time.Duration) Part {
	return func(f *fault) error {
		if d <= 0 {
			return fmt.Errorf("a session held for %s: want more than nothing", d)
		}
		f.holdSession = d
		f.does("session held for %s", d)
		return nil
	}
}

// HookTimeout responds to a token request as the server does when a hook of its own
// takes too long: 422 with the code hook_timeout. Nothing is rotated.
func HookTimeout() Part {
	return func(f *fault) error {
		const status = http.StatusUnprocessableEntity
		body, _ := json.Marshal(codeBody{status, "hook_timeout", "Failed to reach hook within maximum time"}) // plain data
		f.status, f.body, f.hasBody = status, body, true
		f.header.Set("Content-Type", "application/json")
		f.does("hook timeout")
		return nil
	}
}

// Status responds with a status, without processing the request. The body is
// empty if no [Body] goes with it.
func Status(status int) Part {
	return func(f *fault) error {
		if status < 200 || status > 999 {
			return fmt.Errorf("status %d: want 200 to 999", status)
		}
		f.status = status
		f.does("status %d", status)
		return nil
	}
}

// Body responds with a body, without processing the request; the status is 200
// if no [Status] goes with it.
func Body(contentType string, body []byte) Part {
	return func(f *fault) error {
		f.body, f.hasBody = body, true
		if contentType != "" {
			f.header.Set("Content-Type", contentType)
		}
		f.does("body of %d bytes", len(body))
		return nil
	}
}

// Header adds a header to the response, which may be the real one.
func Header(name, value string) Part {
	return func(f *fault) error {
		if name == "" {
			return errors.New("a header without a name")
		}
		f.header.Add(name, value)
		f.does("header %s", name)
		return nil
	}
}

// RetryAfter adds a Retry-After header: seconds, an HTTP date, or anything.
func RetryAfter(value string) Part { return Header("Retry-After", value) }

// Redirect responds with 302 to an address, or another [Status] that goes with it.
func Redirect(to string) Part {
	return func(f *fault) error {
		f.header.Set("Location", to)
		if f.status == 0 {
			f.status = http.StatusFound
		}
		f.does("redirect")
		return nil
	}
}

// Processed has the request take its effect before a canned response takes the
// place of the real one: a token endpoint that rotates and then says 503.
func Processed() Part {
	return func(f *fault) error { f.processing = true; f.does("processed"); return nil }
}

// Handle responds with a handler of the test's own, without processing the request.
// The request's path is without the base path.
func Handle(h http.HandlerFunc) Part {
	return func(f *fault) error {
		if h == nil {
			return errors.New("Handle without a handler")
		}
		f.handler = h
		f.does("a handler")
		return nil
	}
}

// Hang sends nothing until the client leaves or the sandbox closes. The
// request is not processed.
func Hang() Part {
	return func(f *fault) error { f.hang = true; f.does("hang"); return nil }
}

// CutBefore closes the connection before the request is processed.
func CutBefore() Part {
	return func(f *fault) error { f.cutBefore = true; f.does("cut before"); return nil }
}

// CutAfterProcessing lets the request take its effect, then closes the
// connection without a byte of the response: a token endpoint has rotated.
func CutAfterProcessing() Part {
	return func(f *fault) error { f.cutAfter = true; f.does("cut after processing"); return nil }
}

// CutAfter closes the connection after n bytes of the response's body, or at its
// end if it is shorter.
func CutAfter(n int64) Part {
	return func(f *fault) error {
		if n < 0 {
			return fmt.Errorf("a cut after %d bytes: want 0 or more", n)
		}
		f.cutAt = n
		f.does("cut after %d bytes", n)
		return nil
	}
}

// Reset makes a cut a TCP reset where there is TCP.
func Reset() Part {
	return func(f *fault) error { f.reset = true; return nil }
}

// Drip sends the response's body n bytes at a time with a wait between.
func Drip(n int, every time.Duration) Part {
	return func(f *fault) error {
		if n < 1 || every <= 0 {
			return fmt.Errorf("%d bytes every %s: want more than nothing", n, every)
		}
		f.dripBytes, f.dripEvery = n, every
		f.does("%d bytes every %s", n, every)
		return nil
	}
}
