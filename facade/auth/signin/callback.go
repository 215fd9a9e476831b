package signin

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/credkit/credkit-go/facade/auth"
)

// callback serves what comes to Login's port: the browser's return, and
// whatever else finds the port.
type callback struct {
	ctx      context.Context // of Login: a browser that goes away does not stop an exchange
	host     string          // of the listener: others are refused (DNS rebinding)
	endpoint auth.Endpoint
	app      auth.App
	pending  Pending
	save     func(context.Context, auth.Grant) error // nil saves nothing
	result   chan loginResult                        // of the one response that counts
}

// ServeHTTP implements http.Handler.
func (c *callback) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case (r.Host != c.host && r.Host != strings.TrimSuffix(c.host, ":80")) || r.URL.Path != callbackPath:
		http.NotFound(w, r) // favicon.ico, scanners, other names for this host
	case r.Method != http.MethodGet:
		w.Header().Set("Allow", http.MethodGet)
		http.Error(w, "only GET", http.StatusMethodNotAllowed)
	default:
		g, err := c.complete(r.URL.Query())
		w.Header().Set("Connection", "close")
		pageOf(err).write(w)
		// Login returns now and closes the server: the page has gone out.
		c.deliver(g, err)
	}
}

// errNotSaved marks an error of the function of WithSave or of NewHandler.
var errNotSaved = errors.New("auth: the sign-in could not be saved")

// complete ends the sign-in with query, unless it carries another state, and
// saves what it brought.
func (c *callback) complete(query url.Values) (auth.Grant, error) {
	ctx, cancel := context.WithTimeout(c.ctx, auth.TokenTimeout)
	defer cancel()
	g, err := Complete(ctx, c.endpoint, c.app, c.pending, query)
	if err != nil || c.save == nil {
		return g, err
	}
	return g, saved("the function of WithSave", func() error { return c.save(c.ctx, g) })
}

// saved calls save, the program's function. net/http recovers a panic as well, but
// then nobody would hear of it.
func saved(what string, save func() error) error {
	if err := auth.Safely(what, save); err != nil {
		return fmt.Errorf("%w: %w", errNotSaved, err)
	}
	return nil
}

// deliver hands the outcome to Login if it is one.
func (c *callback) deliver(g auth.Grant, err error) {
	if errors.Is(err, ErrState) || errors.Is(err, errSpent) {
		return
	}
	select {
	case c.result <- loginResult{g, err}:
	default: // after an exchange that never left, a second response may come
	}
}
