package transport

import (
	"bytes"
	"context"
	"errors"
	"net/http"

	"github.com/credkit/credkit-go/facade/internal/safehttp"
)

// whole reads a good answer that is not streamed within the attempt, so that
// one which is cut off counts as no answer and can be asked for again.
func whole(next Handler, limit int64) Handler {
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
			call.Whole = body
			held := &heldBody{}
			held.Reset(body)
			resp.Body = held
			return resp, nil
		case errors.As(err, &large), ctx.Err() != nil:
			return nil, err
		default:
			return nil, &NetworkError{Host: call.Request.URL.Host, Err: err}
		}
	}
}

// heldBody is a body that is in memory.
type heldBody struct{ bytes.Reader }

// Close does nothing.
func (*heldBody) Close() error { return nil }
