package transport

import (
	"context"
	"net/http"
	"time"
)

// observe calls f after each request.
func observe(next Handler, f func(context.Context, *Call, int, time.Duration, error)) Handler {
	if f == nil {
		return next
	}
	return func(ctx context.Context, call *Call) (*http.Response, error) {
		start, attempts := time.Now(), call.Attempts
		resp, err := next(ctx, call)
		if call.Attempts > attempts { // a request was made
			status := 0
			if err == nil {
				status = resp.StatusCode
			}
			f(ctx, call, status, time.Since(start), err)
		}
		return resp, err
	}
}
