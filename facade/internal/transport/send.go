package transport

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// NetworkError says that a request brought no answer.
type NetworkError struct {
	// Host is where the request went.
	Host string
	// Unsent says that for certain no byte of the request left the process.
	Unsent bool
	// Err is the cause. It prints redacted: it may quote the server, a proxy's
	// address or a header.
	Err error
}

// Error implements error.
func (e *NetworkError) Error() string {
	cause := abridged(e.Err.Error())
	if e.Unsent {
		return "the request to " + e.Host + " could not be sent: " + cause
	}
	return "no response from " + e.Host + ": " + cause
}

// abridged is a text without its middle if it is long. The end of the error of
// a certificate with many names is what it should have been.
func abridged(text string) string {
	const begin, end = 150, 80
	if len(text) <= begin+end {
		return text
	}
	return strings.ToValidUTF8(text[:begin], "") + "…" + strings.ToValidUTF8(text[len(text)-end:], "")
}

// Unwrap returns the cause.
func (e *NetworkError) Unwrap() error { return e.Err }

// TimeoutError says that a server let the time for one request pass.
type TimeoutError struct {
	// Waited is how long.
	Waited time.Duration
}

// Error implements error.
func (e *TimeoutError) Error() string {
	return fmt.Sprintf("the server did not go on for %v", e.Waited)
}

// Timeout reports true, as that of net.Error does.
func (e *TimeoutError) Timeout() bool { return true }

// Unwrap returns os.ErrDeadlineExceeded.
func (e *TimeoutError) Unwrap() error { return os.ErrDeadlineExceeded }

// send makes one request, under a timeout of its own.
func send(client *http.Client, timeout time.Duration, userAgent string) Handler {
	return func(ctx context.Context, call *Call) (*http.Response, error) {
		limited, cancel := context.WithCancelCause(ctx)
		watch := newWatch(timeout, cancel)
		var trace progress
		req, err := attempt(httptrace.WithClientTrace(limited, trace.hooks()), call, userAgent)
		if err != nil {
			watch.end()
			return nil, err
		}
		call.Attempts++
		resp, err := client.Do(req)
		if err != nil {
			watch.end()
			if ctx.Err() != nil {
				return nil, Ended(ctx)
			}
			return nil, &NetworkError{Host: req.URL.Host, Unsent: trace.unsent(err), Err: call.secrets().RedactError(cause(limited, err))}
		}
		stream := call.Stream && succeeded(resp) // an error is read at once
		if stream {
			watch.pause()
		}
		resp.Body = &watchedBody{body: resp.Body, call: call, ctx: limited, caller: ctx, watch: watch, stream: stream}
		return resp, nil
	}
}

func succeeded(resp *http.Response) bool { return resp.StatusCode >= 200 && resp.StatusCode <= 299 }

// attempt clones the call's request for one attempt.
func attempt(ctx context.Context, call *Call, userAgent string) (*http.Request, error) {
	req := call.Request.Clone(ctx)
	if call.Request.GetBody != nil {
		body, err := call.Request.GetBody()
		if err != nil {
			return nil, fmt.Errorf("the request's body cannot be read again: %w", err)
		}
		req.Body = body
		// Without GetBody net/http does not send the request again by itself.
		// It would do so for any request that has an Idempotency-Key, whether
		// or not the server is known to honour one.
		req.GetBody = nil
	}
	if userAgent != "" && req.Header.Get("User-Agent") == "" {
		req.Header.Set("User-Agent", userAgent)
	}
	return req, nil
}

// cause tells our own timeout from other failures, and drops the URL that
// net/http puts around an error: its query is nobody's business.
func cause(ctx context.Context, err error) error {
	var timeout *TimeoutError
	if errors.As(context.Cause(ctx), &timeout) {
		return timeout
	}
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		return wrapped.Err
	}
	return err
}

// progress watches how far a request got.
type progress struct{ looked, wrote atomic.Bool }

func (p *progress) hooks() *httptrace.ClientTrace {
	return &httptrace.ClientTrace{
		GetConn:          func(string) { p.looked.Store(true) },
		WroteHeaderField: func(string, []string) { p.wrote.Store(true) },
		WroteHeaders:     func() { p.wrote.Store(true) },
	}
}

// unsent reports whether for certain nothing was written: the connection
// could not be made, or a transport that reports its progress never began to
// write. A transport that reports nothing may have sent anything.
func (p *progress) unsent(err error) bool {
	var op *net.OpError
	if errors.As(err, &op) && op.Op == "dial" {
		return true
	}
	return p.looked.Load() && !p.wrote.Load()
}

// watch ends a request when its server lets the timeout pass.
type watch struct {
	timeout time.Duration
	cancel  context.CancelCauseFunc
	timer   *time.Timer
}

func newWatch(timeout time.Duration, cancel context.CancelCauseFunc) *watch {
	w := &watch{timeout: timeout, cancel: cancel}
	w.timer = time.AfterFunc(timeout, func() { cancel(&TimeoutError{Waited: timeout}) })
	return w
}

func (w *watch) pause()  { w.timer.Stop() }
func (w *watch) resume() { w.timer.Reset(w.timeout) }

// hurry gives the request no more than d from now.
func (w *watch) hurry(d time.Duration) { w.timer.Reset(min(d, w.timeout)) }

func (w *watch) end() {
	w.timer.Stop()
	w.cancel(nil)
}

// watchedBody is a body whose reads are under the watch.
type watchedBody struct {
	body        io.ReadCloser
	call        *Call
	ctx, caller context.Context
	watch       *watch
	stream      bool
	once        sync.Once
}

func (b *watchedBody) Read(p []byte) (int, error) {
	if b.caller.Err() != nil { // whether or not the transport cares
		return 0, Ended(b.caller)
	}
	if b.stream {
		b.watch.resume()
		defer b.watch.pause()
	}
	n, err := b.body.Read(p)
	if err != nil && err != io.EOF {
		var timeout *TimeoutError
		switch {
		case b.caller.Err() != nil:
			err = Ended(b.caller)
		case errors.As(context.Cause(b.ctx), &timeout):
			err = timeout
		case err != io.ErrUnexpectedEOF: //nolint:errorlint // that one says nothing of its own
			err = b.call.secrets().RedactError(err)
		}
	}
	return n, err
}

func (b *watchedBody) Close() error {
	err := b.body.Close()
	b.once.Do(b.watch.end)
	return err
}
