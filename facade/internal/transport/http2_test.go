package transport

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"testing"

	"github.com/credkit/credkit-go/api/cosmic"
)

// The frames of HTTP/2 (RFC 9113 section 6) that these tests speak.
const (
	frameData, frameHeaders, frameReset, frameSettings, framePing, frameGoAway = 0x0, 0x1, 0x3, 0x4, 0x6, 0x7
	flagEnd, flagEndHeaders                                                    = 0x1, 0x4 // flagEnd is ACK where there is one

	noError, internalError, refusedStream = 0x0, 0x2, 0x7
)

// rawHTTP2 serves HTTP/2 without TLS. It responds to each connection's first
// request with 200, if warm, and gives each later one to f, once its head is
// there or once it is whole.
type rawHTTP2 struct {
	warm, whole bool
	f           func(c *http2Conn, stream uint32)

	requests atomic.Int32 // that f got
	conns    atomic.Int32
}

type http2Conn struct{ net.Conn }

func (c *http2Conn) frame(kind, flags byte, stream uint32, payload ...byte) {
	head := make([]byte, 9, 9+len(payload))
	binary.BigEndian.PutUint32(head, uint32(len(payload))<<8|uint32(kind)) //nolint:gosec // a few bytes
	head[4] = flags
	binary.BigEndian.PutUint32(head[5:], stream)
	_, _ = c.Write(append(head, payload...)) // a client that has gone hears nothing
}

func number(n uint32) []byte { return binary.BigEndian.AppendUint32(nil, n) }

func (s *rawHTTP2) serve(listener net.Listener) {
	for {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		s.conns.Add(1)
		go s.connection(&http2Conn{conn})
	}
}

func (s *rawHTTP2) connection(c *http2Conn) {
	defer func() { _ = c.Close() }()
	if _, err := io.ReadFull(c, make([]byte, len("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"))); err != nil {
		return
	}
	c.frame(frameSettings, 0, 0)
	cold := s.warm && s.conns.Load() == 1
	for {
		var head [9]byte
		if _, err := io.ReadFull(c, head[:]); err != nil {
			return
		}
		length, kind, flags := binary.BigEndian.Uint32(head[:])>>8, head[3], head[4]
		stream := binary.BigEndian.Uint32(head[5:])
		payload := make([]byte, length)
		if _, err := io.ReadFull(c, payload); err != nil {
			return
		}
		switch {
		case kind == frameSettings && flags&flagEnd == 0:
			c.frame(frameSettings, flagEnd, 0)
		case kind == framePing && flags&flagEnd == 0:
			c.frame(framePing, flagEnd, 0, payload...)
		case kind == frameHeaders && cold:
			cold = false
			c.frame(frameHeaders, flagEndHeaders|flagEnd, stream, 0x88) // RFC 7541 appendix A: ":status: 200"
		case kind == frameHeaders && !s.whole, (kind == frameHeaders || kind == frameData) && flags&flagEnd != 0 && s.whole:
			s.requests.Add(1)
			s.f(c, stream)
		}
	}
}

// Of a stream that is refused net/http can know that the server did nothing,
// and sends it again by itself where it may. A create is on the wire once all
// the same, on a new connection and on one that was used before.
func TestACreateOverHTTP2IsSentOnce(t *testing.T) {
	for name, f := range map[string]func(c *http2Conn, stream uint32){
		"the stream is refused": func(c *http2Conn, stream uint32) {
			c.frame(frameReset, 0, stream, number(refusedStream)...)
		},
		"the stream is reset": func(c *http2Conn, stream uint32) {
			c.frame(frameReset, 0, stream, number(internalError)...)
		},
		"the server goes away before it": func(c *http2Conn, stream uint32) {
			c.frame(frameGoAway, 0, 0, append(number(stream-2), number(noError)...)...)
			_ = c.Close()
		},
		"the server goes away after it": func(c *http2Conn, stream uint32) {
			c.frame(frameGoAway, 0, 0, append(number(stream), number(internalError)...)...)
			_ = c.Close()
		},
		"the connection is closed": func(c *http2Conn, _ uint32) { _ = c.Close() },
	} {
		for _, warm := range []bool{false, true} {
			for _, whole := range []bool{false, true} {
				t.Run(name, func(t *testing.T) {
					listener, err := net.Listen("tcp", "127.0.0.1:0")
					if err != nil {
						t.Fatal(err)
					}
					server := &rawHTTP2{warm: warm, whole: whole, f: f}
					go server.serve(listener)
					defer func() { _ = listener.Close() }()
					protocols := new(http.Protocols)
					protocols.SetUnencryptedHTTP2(true)
					transport := &http.Transport{Protocols: protocols}
					defer transport.CloseIdleConnections()
					origin := "http://" + listener.Addr().String()
					h := chain(t, origin, &http.Client{Transport: transport})
					if warm {
						resp, err := h(t.Context(), read(t, origin, cosmic.OpGetMe))
						if err != nil || resp.ProtoMajor != 2 {
							t.Fatalf("%v, %v", resp, err)
						}
						discard(resp)
					}
					call := create(t, origin)
					_, err = h(t.Context(), call)
					var network *NetworkError
					if !errors.As(err, &network) || network.Unsent || call.Attempts != 1 || server.requests.Load() != 1 {
						t.Errorf("warm %t, whole %t: the server saw %d creates in %d attempts: %v", warm, whole, server.requests.Load(), call.Attempts, err)
					}
				})
			}
		}
	}
}

// What only reads is asked for again, so that a server's going away is not seen.
func TestAReadOverHTTP2SurvivesAServerThatGoesAway(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	server := &rawHTTP2{warm: true, whole: true}
	server.f = func(c *http2Conn, stream uint32) {
		if server.requests.Load() == 1 {
			c.frame(frameGoAway, 0, 0, append(number(stream), number(internalError)...)...)
			_ = c.Close()
			return
		}
		c.frame(frameHeaders, flagEndHeaders|flagEnd, stream, 0x88)
	}
	go server.serve(listener)
	protocols := new(http.Protocols)
	protocols.SetUnencryptedHTTP2(true)
	transport := &http.Transport{Protocols: protocols}
	defer transport.CloseIdleConnections()
	origin := "http://" + listener.Addr().String()
	h := chain(t, origin, &http.Client{Transport: transport})
	for range 2 {
		resp, err := h(t.Context(), read(t, origin, cosmic.OpGetMe))
		if err != nil || resp.StatusCode != 200 {
			t.Fatalf("%v, %v", resp, err)
		}
		discard(resp)
	}
}
