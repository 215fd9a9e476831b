package transport

import (
	"bytes"
	"context"
	"errors"
	"io"
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
		body, err := safehttp.ReadAll(resp.Body, limit)
		_ = resp.Body.Close() // read, or given up
		var large *safehttp.TooLargeError
		switch {
		case err == nil:
			resp.Body = io.NopCloser(bytes.NewReader(body))
			call.Whole = body
			return resp, nil
		case errors.As(err, &large), ctx.Err() != nil:
			return nil, err
		default:
			return nil, &NetworkError{Host: call.Request.URL.Host, Err: err}
		}
	}
}
