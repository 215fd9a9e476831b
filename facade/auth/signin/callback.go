package signin

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/credkit/credkit-go/facade/auth"
)

// callback answers what comes to Login's port: the browser's return, and
// whatever else finds the port.
type callback struct {
	ctx      context.Context // of Login: a browser that goes away does not stop an exchange
	host     string          // of the listener: others are not answered (DNS rebinding)
	endpoint auth.Endpoint
	app      auth.App
	pending  Pending
	save     func(context.Context, auth.Grant) error // nil saves nothing
	result   chan loginResult                        // of the one answer that counts
}

//go:embed callback.html
var callbackHTML string

var callbackPage = template.Must(template.New("callback").Parse(callbackHTML))

type pageData struct {
	Title, Text, Code, Description string
	OK                             bool
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
		show(w, err)
		// Login returns now and closes the server: the page has gone out.
		c.deliver(g, err)
	}
}

// errNotSaved marks an error of WithSave's function.
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
	// net/http recovers a panic as well, but then Login would not hear of it.
	if err := safely("the function of WithSave", func() error { return c.save(c.ctx, g) }); err != nil {
		return g, fmt.Errorf("%w: %w", errNotSaved, err)
	}
	return g, nil
}

// deliver hands the outcome to Login if it is one.
func (c *callback) deliver(g auth.Grant, err error) {
	if errors.Is(err, ErrState) || errors.Is(err, errSpent) {
		return
	}
	select {
	case c.result <- loginResult{g, err}:
	default: // after an exchange that never left, a second answer may come
	}
}

// show writes the page that ends the sign-in for the person.
func show(w http.ResponseWriter, err error) {
	p, status := pageData{OK: true, Title: "You are signed in", Text: "You can close this window and go back to the program."}, http.StatusOK
	var se *Error
	switch {
	case err == nil:
	case errors.Is(err, ErrState):
		status = http.StatusBadRequest
		p = pageData{Title: "This is not the sign-in in progress", Text: "The answer belongs to another attempt. Go on in the window that the program opened."}
	case errors.Is(err, errSpent):
		p = pageData{OK: true, Title: "This sign-in is done", Text: "You can close this window and go back to the program."}
	case errors.Is(err, errNotSaved):
		status = http.StatusInternalServerError
		p = pageData{Title: "You are not signed in", Text: "You agreed, but the program could not save the sign-in. Go back to it to see why and to try again."}
	case errors.As(err, &se):
		status = http.StatusBadRequest
		p = pageData{Title: "Sign-in failed", Text: "The program was told. Go back to it to try again.", Code: se.Code, Description: se.Description}
		if se.Code == "" {
			p.Description = se.Problem
		}
	default:
		status = http.StatusBadGateway
		p = pageData{Title: "Sign-in failed", Text: "You agreed, but the program could not get its token. Go back to it to see why and to try again."}
	}
	var page bytes.Buffer
	if err := callbackPage.Execute(&page, p); err != nil {
		http.Error(w, p.Title, status)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Length", strconv.Itoa(page.Len()))
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'")
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Connection", "close")
	w.WriteHeader(status)
	// Neither can fail but for a browser that has gone.
	_, _ = page.WriteTo(w)
	_ = http.NewResponseController(w).Flush()
}
