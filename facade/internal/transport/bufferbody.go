package transport

import (
	"bytes"
	"context"
	"errors"
	"net/http"

	"github.com/credkit/credkit-go/facade/internal/safehttp"
)

// bufferBody reads a good response that is not streamed within the attempt, so that
// one which is cut off counts as no response and can be asked for again. Its
// status and header come back with the error.
func bufferBody(next Handler, limit int64) Handler {
	return func(ctx context.Context, call *Call) (*http.Response, error) {
		resp, err := next(ctx, call)
		if err != nil || call.Stream || !succeeded(resp) {
			return resp, err
		}
		body, err := safehttp.ReadSized(resp.Body, resp.ContentLength, limit)
		_ = resp.Body.Close() // read, or given up
		var large *safehttp.TooLargeError
		switch {
		case err == nil:
			call.Body = body
			buffered := &memoryBody{}
			buffered.Reset(body)
			resp.Body = buffered
			return resp, nil
		case errors.As(err, &large), ctx.Err() != nil:
		default:
			err = &NetworkError{Host: call.Request.URL.Host, Err: err}
		}
		resp.Body = http.NoBody
		return resp, err
	}
}

// memoryBody is a body that is in memory.
type memoryBody struct{ bytes.Reader }

// Close does nothing.
func (*memoryBody) Close() error { return nil }
