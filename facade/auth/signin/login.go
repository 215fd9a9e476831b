package signin

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/credkit/credkit-go/facade/auth"
	"github.com/credkit/credkit-go/facade/internal/safehttp"
)

const (
	// loginPort is where Login listens unless told otherwise: the app has to be
	// registered with http://127.0.0.1:8976/callback.
	loginPort = 8976
	// callbackPath is the path of the redirect URI.
	callbackPath = "/callback"
)

// login are the options of Login that Begin does not have.
type login struct {
	port    int
	timeout time.Duration
	show    []func(string)
	open    func(string) error
	paste   func(context.Context, error) (string, error)
	save    func(context.Context, auth.Grant) error
}

func loginOption(f func(*login) error) Option {
	return func(s *signIn) error {
		if s.login == nil {
			return &auth.ConfigError{Problem: "an option of Login was given to Begin or NewHandler", Remedy: "leave it out"}
		}
		return f(s.login)
	}
}

// WithPort makes [Login] listen on another port of 127.0.0.1 than 8976. 0 is any
// free one, for servers that take any port of a loopback redirect URI (RFC
// 8252 section 7.3); COSMIC compares it to the letter.
func WithPort(port int) Option {
	return loginOption(func(l *login) error {
		if port < 0 || port > 65535 {
			return &auth.ConfigError{Problem: fmt.Sprintf("%d is not a port", port), Remedy: "choose 0 to 65535"}
		}
		l.port = port
		return nil
	})
}

// WithLoginTimeout bounds how long [Login] waits for the person. Zero or less, and
// more than ten minutes, are ten minutes, which is the default.
func WithLoginTimeout(d time.Duration) Option {
	return loginOption(func(l *login) error {
		if d <= 0 || d > pendingLife {
			d = pendingLife
		}
		l.timeout = d
		return nil
	})
}

// WithShowURL calls show with the authorize URL once [Login] listens. Login waits
// for show, which must return.
func WithShowURL(show func(authorizeURL string)) Option {
	return loginOption(func(l *login) error {
		if show == nil {
			return &auth.ConfigError{Problem: "WithShowURL was given no function", Remedy: "leave the option out"}
		}
		l.show = append(l.show, show)
		return nil
	})
}

// WithOpenBrowser makes [Login] open the authorize URL with open, on a goroutine
// that Login does not wait for. If it fails, Login fails, unless there is
// WithShowURL or WithPasteRedirect, by which the person can go on.
func WithOpenBrowser(open func(authorizeURL string) error) Option {
	return loginOption(func(l *login) error {
		if open == nil {
			return &auth.ConfigError{Problem: "WithOpenBrowser was given no function", Remedy: "leave the option out"}
		}
		l.open = open
		return nil
	})
}

// WithPasteRedirect is the way for a machine whose browser is elsewhere: the
// person signs in there, is sent to a page that does not load, and pastes its
// address. read returns what was pasted; it is called again, with what was
// wrong, until the paste belongs to this sign-in. An error of read ends the
// pasting and not the login. read should return when its context ends: Login
// does not wait for it.
func WithPasteRedirect(read func(ctx context.Context, problem error) (string, error)) Option {
	return loginOption(func(l *login) error {
		if read == nil {
			return &auth.ConfigError{Problem: "WithPasteRedirect was given no function", Remedy: "leave the option out"}
		}
		l.paste = read
		return nil
	})
}

// WithSave makes [Login] call save, such as [auth.Sessions.SignIn], with the grant
// before it shows the last page, so that the page does not say that a person is
// signed in whose session could not be saved. An error of save is Login's, which
// returns the grant with it. The context of save is that of Login.
func WithSave(save func(ctx context.Context, g auth.Grant) error) Option {
	return loginOption(func(l *login) error {
		if save == nil {
			return &auth.ConfigError{Problem: "WithSave was given no function", Remedy: "leave the option out"}
		}
		l.save = save
		return nil
	})
}

