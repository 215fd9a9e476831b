package signin_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"time"

	"github.com/credkit/credkit-go/facade"
	"github.com/credkit/credkit-go/facade/auth"
	"github.com/credkit/credkit-go/facade/auth/signin"
	"github.com/credkit/credkit-go/facade/sandbox"
)

// acme starts a sandbox that has one app, registered with a redirect URI, and
// sessions of it in memory.
func acme(redirectURI string) (sb *sandbox.Sandbox, endpoint auth.Endpoint, workers *auth.Sessions) {
	sb, err := sandbox.Start(sandbox.WithApps(sandbox.App{ClientID: "acme", RedirectURIs: []string{redirectURI}}))
	if err != nil {
		log.Fatal(err)
	}
	if endpoint, err = facade.CosmicEndpoint(sb.CosmicOptions()...); err != nil {
		log.Fatal(err)
	}
	if workers, err = auth.NewSessions(auth.NewMemoryStore(), sb.AuthApp()); err != nil {
		log.Fatal(err)
	}
	return sb, endpoint, workers
}

// freePort returns a port that is free on this machine. A program has its one
// registered port instead.
func freePort() int {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().(*net.TCPAddr).Port
}

// newKey is 32 random bytes. A program has them from its secret manager, the same in
// all its processes.
func newKey() []byte {
	key := make([]byte, 32)
	_, _ = rand.Read(key) // never fails
	return key
}

// The two routes of a sign-in on the web as one http.Handler: /cosmic/sign-in begins
// one, and /cosmic/callback completes it.
func ExampleNewHandler() {
	mux := http.NewServeMux()
	site := httptest.NewServer(mux)
	defer site.Close()
	sb, endpoint, workers := acme(site.URL + "/cosmic/callback")
	defer sb.Close()
	app, key := auth.App{ClientID: "acme"}, newKey()

	sealer, err := signin.NewSealer(key) // 32 random bytes, the same in all processes
	if err != nil {
		log.Fatal(err)
	}
	handler, err := signin.NewHandler(endpoint, app, site.URL+"/cosmic/callback", sealer, func(r *http.Request, grant auth.Grant) error {
		return workers.SignIn(r.Context(), "worker-42", grant) // the key of the program's own user
	}, signin.WithReturnURL("/welcome"), signin.WithLogger(slog.Default()))
	if err != nil {
		log.Fatal(err)
	}
	mux.Handle("/cosmic/", handler)
	mux.HandleFunc("/welcome", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "signed in") })

	fmt.Println(browse(sb, site.URL+"/cosmic/sign-in"))
	// Output: signed in
}

// browse is a person's browser; the sandbox approves in the person's place.
func browse(sb *sandbox.Sandbox, address string) string {
	jar, err := cookiejar.New(nil)
	if err != nil {
		log.Fatal(err)
	}
	browser := &http.Client{Jar: jar, CheckRedirect: func(req *http.Request, _ []*http.Request) error {
		if req.URL.Path == "/auth/v1/oauth/authorize" {
			return http.ErrUseLastResponse
		}
		return nil
	}}
	begin, err := browser.Get(address)
	if err != nil {
		log.Fatal(err)
	}
	_ = begin.Body.Close()
	redirect, err := sb.Approve(context.Background(), begin.Header.Get("Location"))
	if err != nil {
		log.Fatal(err)
	}
	end, err := browser.Get(redirect)
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = end.Body.Close() }()
	page, _ := io.ReadAll(end.Body)
	return string(page)
}

// A sign-in on a person's own machine, as a command line program does it.
func ExampleLogin() {
	ctx := context.Background()
	port := freePort()
	sb, endpoint, workers := acme(fmt.Sprintf("http://127.0.0.1:%d/callback", port))
	defer sb.Close()
	approve := func(authorizeURL string) error { // the person, in a browser
		redirect, err := sb.Approve(ctx, authorizeURL)
		if err != nil {
			return err
		}
		resp, err := http.Get(redirect)
		if err != nil {
			return err
		}
		return resp.Body.Close()
	}

	grant, err := signin.Login(ctx, endpoint, auth.App{ClientID: "acme"},
		signin.WithPort(port), // of the app's redirect URI; without it 8976
		signin.WithOpenBrowser(approve),
		signin.WithLoginTimeout(5*time.Minute),
		signin.WithSave(func(ctx context.Context, grant auth.Grant) error { // before the last page says that all is well
			return workers.SignIn(ctx, "worker-42", grant)
		}))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(grant.CanRenew())
	// Output: true
}

// A program that has routes and pages of its own keeps the pending sign-in in a
// cookie of the browser.
func ExampleBegin() {
	const redirectURI = "https://www.example.com/signed-in"
	sb, endpoint, workers := acme(redirectURI)
	defer sb.Close()
	app, key := auth.App{ClientID: "acme"}, newKey()
	sealer, err := signin.NewSealer(key) // one for the program's life
	if err != nil {
		log.Fatal(err)
	}

	signIn := func(w http.ResponseWriter, r *http.Request) {
		authorizeURL, pending, err := signin.Begin(endpoint, app, redirectURI, signin.WithIdentityScopes("openid", "email", "profile"))
		if err != nil {
			http.Error(w, "sign-in is not configured", http.StatusInternalServerError)
			return
		}
		cookie, err := sealer.Cookie(pending)
		if err != nil {
			http.Error(w, "sign-in failed", http.StatusInternalServerError)
			return
		}
		http.SetCookie(w, cookie)
		http.Redirect(w, r, authorizeURL, http.StatusSeeOther)
	}
	signedIn := func(w http.ResponseWriter, r *http.Request) {
		pending, drop, err := sealer.FromRequest(r)
		if drop != nil {
			http.SetCookie(w, drop)
		}
		var grant auth.Grant
		if err == nil {
			grant, err = signin.Complete(r.Context(), endpoint, app, pending, r.URL.Query())
		}
		if err == nil {
			err = workers.SignIn(r.Context(), "worker-42", grant) // the key of the program's own user
		}
		if err != nil {
			http.Error(w, "sign-in failed", http.StatusBadRequest)
			return
		}
		fmt.Fprint(w, "welcome")
	}

	// A browser.
	first := httptest.NewRecorder()
	signIn(first, httptest.NewRequest(http.MethodGet, "/sign-in", nil))
	redirect, err := sb.Approve(context.Background(), first.Header().Get("Location"))
	if err != nil {
		log.Fatal(err)
	}
	back := httptest.NewRequest(http.MethodGet, redirect, nil)
	back.AddCookie(first.Result().Cookies()[0])
	second := httptest.NewRecorder()
	signedIn(second, back)
	fmt.Println(second.Code, second.Body)
	again := httptest.NewRecorder()
	signedIn(again, back)
	fmt.Println(again.Code)
	// Output:
	// 200 welcome
	// 400
}

// Where the browser is on another machine, the address it was sent to can be
// pasted.
func ExampleWithPasteRedirect() {
	ctx := context.Background()
	port := freePort()
	sb, endpoint, _ := acme(fmt.Sprintf("http://127.0.0.1:%d/callback", port))
	defer sb.Close()

	var authorizeURL string
	_, err := signin.Login(ctx, endpoint, auth.App{ClientID: "acme"}, signin.WithPort(port),
		signin.WithShowURL(func(u string) { authorizeURL = u }),
		signin.WithPasteRedirect(func(ctx context.Context, problem error) (string, error) {
			return sb.Deny(ctx, authorizeURL) // the person declines, and pastes what the browser shows
		}))
	fmt.Println(err)
	// Output: auth: sign-in: the server refused (access_denied): The user denied the request
}
