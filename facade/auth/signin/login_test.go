package signin

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/credkit/credkit-go/facade/auth"
)

// A browser is what a person does with the authorize URL.
type browser struct {
	t        *testing.T
	redirect *url.URL
	state    string
	client   *http.Client
}

func newBrowser(t *testing.T, authorizeURL string) *browser {
	u, err := url.Parse(authorizeURL)
	if err != nil {
		t.Error(err)
	}
	redirect, err := url.Parse(u.Query().Get("redirect_uri"))
	if err != nil || redirect.Hostname() != "127.0.0.1" || redirect.Path != "/callback" || redirect.Scheme != "http" {
		t.Errorf("redirect URI %v, %v", redirect, err)
	}
	return &browser{t, redirect, u.Query().Get("state"), &http.Client{}}
}

// get asks the listener for path and query.
func (b *browser) get(path string, query url.Values) (int, string, http.Header) {
	u := *b.redirect
	u.Path, u.RawQuery = path, query.Encode()
	res, err := b.client.Get(u.String())
	if err != nil {
		b.t.Error(err)
		return 0, "", nil
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		b.t.Error(err)
	}
	return res.StatusCode, string(body), res.Header
}

func TestLoginOnThisMachine(t *testing.T) {
	s := newTokenServer()
	var b *browser
	var page string
	done := make(chan struct{})
	g, err := Login(t.Context(), s.endpoint(), testApp, WithPort(0), WithShowURL(func(u string) {
		b = newBrowser(t, u)
		go func() {
			defer close(done)
			for path, want := range map[string]int{"/favicon.ico": 404, "/": 404, "/callback/": 404, "/Callback": 404} {
				if status, _, _ := b.get(path, url.Values{"code": {"c"}, "state": {b.state}}); status != want {
					t.Errorf("%s: %d", path, status)
				}
			}
			for _, q := range []url.Values{{}, {"code": {"c"}}, {"code": {"c"}, "state": {"wrong"}}, {"error": {"access_denied"}, "state": {"wrong"}}} {
				if status, text, _ := b.get("/callback", q); status != 400 || !strings.Contains(text, "not the sign-in in progress") {
					t.Errorf("a wrong state: %d %s", status, text)
				}
			}
			for _, method := range []string{http.MethodPost, http.MethodHead} {
				res, err := b.client.Do(mustRequest(t, method, b.redirect.String()+"?code=c&state="+b.state, ""))
				if err != nil || res.StatusCode != 405 {
					t.Errorf("%s: %v", method, err)
				}
			}
			res, err := b.client.Do(mustRequest(t, http.MethodGet, b.redirect.String()+"?code=c&state="+b.state, "attacker.example.com"))
			if err != nil || res.StatusCode != 404 {
				t.Errorf("another host name: %v", err)
			}
			var status int
			var h http.Header
			status, page, h = b.get("/callback", url.Values{"code": {"secret-code"}, "state": {b.state}})
			if status != 200 || h.Get("Cache-Control") != "no-store" || !strings.Contains(h.Get("Content-Security-Policy"), "default-src 'none'") || h.Get("Referrer-Policy") != "no-referrer" {
				t.Errorf("last page: %d %v", status, h)
			}
		}()
	}))
	if err != nil || !g.CanRenew() {
		t.Fatalf("Login: %v", err)
	}
	<-done
	if !strings.Contains(page, "You are signed in") || strings.Contains(page, "secret") {
		t.Errorf("last page: %s", page)
	}
	if s.requests() != 1 || s.sent[0].form.Get("redirect_uri") != b.redirect.String() {
		t.Errorf("%d requests: %+v", s.requests(), s.sent)
	}
	free(t, b.redirect.Host)
}