// Login signs a person in on this machine (RFC 8252): it listens on
// 127.0.0.1, sends the person to the authorize URL (see [WithOpenBrowser],
// [WithShowURL], [WithPasteRedirect]: at least one is needed), takes the response at
// http://127.0.0.1:port/callback, shows a last page, frees the port and
// returns the grant. Save it with [auth.Sessions.SignIn], or see [WithSave].
//
// Responses with a wrong state, and any other request, change nothing. If the
// server refuses, its error code and description are on the page and in the
// *Error. Login returns when ctx or its timeout ends.
func Login(ctx context.Context, e auth.Endpoint, app auth.App, opts ...Option) (auth.Grant, error) {
	s := newSignIn(e)
	s.login = &login{port: loginPort, timeout: pendingLife}
	if err := s.apply(opts); err != nil {
		return auth.Grant{}, err
	}
	l := s.login
	if l.open == nil && len(l.show) == 0 && l.paste == nil {
		return auth.Grant{}, &auth.ConfigError{Problem: "Login has no way to reach the person", Remedy: "pass WithOpenBrowser, WithShowURL or WithPasteRedirect"}
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(l.port)))
	switch {
	case ctx.Err() != nil:
		if err == nil {
			_ = listener.Close()
		}
		return auth.Grant{}, signInEnded(ctx)
	case err != nil:
		return auth.Grant{}, &auth.ConfigError{Problem: fmt.Sprintf("port %d of 127.0.0.1 cannot be listened on", l.port), Err: safehttp.RedactError(err),
			Remedy: "end the program that has it, or choose another port that the app is registered with"}
	}
	host := listener.Addr().String()
	authorizeURL, p, err := s.begin(app, "http://"+host+callbackPath)
	if err != nil {
		return auth.Grant{}, errors.Join(err, listener.Close())
	}
	// The person's time begins when they can sign in.
	ctx, cancel := context.WithTimeoutCause(ctx, l.timeout, fmt.Errorf("nobody signed in within %s", l.timeout))
	defer cancel()
	return l.run(ctx, listener, authorizeURL, &callback{ctx: ctx, host: host, endpoint: e, app: app, pending: p, save: l.save, result: make(chan loginResult, 1)})
}

type loginResult struct {
	grant auth.Grant
	err   error
}

func (l *login) run(ctx context.Context, listener net.Listener, authorizeURL string, c *callback) (auth.Grant, error) {
	server := &http.Server{
		Handler: c, ReadHeaderTimeout: 10 * time.Second, MaxHeaderBytes: 64 << 10,
		ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelError),
	}
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = server.Serve(listener) // says that it was closed, below
	}()
	defer func() {
		_ = server.Close()
		<-served
	}()
	for _, show := range l.show {
		show(authorizeURL)
	}
	opened := make(chan error, 1)
	if l.open != nil {
		go func() {
			opened <- auth.Safely("the function of WithOpenBrowser", func() error { return l.open(authorizeURL) })
		}()
	}
	pasting, stop := context.WithCancel(ctx)
	defer stop()
	if l.paste != nil {
		go c.pasted(pasting, l.paste)
	}
	for {
		select {
		case r := <-c.result:
			return r.grant, r.err
		case err := <-opened:
			if err != nil && len(l.show) == 0 && l.paste == nil {
				return auth.Grant{}, &Error{Problem: "the browser could not be opened: " + safehttp.RedactError(err).Error()}
			}
		case <-ctx.Done():
			return auth.Grant{}, signInEnded(ctx)
		}
	}
}

// signInEnded says why ctx ended before the sign-in did.
func signInEnded(ctx context.Context) error {
	return fmt.Errorf("auth: sign-in: %w (%w)", ctx.Err(), context.Cause(ctx))
}

// pasted reads responses from the terminal.
func (c *callback) pasted(ctx context.Context, read func(context.Context, error) (string, error)) {
	var problem error
	for ctx.Err() == nil {
		var text string
		err := auth.Safely("the function of WithPasteRedirect", func() (err error) {
			text, err = read(ctx, problem)
			return err
		})
		if err != nil || ctx.Err() != nil {
			return
		}
		u, err := url.Parse(strings.TrimSpace(text))
		if err != nil || u.Query().Get("state") == "" {
			problem = &Error{Problem: "this is not the address of the page that the browser was sent to: copy all of it"}
			continue
		}
		var g auth.Grant
		if g, problem = c.complete(u.Query()); !errors.Is(problem, ErrState) {
			c.deliver(g, problem)
			return
		}
	}
}
