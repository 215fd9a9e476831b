package transport

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"
)

// NetworkError says that a request brought no response.
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
	return "no complete response from " + e.Host + ": " + cause
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
	product := []string{userAgent}
	roundTrip := client.Do
	if client.Jar == nil { // then http.Client does nothing for a request that is not redirected
		roundTrip = client.Transport.RoundTrip
	}
	_, standard := client.Transport.(*http.Transport)
	private := client.Jar != nil || !standard
	return func(ctx context.Context, call *Call) (*http.Response, error) {
		if userAgent != "" && call.Request.Header["User-Agent"] == nil {
			call.Request.Header["User-Agent"] = product
		}
		x := newExchange(ctx, timeout)
		req, err := attempt(x.withTrace(call), call, private)
		if err != nil {
			x.end()
			return nil, err
		}
		call.Attempts++
		resp, err := roundTrip(req)
		if err == nil && resp == nil {
			err = errors.New("the transport returned neither a response nor an error")
		}
		if err != nil {
			x.end()
			if ctx.Err() != nil {
				return nil, ContextError(ctx)
			}
			return nil, &NetworkError{Host: req.URL.Host, Unsent: x.unsent(err), Err: call.secrets().RedactError(x.cause(err))}
		}
		x.receive(resp, call, call.Stream && succeeded(resp)) // an error is read at once
		return resp, nil
	}
}

func succeeded(resp *http.Response) bool { return resp.StatusCode >= 200 && resp.StatusCode <= 299 }

// attempt returns the call's request for one attempt. What may change a
// request, a cookie jar, middleware or a caller's transport, gets a private
// copy; http.Transport changes none.
func attempt(ctx context.Context, call *Call, private bool) (req *http.Request, err error) {
	if private {
		req = call.Request.Clone(ctx)
	} else {
		req = call.Request.WithContext(ctx)
	}
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
	return req, nil
}
