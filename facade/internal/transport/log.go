package transport

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/credkit/credkit-go/facade/internal/safehttp"
)

// logRequests logs each request: never a header, a query or a body.
func logRequests(next Handler, service, session string, logger *slog.Logger) Handler {
	if logger == nil {
		return next
	}
	return func(ctx context.Context, call *Call) (*http.Response, error) {
		if !logger.Enabled(ctx, slog.LevelDebug) {
			return next(ctx, call)
		}
		start := time.Now()
		resp, err := next(ctx, call)
		attrs := []slog.Attr{
			slog.String("service", service),
			slog.String("operation", string(call.Operation.ID)),
			slog.String("method", call.Request.Method),
			slog.String("path", call.Request.URL.Path),
			slog.Int("attempt", call.Attempts),
			slog.Duration("elapsed", time.Since(start)),
		}
		if session != "" {
			attrs = append(attrs, slog.String("session", session))
		}
		if err != nil {
			attrs = append(attrs, slog.String("error", safehttp.Redact(err.Error())))
		} else {
			attrs = append(attrs, slog.Int("status", resp.StatusCode))
		}
		logger.LogAttrs(ctx, slog.LevelDebug, "request", attrs...)
		return resp, err
	}
}