// A panic in the background of Login ends it as an error would.
func TestAPanicOfAFunctionOfLoginIsItsError(t *testing.T) {
	s := newTokenServer()
	back := func(u string) string { // the address that the browser is sent to
		b := newBrowser(t, u)
		b.redirect.RawQuery = url.Values{"code": {"c"}, "state": {b.state}}.Encode()
		return b.redirect.String()
	}
	var address string
	show := WithShowURL(func(u string) { address = back(u) })
	read := func(context.Context, error) (string, error) { return address, nil }
	for want, opts := range map[string][]Option{
		"the function of WithSave panicked":        {show, WithPasteRedirect(read), WithSave(func(context.Context, auth.Grant) error { panic("mine") })},
		"the function of WithOpenBrowser panicked": {WithOpenBrowser(func(string) error { panic("mine") })},
	} {
		if _, err := Login(t.Context(), s.endpoint(), testApp, append(opts, WithPort(0))...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
	// An error of reading a paste ends the pasting alone.
	_, err := Login(t.Context(), s.endpoint(), testApp, WithPort(0), WithPasteRedirect(func(context.Context, error) (string, error) { panic("mine") }),
		WithShowURL(func(u string) {
			go func() {
				res, err := http.Get(back(u))
				if err != nil {
					t.Error(err)
					return
				}
				_ = res.Body.Close()
			}()
		}))
	if err != nil {
		t.Error(err)
	}
}

func TestLoginSaysSignedInOnlyOnceTheSessionIsSaved(t *testing.T) {
	full := errors.New("the disk is full")
	for _, test := range []struct {
		saveErr error
		status  int
		page    string
	}{
		{nil, 200, "You are signed in"},
		{full, 500, "could not save the sign-in"},
	} {
		s := newTokenServer()
		var saved auth.Grant
		done := make(chan struct{})
		g, err := Login(t.Context(), s.endpoint(), testApp, WithPort(0),
			WithSave(func(_ context.Context, g auth.Grant) error {
				saved = g
				return test.saveErr
			}),
			WithShowURL(func(u string) {
				b := newBrowser(t, u)
				go func() {
					defer close(done)
					status, page, _ := b.get("/callback", url.Values{"code": {"c"}, "state": {b.state}})
					if status != test.status || !strings.Contains(page, test.page) || test.saveErr != nil && strings.Contains(page, "You are signed in") {
						t.Errorf("save gave %v: %d %s", test.saveErr, status, page)
					}
				}()
			}))
		<-done
		if !errors.Is(err, test.saveErr) || saved.IsZero() || g != saved {
			t.Errorf("save gave %v: Login gave %v, the grant that was saved: %v", test.saveErr, err, g == saved)
		}
	}
	if _, err := Login(t.Context(), newTokenServer().endpoint(), testApp, WithSave(nil)); err == nil {
		t.Error("WithSave took no function")
	}
}

func mustRequest(t *testing.T, method, u, host string) *http.Request {
	r, err := http.NewRequestWithContext(t.Context(), method, u, nil)
	if err != nil {
		t.Error(err)
	}
	r.Host = host
	return r
}

// free fails if the port of host is taken.
func free(t *testing.T, host string) {
	t.Helper()
	l, err := net.Listen("tcp", host)
	if err != nil {
		t.Errorf("the port is not free: %v", err)
		return
	}
	l.Close()
}

func TestLoginShowsAndReturnsTheServersRefusal(t *testing.T) {
	s := newTokenServer()
	page := make(chan string, 1)
	_, err := Login(t.Context(), s.endpoint(), testApp, WithPort(0), WithOpenBrowser(func(u string) error {
		b := newBrowser(t, u)
		go func() {
			_, text, _ := b.get("/callback", url.Values{"error": {"access_denied"}, "error_description": {"<script>alert(1)</script> said no"}, "state": {b.state}})
			page <- text
		}()
		return nil
	}))
	var se *Error
	if !errors.As(err, &se) || se.Code != "access_denied" || !strings.Contains(se.Description, "said no") {
		t.Errorf("Login: %v", err)
	}
	if text := <-page; strings.Contains(text, "<script>") || !strings.Contains(text, "&lt;script&gt;") || !strings.Contains(text, "access_denied") {
		t.Errorf("page: %s", text)
	}
}

func TestLoginTellsThePersonThatTheExchangeFailed(t *testing.T) {
	s := newTokenServer()
	s.then(says(400, "application/json", `{"error":"invalid_grant"}`))
	page := make(chan string, 1)
	_, err := Login(t.Context(), s.endpoint(), testApp, WithPort(0), WithOpenBrowser(func(u string) error {
		b := newBrowser(t, u)
		go func() {
			_, text, _ := b.get("/callback", url.Values{"code": {"secret-code"}, "state": {b.state}})
			page <- text
		}()
		return nil
	}))
	var te *auth.TokenError
	if !errors.As(err, &te) || te.Grant != "authorization_code" {
		t.Errorf("Login: %v", err)
	}
	if text := <-page; !strings.Contains(text, "could not get its token") {
		t.Errorf("page: %s", text)
	}
}

func TestLoginByPastingTheAddress(t *testing.T) {
	s := newTokenServer()
	var b *browser
	var problems []error
	g, err := Login(t.Context(), s.endpoint(), testApp, WithPort(0),
		WithOpenBrowser(func(string) error { return errors.New("no browser here") }),
		WithShowURL(func(u string) { b = newBrowser(t, u) }),
		WithPasteRedirect(func(_ context.Context, problem error) (string, error) {
			problems = append(problems, problem)
			switch len(problems) {
			case 1:
				return "hello\n", nil
			case 2:
				return b.redirect.String() + "?code=x&state=wrong\n", nil
			}
			return " " + b.redirect.String() + "?code=secret-code&state=" + b.state + " \n", nil
		}))
	if err != nil || g.IsZero() {
		t.Fatalf("Login: %v", err)
	}
	if len(problems) != 3 || problems[0] != nil || problems[1] == nil || !errors.Is(problems[2], ErrState) {
		t.Errorf("problems %v", problems)
	}
	free(t, b.redirect.Host)
}

func TestLoginEndsWithItsContextItsTimeoutOrAnUnusableBrowser(t *testing.T) {
	s := newTokenServer()
	var host string
	show := WithShowURL(func(u string) { host = newBrowser(t, u).redirect.Host })
	ctx, cancel := context.WithCancel(t.Context())
	if _, err := Login(ctx, s.endpoint(), testApp, WithPort(0), show, WithShowURL(func(string) { cancel() })); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	free(t, host)
	if _, err := Login(ctx, s.endpoint(), testApp, WithPort(0), show); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled before: %v", err)
	}
	if _, err := Login(t.Context(), s.endpoint(), testApp, WithPort(0), show, WithLoginTimeout(20*time.Millisecond)); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "nobody signed in within 20ms") {
		t.Errorf("timeout: %v", err)
	}
	free(t, host)
	var se *Error
	if _, err := Login(t.Context(), s.endpoint(), testApp, WithPort(0), WithOpenBrowser(func(string) error { return errors.New("exit status 3") })); !errors.As(err, &se) || !strings.Contains(err.Error(), "exit status 3") {
		t.Errorf("no browser: %v", err)
	}
	release := make(chan struct{})
	blocks := WithOpenBrowser(func(string) error { <-release; return nil })
	if _, err := Login(t.Context(), s.endpoint(), testApp, WithPort(0), blocks, WithLoginTimeout(20*time.Millisecond)); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a browser that does not return: %v", err)
	}
	close(release)
	var ce *auth.ConfigError
	if _, err := Login(t.Context(), s.endpoint(), testApp, WithPort(0)); !errors.As(err, &ce) {
		t.Errorf("no way to the person: %v", err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if _, err := Login(t.Context(), s.endpoint(), testApp, WithPort(l.Addr().(*net.TCPAddr).Port), show); !errors.As(err, &ce) || !strings.Contains(err.Error(), "choose another port") {
		t.Errorf("a taken port: %v", err)
	}
	if s.requests() != 0 {
		t.Error("a request was made")
	}
}

// TestLoginDoesNotHangOnAnIdleConnection: browsers open connections in
// advance and send nothing on them.
func TestLoginDoesNotHangOnAnIdleConnection(t *testing.T) {
	s := newTokenServer()
	_, err := Login(t.Context(), s.endpoint(), testApp, WithPort(0), WithShowURL(func(u string) {
		b := newBrowser(t, u)
		idle, err := net.Dial("tcp", b.redirect.Host)
		if err != nil {
			t.Error(err)
			return
		}
		t.Cleanup(func() { idle.Close() })
		go b.get("/callback", url.Values{"code": {"secret-code"}, "state": {b.state}})
	}))
	if err != nil {
		t.Error(err)
	}
}
