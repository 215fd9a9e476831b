package sandbox

import (
	"crypto/ecdsa"
	"crypto/rand"
	"errors"
	"fmt"
	"html/template"
	"io"
	"log"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/credkit/credkit-go/api/certn"
	"github.com/credkit/credkit-go/api/cosmic"
	"github.com/credkit/credkit-go/facade/internal/memnet"
)

// Sandbox is both services and their sign-in. It is safe for use by many
// goroutines.
type Sandbox struct {
	set           *settings
	key           [32]byte          // of what is opaque to clients: refresh tokens, cursors
	signer        *ecdsa.PrivateKey // of JWTs
	keyID         string
	cosmic, certn *service
	memory        sync.Once       // builds transport
	transport     *http.Transport // of Transport
	pages         *template.Template
	client        *http.Client // of Start; nil after New

	log    *requestLog
	faults faults
	grants grants
	limits map[string]*limiter // by service and client id; guarded by mu

	issued, refused atomic.Uint64 // access tokens: the last number given, the last number refused

	mu      sync.Mutex
	scopes  map[string][]string // changed scopes of apps
	created map[string][][]byte // certifications that a user added
	creates map[string]create   // by user and Idempotency-Key

	life sync.RWMutex // guards shut and ends
	shut bool
	done chan struct{}
	busy sync.WaitGroup
	ends []func()
}

// The base URLs of a sandbox without listeners; its own transport reaches them.
const (
	memoryCosmicHost = "cosmic.sandbox.test"
	memoryCertnHost  = "certn.sandbox.test"
)

// New makes a sandbox that does not listen. It is reached through its
// Transport, or through its handlers. Close it in the end.
func New(opts ...Option) (*Sandbox, error) {
	s, err := newSandbox(opts)
	if err != nil {
		return nil, err
	}
	s.cosmic.base = "https://" + memoryCosmicHost + s.set.basePath
	s.certn.base = "https://" + memoryCertnHost + s.set.basePath
	return s, nil
}

// Start makes a sandbox that listens on loopback, a port for each service.
// Close it in the end.
func Start(opts ...Option) (*Sandbox, error) {
	s, err := newSandbox(opts)
	if err != nil {
		return nil, err
	}
	for _, at := range []struct {
		service *service
		addr    string
	}{{s.cosmic, s.set.cosmicAddr}, {s.certn, s.set.certnAddr}} {
		l, err := net.Listen("tcp", at.addr)
		if err != nil {
			s.Close()
			return nil, fmt.Errorf("sandbox: listening for %s: %w", at.service.table.Title, err)
		}
		at.service.base = "http://" + reachable(l.Addr().String()) + s.set.basePath
		s.serve(l, at.service)
	}
	transport := &http.Transport{MaxIdleConnsPerHost: 16}
	s.atEnd(transport.CloseIdleConnections)
	s.client = &http.Client{Transport: transport}
	return s, nil
}

// reachable is the address to connect to for one that is listened on: an
// unspecified host means loopback, too.
func reachable(addr string) string {
	if at, err := netip.ParseAddrPort(addr); err == nil && at.Addr().IsUnspecified() {
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), at.Port()).String()
	}
	return addr
}

func newSandbox(opts []Option) (*Sandbox, error) {
	set, err := newSettings(opts)
	if err != nil {
		return nil, err
	}
	signer, keyID, err := newSigner()
	if err != nil {
		return nil, fmt.Errorf("sandbox: %w", err)
	}
	s := &Sandbox{
		signer:  signer,
		keyID:   keyID,
		set:     set,
		log:     newRequestLog(set.logSize),
		limits:  map[string]*limiter{},
		scopes:  map[string][]string{},
		created: map[string][][]byte{},
		creates: map[string]create{},
		done:    make(chan struct{}),
		pages:   pages(),
	}
	_, _ = rand.Read(s.key[:]) // never fails: crypto/rand.Read
	s.faults.seed(set.seed)
	s.grants.init()
	s.cosmic = newService(s, &cosmic.Service)
	s.certn = newService(s, &certn.Service)
	s.routeCosmic()
	s.routeCertn()
	return s, nil
}

