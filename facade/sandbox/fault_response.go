package sandbox

import (
	"errors"
	"maps"
	"net"
	"net/http"
	"time"
)

// apply lets r meet the fault. real responds to r as without a fault; done ends
// waits when the sandbox closes.
func (f *fault) apply(w http.ResponseWriter, r *http.Request, done <-chan struct{}, real func(http.ResponseWriter)) {
	if f.delay > 0 && !pause(r, done, f.delay) {
		cut(w, f.reset)
		return
	}
	switch {
	case f.hang:
		linger(r, done)
		cut(w, f.reset)
		return
	case f.cutBefore:
		cut(w, f.reset)
		return
	case f.cutAfter:
		real(&discard{header: http.Header{}})
		cut(w, f.reset)
		return
	}
	answer := real
	if canned := f.canned(r); canned != nil {
		if f.processing {
			real(&discard{header: http.Header{}})
		}
		answer = canned
	}
	if f.cutAt < 0 && f.dripEvery == 0 {
		answer(&headed{ResponseWriter: w, header: f.header})
		return
	}
	n := &narrow{ResponseWriter: &headed{ResponseWriter: w, header: f.header}, fault: f, request: r, done: done}
	answer(n)
	n.flush()
	if f.cutAt >= 0 || n.ended {
		cut(w, f.reset)
	}
}

// canned returns the response that takes the place of the real one, or nil.
func (f *fault) canned(r *http.Request) func(http.ResponseWriter) {
	if f.handler == nil && f.status == 0 && !f.hasBody {
		return nil
	}
	return func(w http.ResponseWriter) {
		if f.handler != nil {
			f.handler.ServeHTTP(w, r)
			return
		}
		status := f.status
		if status == 0 {
			status = http.StatusOK
		}
		writeBody(w, status, "", f.body)
	}
}

// linger waits until the client has left or the sandbox closes.
func linger(r *http.Request, done <-chan struct{}) {
	select {
	case <-r.Context().Done():
	case <-done:
	}
}

// pause waits, and reports whether anybody still waits for the response.
func pause(r *http.Request, done <-chan struct{}, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-r.Context().Done():
	case <-done:
	}
	return false
}

// cut closes the connection under w. What was written and flushed before has
// left.
func cut(w http.ResponseWriter, reset bool) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler) // net/http's own way of ending a connection
	}
	if tcp, ok := conn.(*net.TCPConn); ok && reset {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}

// discard takes a response that nobody will see.
type discard struct{ header http.Header }

// Header returns headers that go nowhere.
func (d *discard) Header() http.Header { return d.header }

// WriteHeader drops the status.
func (d *discard) WriteHeader(int) {}

// Write drops b.
func (d *discard) Write(b []byte) (int, error) { return len(b), nil }

// headed puts the fault's headers over those of the response.
type headed struct {
	http.ResponseWriter
	header http.Header
	wrote  bool
}

// Unwrap is for http.ResponseController.
func (h *headed) Unwrap() http.ResponseWriter { return h.ResponseWriter }

// WriteHeader adds the headers.
func (h *headed) WriteHeader(status int) {
	if !h.wrote {
		h.wrote = true
		maps.Copy(h.Header(), h.header)
	}
	h.ResponseWriter.WriteHeader(status)
}

// Write adds the headers first.
func (h *headed) Write(b []byte) (int, error) {
	if !h.wrote {
		h.WriteHeader(http.StatusOK)
	}
	return h.ResponseWriter.Write(b)
}

var errNarrow = errors.New("sandbox: the fault let no more through")

// narrow lets a response through up to a cut, or bit by bit.
type narrow struct {
	http.ResponseWriter
	fault   *fault
	request *http.Request
	done    <-chan struct{}
	sent    int64
	ended   bool // the client left while it dripped
}

// Unwrap is for http.ResponseController.
func (n *narrow) Unwrap() http.ResponseWriter { return n.ResponseWriter }

// Write lets through what the fault allows.
func (n *narrow) Write(b []byte) (written int, err error) {
	for len(b) > 0 {
		piece := b
		if at := n.fault.cutAt; at >= 0 {
			if piece = piece[:min(int64(len(piece)), at-n.sent)]; len(piece) == 0 {
				return written, errNarrow
			}
		}
		if every := n.fault.dripEvery; every > 0 {
			piece = piece[:min(len(piece), n.fault.dripBytes)]
			if n.sent > 0 && !pause(n.request, n.done, every) {
				n.ended = true
				return written, errNarrow
			}
		}
		if _, err := n.ResponseWriter.Write(piece); err != nil {
			n.ended = true
			return written, err
		}
		if n.fault.dripEvery > 0 {
			n.flush()
		}
		written, n.sent, b = written+len(piece), n.sent+int64(len(piece)), b[len(piece):]
	}
	return written, nil
}

func (n *narrow) flush() { _ = http.NewResponseController(n.ResponseWriter).Flush() }
