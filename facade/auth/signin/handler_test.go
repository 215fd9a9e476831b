package signin_test

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/credkit/credkit-go/facade"
	"github.com/credkit/credkit-go/facade/auth"
	"github.com/credkit/credkit-go/facade/auth/signin"
	"github.com/credkit/credkit-go/facade/sandbox"
)

// site is a web program with a Handler, beside a sandbox, and a browser for it.
type site struct {
	*sandbox.Sandbox
	url      string
	sessions *auth.Sessions
	browser  *http.Client
	log      *bytes.Buffer
	saveErr  error
}

var sealKey = bytes.Repeat([]byte("k"), 32)

func newSite(t *testing.T, opts ...signin.Option) *site {
	t.Helper()
	mux := http.NewServeMux()
	web := httptest.NewServer(mux)
	t.Cleanup(web.Close)
	s := &site{url: web.URL, log: &bytes.Buffer{}}
	app := auth.App{ClientID: "acme"}
	var err error
	if s.Sandbox, err = sandbox.Start(sandbox.WithApps(sandbox.App{ClientID: app.ClientID, RedirectURIs: []string{web.URL + "/cosmic/callback"}})); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	if s.sessions, err = auth.NewSessions(auth.NewMemoryStore(), app); err != nil {
		t.Fatal(err)
	}
	endpoint, err := facade.CosmicEndpoint(facade.WithBaseURL(s.CosmicURL()))
	if err != nil {
		t.Fatal(err)
	}
	sealer, err := signin.NewSealer(sealKey)
	if err != nil {
		t.Fatal(err)
	}
	save := func(r *http.Request, g auth.Grant) error {
		if s.saveErr != nil {
			return s.saveErr
		}
		cosmic, err := facade.NewCosmic(g, facade.WithBaseURL(s.CosmicURL()))
		if err != nil {
			return err
		}
		me, err := cosmic.Me(r.Context())
		if err != nil {
			return err
		}
		return s.sessions.SignIn(r.Context(), me.User.Email, g)
	}
	opts = append(opts, signin.WithLogger(slog.New(slog.NewTextHandler(s.log, nil))))
	h, err := signin.NewHandler(endpoint, app, web.URL+"/cosmic/callback", sealer, save, opts...)
	if err != nil {
		t.Fatal(err)
	}
	mux.Handle("/cosmic/", h)
	s.browser = newBrowser(t)
	return s
}

