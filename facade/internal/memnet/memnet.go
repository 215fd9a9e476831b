// Package memnet is a network in memory: real HTTP over net.Pipe, without
// sockets, so that a cut connection is a cut connection and a testing/synctest
// bubble can let its time pass.
package memnet

import (
	"context"
	"errors"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

// Network is a set of listeners that can be dialled. The zero value has none.
type Network struct {
	mu        sync.Mutex
	listeners map[string]*listener
}

// Listen listens on an address: host:port, a host for all of its ports, or empty
// for every address that no other listener has. The end that Accept returns has
// the dialled address as its local one.
func (n *Network) Listen(address string) (net.Listener, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	address = strings.ToLower(address)
	if n.listeners[address] != nil {
		return nil, &net.OpError{Op: "listen", Net: "memory", Addr: Addr(address), Err: errors.New("address already in use")}
	}
	l := &listener{address: Addr(address), conns: make(chan net.Conn), closed: make(chan struct{})}
	if n.listeners == nil {
		n.listeners = map[string]*listener{}
	}
	n.listeners[address] = l
	return l, nil
}

// Dial connects to a listener, as http.Transport.DialContext does. An address
// that nobody listens on is a host that does not resolve.
func (n *Network) Dial(ctx context.Context, _, address string) (net.Conn, error) {
	address = strings.ToLower(address)
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	n.mu.Lock()
	var l *listener
	for _, name := range []string{address, host, ""} {
		if l = n.listeners[name]; l != nil {
			break
		}
	}
	n.mu.Unlock()
	if l == nil {
		return nil, &net.OpError{Op: "dial", Net: "memory", Err: &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}}
	}
	client, server := net.Pipe()
	select {
	case l.conns <- conn{server, Addr(address)}:
		return client, nil
	case <-l.closed:
		err = net.ErrClosed
	case <-ctx.Done():
		err = ctx.Err()
	}
	_, _ = client.Close(), server.Close()
	return nil, &net.OpError{Op: "dial", Net: "memory", Addr: Addr(address), Err: err}
}

// Transport returns an HTTP transport over the network. https needs no
// certificate and does no handshake: it is what goes to port 443.
func (n *Network) Transport() *http.Transport {
	return &http.Transport{
		DialContext:           n.Dial,
		DialTLSContext:        n.Dial,
		MaxIdleConnsPerHost:   64,
		IdleConnTimeout:       90 * time.Second,
		ExpectContinueTimeout: time.Second,
	}
}

// Addr is an address of the network.
type Addr string

// Network returns "memory".
func (Addr) Network() string { return "memory" }

// String returns the address as it was dialled or listened on.
func (a Addr) String() string { return string(a) }

// conn is the server's end of a connection.
type conn struct {
	net.Conn
	local Addr
}

// LocalAddr returns the address that was dialled.
func (c conn) LocalAddr() net.Addr { return c.local }

type listener struct {
	address Addr
	conns   chan net.Conn
	once    sync.Once
	closed  chan struct{}
}

// Accept waits for a dial or for Close.
func (l *listener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

// Close has Accept and Dial fail.
func (l *listener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

// Addr returns the address that is listened on.
func (l *listener) Addr() net.Addr { return l.address }
