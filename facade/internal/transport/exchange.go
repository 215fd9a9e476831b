package transport

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"github.com/credkit/credkit-go/api/spec"
)

// exchange is one request and its response, from the attempt to the end of the
// body. It ends when the server lets the timeout pass, and it is the body of
// the response.
type exchange struct {
	caller  context.Context // the call's
	ctx     context.Context // the request's, which the timeout cancels
	cancel  context.CancelCauseFunc
	timeout time.Duration
	timer   *time.Timer

	body   io.ReadCloser
	call   *Call
	stream bool // the time between two reads is the caller's
	once   sync.Once

	looked, wrote atomic.Bool // how far the request got, if it is traced
}

func newExchange(ctx context.Context, timeout time.Duration) *exchange {
	x := &exchange{caller: ctx, timeout: timeout}
	x.ctx, x.cancel = context.WithCancelCause(ctx)
	x.timer = time.AfterFunc(timeout, x.expire)
	return x
}

func (x *exchange) expire() { x.cancel(&TimeoutError{Waited: x.timeout}) }

func (x *exchange) end() {
	x.timer.Stop()
	x.cancel(nil)
}

// shorten gives the exchange no more than d from now.
func (x *exchange) shorten(d time.Duration) { x.timer.Reset(min(d, x.timeout)) }

// withTrace returns the context for the request. Whether anything of it was
// written matters where it may not be sent twice, so only there it is traced.
func (x *exchange) withTrace(call *Call) context.Context {
	if call.Operation.Retry == spec.RetrySafe {
		return x.ctx
	}
	return httptrace.WithClientTrace(x.ctx, &httptrace.ClientTrace{
		GetConn:          func(string) { x.looked.Store(true) },
		WroteHeaderField: func(string, []string) { x.wrote.Store(true) },
		WroteHeaders:     func() { x.wrote.Store(true) },
	})
}

// unsent reports whether for certain nothing was written: the connection
// could not be made, or a transport that reports its progress never began to
// write. A transport that reports nothing may have sent anything.
func (x *exchange) unsent(err error) bool {
	var op *net.OpError
	if errors.As(err, &op) && op.Op == "dial" || permanent(err) {
		return true
	}
	return x.looked.Load() && !x.wrote.Load()
}

// cause tells our own timeout from other failures, and drops the URL that
// net/http puts around an error: its query is nobody's business.
func (x *exchange) cause(err error) error {
	var timeout *TimeoutError
	if errors.As(context.Cause(x.ctx), &timeout) {
		return timeout
	}
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		return wrapped.Err
	}
	return err
}

// receive puts the exchange in the place of the response's body.
func (x *exchange) receive(resp *http.Response, call *Call, stream bool) {
	if stream {
		x.timer.Stop()
	}
	x.body, x.call, x.stream = resp.Body, call, stream
	if x.body == nil {
		x.body = http.NoBody
	}
	resp.Body = x
}

// Read reads of the response's body, and fails with the caller's context, the
// exchange's timeout, or what the transport says.
func (x *exchange) Read(p []byte) (int, error) {
	if x.caller.Err() != nil { // whether or not the transport cares
		return 0, ContextError(x.caller)
	}
	if x.stream {
		x.timer.Reset(x.timeout)
		defer x.timer.Stop()
	}
	n, err := x.body.Read(p)
	if err != nil && err != io.EOF {
		if x.caller.Err() != nil {
			return n, ContextError(x.caller)
		}
		var timeout *TimeoutError
		if errors.As(context.Cause(x.ctx), &timeout) {
			return n, timeout
		}
		if err != io.ErrUnexpectedEOF { //nolint:errorlint // that one says nothing of its own
			return n, x.call.secrets().RedactError(err)
		}
	}
	return n, err
}

// Close closes the response's body and ends the exchange.
func (x *exchange) Close() error {
	err := x.body.Close()
	x.once.Do(x.end)
	return err
}