func newBrowser(t *testing.T) *http.Client {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

func (s *site) get(t *testing.T, address string) (*http.Response, string) {
	t.Helper()
	resp, err := s.browser.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(body)
}

// begin sends the browser off and returns where the service sends it back to.
func (s *site) begin(t *testing.T) string {
	t.Helper()
	resp, _ := s.get(t, s.url+"/cosmic/sign-in")
	if resp.StatusCode != http.StatusSeeOther || resp.Header.Get("Cache-Control") != "no-store" {
		t.Fatalf("%s, %v", resp.Status, resp.Header)
	}
	back, err := s.Approve(t.Context(), resp.Header.Get("Location"))
	if err != nil {
		t.Fatal(err)
	}
	return back
}

func TestAHandlerSignsIn(t *testing.T) {
	s := newSite(t)
	back := s.begin(t)
	resp, body := s.get(t, back)
	if resp.StatusCode != http.StatusOK || !strings.Contains(body, "You are signed in") || strings.Contains(body, "program") {
		t.Fatalf("%s %s", resp.Status, body)
	}
	for name, want := range map[string]string{"Cache-Control": "no-store", "Referrer-Policy": "no-referrer", "X-Content-Type-Options": "nosniff"} {
		if got := resp.Header.Get(name); got != want {
			t.Errorf("%s: %q", name, got)
		}
	}
	cosmic, err := facade.NewCosmic(s.sessions.Key("ada@example.com"), facade.WithBaseURL(s.CosmicURL()))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := cosmic.Me(t.Context()); err != nil {
		t.Error(err)
	}
	// The address is in the browser's history: opened again it changes nothing.
	if resp, body := s.get(t, back); resp.StatusCode != http.StatusBadRequest || !strings.Contains(body, "Please sign in again") {
		t.Errorf("%s %s", resp.Status, body)
	}
	if _, err := cosmic.Me(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestAHandlerReturnsToTheProgram(t *testing.T) {
	s := newSite(t, signin.WithReturnURL("/workers?new=1"))
	resp, _ := s.get(t, s.begin(t))
	if got := resp.Header.Get("Location"); resp.StatusCode != http.StatusSeeOther || got != "/workers?new=1" {
		t.Errorf("%s, %q", resp.Status, got)
	}
}

func TestAHandlerSaysWhatFailed(t *testing.T) {
	t.Run("the person declines", func(t *testing.T) {
		s := newSite(t)
		resp, _ := s.get(t, s.url+"/cosmic/sign-in")
		back, err := s.Deny(t.Context(), resp.Header.Get("Location"))
		if err != nil {
			t.Fatal(err)
		}
		resp, body := s.get(t, back)
		if resp.StatusCode != http.StatusBadRequest || !strings.Contains(body, "access_denied") {
			t.Errorf("%s %s", resp.Status, body)
		}
		if !strings.Contains(s.log.String(), "access_denied") {
			t.Errorf("the log: %s", s.log)
		}
	})
	t.Run("another browser comes back", func(t *testing.T) {
		s := newSite(t)
		back := s.begin(t)
		begun := s.browser
		s.browser = newBrowser(t)
		resp, body := s.get(t, back)
		if resp.StatusCode != http.StatusBadRequest || strings.Contains(body, "You are signed in") {
			t.Errorf("%s %s", resp.Status, body)
		}
		// The code has not been spent by it.
		s.browser = begun
		if resp, body := s.get(t, back); resp.StatusCode != http.StatusOK {
			t.Errorf("%s %s", resp.Status, body)
		}
	})
	t.Run("save fails", func(t *testing.T) {
		s := newSite(t)
		s.saveErr = errors.New("the database is away")
		resp, body := s.get(t, s.begin(t))
		if resp.StatusCode != http.StatusInternalServerError || strings.Contains(body, "database") {
			t.Errorf("%s %s", resp.Status, body)
		}
		if !strings.Contains(s.log.String(), "the database is away") {
			t.Errorf("the log: %s", s.log)
		}
	})
	t.Run("another method", func(t *testing.T) {
		s := newSite(t)
		resp, err := s.browser.PostForm(s.url+"/cosmic/callback", url.Values{"code": {"x"}})
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusMethodNotAllowed || resp.Header.Get("Allow") != http.MethodGet {
			t.Errorf("%s %v", resp.Status, resp.Header)
		}
	})
}

func TestNewHandlerRefusesWhatCannotWork(t *testing.T) {
	endpoint, err := facade.CosmicEndpoint()
	if err != nil {
		t.Fatal(err)
	}
	sealer, err := signin.NewSealer(sealKey)
	if err != nil {
		t.Fatal(err)
	}
	save := func(*http.Request, auth.Grant) error { return nil }
	const redirect = "https://www.example.com/cosmic/callback"
	for name, make := range map[string]func() (*signin.Handler, error){
		"no app": func() (*signin.Handler, error) {
			return signin.NewHandler(endpoint, auth.App{}, redirect, sealer, save)
		},
		"no sealer": func() (*signin.Handler, error) {
			return signin.NewHandler(endpoint, auth.App{ClientID: "a"}, redirect, nil, save)
		},
		"no save": func() (*signin.Handler, error) {
			return signin.NewHandler(endpoint, auth.App{ClientID: "a"}, redirect, sealer, nil)
		},
		"a redirect URI without path": func() (*signin.Handler, error) {
			return signin.NewHandler(endpoint, auth.App{ClientID: "a"}, "https://www.example.com/", sealer, save)
		},
		"a directory as redirect URI": func() (*signin.Handler, error) {
			return signin.NewHandler(endpoint, auth.App{ClientID: "a"}, "https://www.example.com/cosmic/", sealer, save)
		},
		"a return to another host by a path": func() (*signin.Handler, error) {
			return signin.NewHandler(endpoint, auth.App{ClientID: "a"}, redirect, sealer, save, signin.WithReturnURL("//evil.test"))
		},
		"a return to a script": func() (*signin.Handler, error) {
			return signin.NewHandler(endpoint, auth.App{ClientID: "a"}, redirect, sealer, save, signin.WithReturnURL("javascript:alert(1)"))
		},
		"a port": func() (*signin.Handler, error) {
			return signin.NewHandler(endpoint, auth.App{ClientID: "a"}, redirect, sealer, save, signin.WithPort(1))
		},
	} {
		var config *auth.ConfigError
		if h, err := make(); h != nil || !errors.As(err, &config) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, _, err := signin.Begin(endpoint, auth.App{ClientID: "a"}, redirect, signin.WithReturnURL("/")); err == nil {
		t.Error("Begin takes WithReturnURL")
	}
}

// A grant is credentials of the endpoint that issued it, and of no other.
func TestAGrantBindsToItsIssuerAlone(t *testing.T) {
	s := newSite(t)
	var got auth.Grant
	endpoint, err := facade.CosmicEndpoint(facade.WithBaseURL(s.CosmicURL()))
	if err != nil {
		t.Fatal(err)
	}
	app := auth.App{ClientID: "acme"}
	authorizeURL, pending, err := signin.Begin(endpoint, app, s.url+"/cosmic/callback")
	if err != nil {
		t.Fatal(err)
	}
	back, err := s.Approve(t.Context(), authorizeURL)
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(back)
	if err != nil {
		t.Fatal(err)
	}
	if got, err = signin.Complete(t.Context(), endpoint, app, pending, u.Query()); err != nil {
		t.Fatal(err)
	}
	var config *auth.ConfigError
	if _, err := facade.NewCosmic(got, facade.WithBaseURL("https://elsewhere.example")); !errors.As(err, &config) {
		t.Error(err)
	}
	if _, err := facade.NewCosmic(auth.Grant{}, facade.WithBaseURL(s.CosmicURL())); !errors.As(err, &config) {
		t.Error(err)
	}
	cosmic, err := facade.NewCosmic(got, facade.WithBaseURL(s.CosmicURL()))
	if err != nil {
		t.Fatal(err)
	}
	if me, err := cosmic.Me(t.Context()); err != nil || me.User.Email != "ada@example.com" {
		t.Errorf("%+v, %v", me, err)
	}
}