// serve serves l until Close.
func (s *Sandbox) serve(l net.Listener, h http.Handler) {
	server := &http.Server{
		Handler:           h,
		ReadHeaderTimeout: time.Minute,
		ErrorLog:          log.New(io.Discard, "", 0),
	}
	s.life.Lock()
	defer s.life.Unlock()
	if s.shut {
		_ = l.Close()
		return
	}
	s.busy.Go(func() { _ = server.Serve(l) }) // it ends with Close
	s.ends = append(s.ends, func() { _ = server.Close() })
}

// atEnd has Close call f.
func (s *Sandbox) atEnd(f func()) {
	s.life.Lock()
	defer s.life.Unlock()
	s.ends = append(s.ends, f)
}

// Close stops listening, ends requests in flight and waits for them, so it must
// not be called from within one. A second Close does nothing.
func (s *Sandbox) Close() {
	s.life.Lock()
	already, ends := s.shut, s.ends
	s.shut = true
	s.life.Unlock()
	if already {
		return
	}
	close(s.done)
	for _, end := range slices.Backward(ends) {
		end()
	}
	s.busy.Wait()
}

// begin counts a request in, unless the sandbox is closed.
func (s *Sandbox) begin() bool {
	s.life.RLock()
	defer s.life.RUnlock()
	if s.shut {
		return false
	}
	s.busy.Add(1)
	return true
}

// CosmicURL is COSMIC's base URL, without a trailing slash.
func (s *Sandbox) CosmicURL() string { return s.cosmic.base }

// CertnURL is Certn's base URL, without a trailing slash.
func (s *Sandbox) CertnURL() string { return s.certn.base }

// CosmicHandler serves COSMIC alone. A cut connection is shown by hijacking,
// or by panicking with [http.ErrAbortHandler] as net/http has it.
func (s *Sandbox) CosmicHandler() http.Handler { return s.cosmic }

// Handler serves both services under one address: their paths differ.
func (s *Sandbox) Handler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.certn.knows(r) {
			s.certn.ServeHTTP(w, r)
			return
		}
		s.cosmic.ServeHTTP(w, r)
	})
}

// Client returns an HTTP client that reaches the sandbox, over sockets after
// Start and in memory after New. Close ends its idle connections.
func (s *Sandbox) Client() *http.Client {
	if s.client != nil {
		return s.client
	}
	return &http.Client{Transport: s.Transport()}
}

// App returns the first registered app.
func (s *Sandbox) App() App { return s.set.apps[0] }

// Apps returns all registered apps.
func (s *Sandbox) Apps() []App { return slices.Clone(s.set.apps) }

// User returns the first user of COSMIC.
func (s *Sandbox) User() User { return s.set.users[0] }

// CertnClient returns Certn's client id and secret.
func (s *Sandbox) CertnClient() (id, secret string) { return s.set.certnID, s.set.certnSecret }

// app finds a registered app.
func (s *Sandbox) app(id string) (*App, bool) {
	for i := range s.set.apps {
		if s.set.apps[i].ClientID == id {
			return &s.set.apps[i], true
		}
	}
	return nil, false
}

// user finds a user by id or e-mail address; the empty name is the first one.
func (s *Sandbox) user(name string) (*User, bool) {
	if name == "" {
		return &s.set.users[0], true
	}
	for i := range s.set.users {
		if u := &s.set.users[i]; u.ID == name || u.Email == name {
			return u, true
		}
	}
	return nil, false
}

// Transport returns a round tripper over connections in memory: it carries
// real HTTP, so that a cut is a cut, without a socket, so that time may stand
// still in a testing/synctest bubble. It reaches the sandbox's base URLs and
// the origins of [WithHost]; every other host is refused as an address that does
// not resolve. https needs no certificate. It is the same one each time.
func (s *Sandbox) Transport() http.RoundTripper {
	s.memory.Do(func() {
		var network memnet.Network
		mount := func(host string, h http.Handler) {
			if l, err := network.Listen(host); err == nil { // the same host twice: the first
				s.serve(l, h)
			}
		}
		mount(hostOf(s.cosmic.base), s.cosmic)
		mount(hostOf(s.certn.base), s.certn)
		for host, h := range s.set.hosts {
			mount(host, h)
		}
		s.transport = network.Transport()
		s.atEnd(s.transport.CloseIdleConnections)
	})
	return s.transport
}

// hostOf returns the host of a base URL, with its port if it has one.
func hostOf(base string) string {
	_, rest, _ := strings.Cut(base, "://")
	host, _, _ := strings.Cut(rest, "/")
	return host
}

var errTooLong = errors.New("it is longer than 1 MiB")
