package transport

import (
	"context"
	"fmt"
	"net/http"

	"github.com/credkit/credkit-go/facade/internal/safehttp"
)

// checkOrigin refuses any request that would carry a token elsewhere than to the
// origin that the token was issued for.
func checkOrigin(next Handler, origin string) Handler {
	return func(ctx context.Context, call *Call) (*http.Response, error) {
		u := call.Request.URL
		if !safehttp.HasOrigin(u, origin) || call.Request.Host != "" && call.Request.Host != u.Host {
			return nil, fmt.Errorf("refused to send a token of %s to %s", origin, safehttp.Origin(u))
		}
		return next(ctx, call)
	}
}
