package signin

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"path"
	"strings"

	"github.com/credkit/credkit-go/facade/auth"
	"github.com/credkit/credkit-go/facade/internal/safehttp"
)

// A Handler signs people in through a web program (RFC 6749 section 4.1 with
// PKCE). It is for one path and what lies below it:
//
//	mux.Handle("/cosmic/", handler) // redirect URI https://www.example.com/cosmic/callback
//
// A request whose path ends like that of the redirect URI completes a sign-in,
// and ends in a page that tells the person how it went. Any other GET request,
// to /cosmic/sign-in for example, begins one. What is kept between the two is in
// a cookie of the browser, so that any process with the same keys can complete
// what another began. Safe for use by many goroutines.
type Handler struct {
	signIn   *signIn
	app      auth.App
	redirect string
	callback string // last element of the redirect URI's path
	sealer   *Sealer
	save     func(*http.Request, auth.Grant) error
}

// web are the options of NewHandler that Begin does not have.
type web struct {
	returnURL string
	logger    *slog.Logger // nil logs nothing
}

func webOption(f func(*web) error) Option {
	return func(s *signIn) error {
		if s.web == nil {
			return &auth.ConfigError{Problem: "an option of NewHandler was given to Begin or Login", Remedy: "leave it out"}
		}
		return f(s.web)
	}
}

// WithReturnURL makes a [Handler] send the browser to url once the person is
// signed in, with 303 See Other, in place of its own page. It is a URL of the
// program, absolute or beginning with a slash.
func WithReturnURL(url string) Option {
	return webOption(func(w *web) error {
		if err := checkReturnURL(url); err != nil {
			return err
		}
		w.returnURL = url
		return nil
	})
}

func checkReturnURL(raw string) error {
	u, err := url.Parse(raw)
	local := err == nil && u.Scheme == "" && u.Host == "" && strings.HasPrefix(raw, "/") && !strings.HasPrefix(raw, "//") && !strings.Contains(raw, `\`)
	if local || err == nil && u.Host != "" && (u.Scheme == "https" || u.Scheme == "http") {
		return nil
	}
	return &auth.ConfigError{Problem: fmt.Sprintf("WithReturnURL: %q is neither an absolute http(s) URL nor a path", raw), Remedy: `pass one such as "/workers"`}
}

// WithLogger makes a [Handler] log sign-ins that fail, without secrets. Without it
// they are told to the person alone.
func WithLogger(l *slog.Logger) Option {
	return webOption(func(w *web) error {
		w.logger = l
		return nil
	})
}

// NewHandler returns a Handler that signs people in to e as app. redirectURI must
// be one that the app is registered with, to the letter, and its path must end in
// a name, such as /cosmic/callback.
//
// save is called with what a sign-in brought and the request to the redirect URI,
// which carries the cookies of the program, and so its own user. A Grant is
// [auth.Credentials]: save may ask the service who signed in. It chooses the key
// of the session and calls [auth.Sessions.SignIn]; the person is told of success
// only when it returns nil. The context of the request does not end when the
// browser goes away; it has the deadline of [auth.TokenTimeout].
//
// The error is a *auth.ConfigError.
func NewHandler(e auth.Endpoint, app auth.App, redirectURI string, sealer *Sealer, save func(*http.Request, auth.Grant) error, opts ...Option) (*Handler, error) {
	h := &Handler{signIn: newSignIn(e), app: app, redirect: redirectURI, sealer: sealer, save: save}
	h.signIn.web = &web{}
	if err := h.signIn.apply(opts); err != nil {
		return nil, err
	}
	switch {
	case sealer == nil:
		return nil, &auth.ConfigError{Problem: "NewHandler was given no Sealer", Remedy: "pass one of NewSealer"}
	case save == nil:
		return nil, &auth.ConfigError{Problem: "NewHandler was given no function that saves the grant", Remedy: "pass one that calls Sessions.SignIn"}
	}
	// Settings that cannot work are found here, not when the first person comes.
	if _, _, err := h.signIn.begin(app, redirectURI); err != nil {
		return nil, err
	}
	u, err := url.Parse(redirectURI)
	if err == nil && !strings.HasSuffix(u.Path, "/") {
		h.callback = path.Base(u.Path)
	}
	if h.callback == "" || h.callback == "." || h.callback == "/" {
		return nil, &auth.ConfigError{Problem: "the path of the redirect URI does not end in a name", Remedy: "register the app with one that does, such as https://www.example.com/cosmic/callback"}
	}
	return h, nil
}

// ServeHTTP implements [http.Handler].
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.Method != http.MethodGet:
		w.Header().Set("Allow", http.MethodGet)
		http.Error(w, "only GET", http.StatusMethodNotAllowed)
	case path.Base(r.URL.Path) == h.callback:
		h.complete(w, r)
	default:
		h.begin(w, r)
	}
}

func (h *Handler) begin(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	authorizeURL, pending, err := h.signIn.begin(h.app, h.redirect)
	var cookie *http.Cookie
	if err == nil {
		cookie, err = h.sealer.Cookie(pending)
	}
	if err != nil {
		h.log(r, err)
		webPage(err).write(w)
		return
	}
	http.SetCookie(w, cookie)
	http.Redirect(w, r, authorizeURL, http.StatusSeeOther)
}

func (h *Handler) complete(w http.ResponseWriter, r *http.Request) {
	// The code is spent once the exchange has begun: a browser that goes away
	// must not lose what it brings.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), auth.TokenTimeout)
	defer cancel()
	pending, drop, err := h.sealer.FromRequest(r)
	if drop != nil {
		http.SetCookie(w, drop)
	}
	var grant auth.Grant
	if err == nil {
		grant, err = Complete(ctx, h.signIn.endpoint, h.app, pending, r.URL.Query())
	}
	if err == nil {
		err = saved("the function of NewHandler", func() error { return h.save(r.WithContext(ctx), grant) })
	}
	if err != nil {
		h.log(r, err)
	} else if to := h.signIn.web.returnURL; to != "" {
		w.Header().Set("Cache-Control", "no-store")
		http.Redirect(w, r, to, http.StatusSeeOther)
		return
	}
	webPage(err).write(w)
}

func (h *Handler) log(r *http.Request, err error) {
	if h.signIn.web.logger == nil {
		return
	}
	h.signIn.web.logger.LogAttrs(r.Context(), slog.LevelWarn, "sign-in failed",
		slog.String("service", h.signIn.endpoint.Service), slog.String("error", safehttp.RedactError(err).Error()))
}

// webPage is what a person sees at the end of a sign-in on the web.
func webPage(err error) page {
	p := pageOf(err)
	switch {
	case err == nil, errors.Is(err, errSpent):
		p.Text = "You can close this window."
	case errors.Is(err, ErrState):
		p.Title, p.Text = "This sign-in cannot be completed", "It was begun in another browser or more than ten minutes ago. Please sign in again."
	case errors.Is(err, errNotSaved):
		p.Text = "You agreed, but the sign-in could not be saved. Please sign in again."
	default:
		p.Text = "Please sign in again."
	}
	return p
}
