package sandbox

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

// way is how a request arrived.
type way int

const (
	overSocket     way = iota // whatever the handler was mounted on
	secureInMemory            // https in memory: real HTTP, no TLS handshake
	plainInMemory             // http to a service that is https
)

type wayKey struct{}

func arrival(r *http.Request) way {
	w, _ := r.Context().Value(wayKey{}).(way)
	return w
}

// connContext tells requests how their connection came.
func connContext(ctx context.Context, c net.Conn) context.Context {
	if m, ok := c.(memoryConn); ok {
		return context.WithValue(ctx, wayKey{}, m.way)
	}
	return ctx
}

// memoryConn is the server's end of an in-memory connection.
type memoryConn struct {
	net.Conn
	way way
}

// network is the in-memory network behind Transport.
type network struct {
	once      sync.Once
	transport *http.Transport
	listeners map[string]*memoryListener // by host
}

// Transport returns a round tripper over in-memory connections: it carries
// real HTTP, so that a cut is a cut, without a socket, so that time may stand
// still in a testing/synctest bubble. It reaches the sandbox's base URLs and
// the origins of [WithHost]; every other host is refused as an address that does
// not resolve. https needs no certificate. It is the same one each time.
func (s *Sandbox) Transport() http.RoundTripper {
	s.network.once.Do(s.buildNetwork)
	return s.network.transport
}

func (s *Sandbox) buildNetwork() {
	n := &s.network
	n.listeners = map[string]*memoryListener{}
	mount := func(host string, h http.Handler) {
		l := &memoryListener{host: host, conns: make(chan net.Conn), done: make(chan struct{})}
		n.listeners[host] = l
		s.serve(l, h)
	}
	mount(hostOf(s.cosmic.base), s.cosmic)
	mount(hostOf(s.certn.base), s.certn)
	for host, h := range s.set.hosts {
		mount(host, h)
	}
	n.transport = &http.Transport{
		DialContext: func(ctx context.Context, _, addr string) (net.Conn, error) {
			return n.dial(ctx, addr, plainInMemory)
		},
		DialTLSContext: func(ctx context.Context, _, addr string) (net.Conn, error) {
			return n.dial(ctx, addr, secureInMemory)
		},
		MaxIdleConnsPerHost:   64,
		IdleConnTimeout:       90 * time.Second,
		ExpectContinueTimeout: time.Second,
	}
	s.atEnd(n.transport.CloseIdleConnections)
}

// hostOf returns the host of a base URL, with its port if it has one.
func hostOf(base string) string {
	_, rest, _ := strings.Cut(base, "://")
	host, _, _ := strings.Cut(rest, "/")
	return host
}

// dial connects to a host of the network. A host with a port of its own, as
// Start gives it, is http by right.
func (n *network) dial(ctx context.Context, addr string, w way) (net.Conn, error) {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	l := n.listeners[strings.ToLower(host)]
	if own := n.listeners[addr]; own != nil {
		l, w = own, overSocket
	}
	if l == nil {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: &net.DNSError{Err: "no such host in the sandbox", Name: host, IsNotFound: true}}
	}
	near, far := net.Pipe()
	select {
	case l.conns <- memoryConn{far, w}:
		return near, nil
	case <-l.done:
		err = errClosed
	case <-ctx.Done():
		err = ctx.Err()
	}
	_, _ = near.Close(), far.Close()
	return nil, &net.OpError{Op: "dial", Net: "tcp", Err: fmt.Errorf("%s: %w", host, err)}
}

// memoryListener hands the far ends of dialled connections to a server.
type memoryListener struct {
	host  string
	conns chan net.Conn
	once  sync.Once
	done  chan struct{}
}

// Accept waits for a dial or for Close.
func (l *memoryListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

// Close ends Accept.
func (l *memoryListener) Close() error {
	l.once.Do(func() { close(l.done) })
	return nil
}

// Addr names the host.
func (l *memoryListener) Addr() net.Addr { return memoryAddr(l.host) }

type memoryAddr string

// Network says that the address is in memory.
func (memoryAddr) Network() string { return "memory" }

// String returns the host.
func (a memoryAddr) String() string { return string(a) }
