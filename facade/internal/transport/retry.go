package transport

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/credkit/credkit-go/api/spec"
	"github.com/credkit/credkit-go/facade/internal/safehttp"
)

// retry sends a call again where its class allows it.
func retry(next Handler, policy RetryPolicy, budget *Budget, service string, logger *slog.Logger) Handler {
	return func(ctx context.Context, call *Call) (*http.Response, error) {
		retries := NewRetries(policy, budget)
		for {
			if ctx.Err() != nil {
				return nil, ContextError(ctx)
			}
			resp, err := next(ctx, call)
			if !retryable(call, resp, err) {
				if err == nil && succeeded(resp) {
					budget.earn()
				}
				return resp, err
			}
			var asked, wait time.Duration
			if resp != nil {
				asked, _ = safehttp.RetryAfter(resp.Header, time.Now())
			}
			if err == nil && throttled(resp) {
				call.GaveUp = retries.refused(ctx, asked)
			} else {
				wait, call.GaveUp = retries.next(ctx, asked)
			}
			if call.GaveUp != "" {
				return resp, err
			}
			if logger != nil {
				logger.LogAttrs(ctx, slog.LevelInfo, "sending a call again", slog.String("service", service),
					slog.String("operation", string(call.Operation.ID)), slog.Int("attempt", call.Attempts),
					slog.Duration("after", max(wait, asked)), slog.String("reason", reason(resp, err)))
			}
			if resp != nil {
				discard(resp)
			}
			if err := sleep(ctx, wait); err != nil {
				return nil, err
			}
		}
	}
}

// retryable reports whether the outcome of a call allows it to be sent again.
func retryable(call *Call, resp *http.Response, err error) bool {
	op := call.Operation
	repeatable := op.Retry == spec.RetrySafe ||
		op.Retry == spec.RetryIdempotencyKey && op.IdempotencyTrusted && call.Request.Header.Get(op.IdempotencyHeader) != ""
	if err != nil {
		var network *NetworkError
		return errors.As(err, &network) && (repeatable || network.Unsent) && !permanent(err)
	}
	switch code := resp.StatusCode; {
	case code == http.StatusTooManyRequests:
		return true
	case code == http.StatusNotImplemented, code == http.StatusHTTPVersionNotSupported:
		return false
	default:
		return repeatable && (code == http.StatusRequestTimeout || code >= 500)
	}
}

// permanent reports whether a failed connection will fail in the same way each time
// until somebody changes a setting: a certificate that is not trusted or is not
// the host's, a server that does not speak TLS, a proxy that wants credentials.
func permanent(err error) bool {
	var (
		verification *tls.CertificateVerificationError
		authority    x509.UnknownAuthorityError
		hostname     x509.HostnameError
		invalid      x509.CertificateInvalidError
		noTLS        tls.RecordHeaderError
	)
	if errors.As(err, &verification) || errors.As(err, &authority) || errors.As(err, &hostname) || errors.As(err, &invalid) ||
		errors.As(err, &noTLS) || errors.Is(err, http.ErrSchemeMismatch) {
		return true
	}
	// Of a CONNECT that a proxy refuses net/http passes on the reason phrase alone.
	for ; err != nil; err = errors.Unwrap(err) {
		if strings.EqualFold(err.Error(), http.StatusText(http.StatusProxyAuthRequired)) {
			return true
		}
	}
	return false
}

func reason(resp *http.Response, err error) string {
	if err != nil {
		return err.Error() // a NetworkError prints redacted
	}
	return resp.Status
}

// discard reads a little of a response nobody wants, for a little while, so
// that its connection can be used again, and closes it.
func discard(resp *http.Response) {
	const most, patience = 64 << 10, time.Second
	if x, ok := resp.Body.(*exchange); ok {
		x.shorten(patience)
	}
	_, _ = io.CopyN(io.Discard, resp.Body, most) // the response is given up either way
	_ = resp.Body.Close()
}
