package sandbox

import (
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
	stallAt     int64 // -1 is nowhere
	dripBytes   int
	dripEvery   time.Duration
	reset       bool
	holdSession time.Duration
	processing  bool // the request takes its effect before a canned answer
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
	f := &fault{left: -1, percent: 100, cutAt: -1, stallAt: -1, header: http.Header{}}
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
	if f.cutAt >= 0 && f.stallAt >= 0 {
		errs = append(errs, errors.New("an answer is cut or it stalls, not both"))
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
