package signin_test

import (
	"context"
	"fmt"
	"log"
	"net"
	"net/http"
	"net/http/httptest"

	"github.com/credkit/credkit-go/api/cosmic"
	"github.com/credkit/credkit-go/facade/auth"
	"github.com/credkit/credkit-go/facade/auth/signin"
	"github.com/credkit/credkit-go/facade/sandbox"
)

// cosmicOf is what the facade makes of a base URL and an HTTP client.
func cosmicOf(sb *sandbox.Sandbox) auth.Endpoint {
	return auth.Endpoint{
		Service: "cosmic", Origin: sb.CosmicURL(), HTTPClient: sb.Client(),
		TokenURL: sb.CosmicURL() + cosmic.Service.TokenPath, AuthorizeURL: sb.CosmicURL() + cosmic.Service.AuthorizePath,
	}
}

// onFreePort starts a sandbox whose app is registered with a port that is free
// on this machine. A program has its one registered port instead.
func onFreePort() (sb *sandbox.Sandbox, app auth.App, port int, err error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, app, 0, err
	}
	port = l.Addr().(*net.TCPAddr).Port
	if err := l.Close(); err != nil {
		return nil, app, 0, err
	}
	app = auth.App{ClientID: "my-app"}
	sb, err = sandbox.Start(sandbox.WithApps(sandbox.App{ClientID: app.ClientID, RedirectURIs: []string{fmt.Sprintf("http://127.0.0.1:%d/callback", port)}}))
	return sb, app, port, err
}

// A web program keeps the pending sign-in in a cookie of the browser.
func ExampleSealer() {
	sb, err := sandbox.Start()
	if err != nil {
		log.Fatal(err)
	}
	defer sb.Close()
	endpoint, app := cosmicOf(sb), auth.App{ClientID: sb.App().ClientID, ClientSecret: sb.App().ClientSecret}
	workers, err := auth.NewSessions(auth.NewMemoryStore(), app)
	if err != nil {
		log.Fatal(err)
	}
	sealer, err := signin.NewSealer([]byte("32 random bytes from a vault ...")) // one for the program's life
	if err != nil {
		log.Fatal(err)
	}

	signIn := func(w http.ResponseWriter, r *http.Request) {
		authorizeURL, pending, err := signin.Begin(endpoint, app, sandbox.RedirectURI)
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
	sb, app, port, err := onFreePort()
	if err != nil {
		log.Fatal(err)
	}
	defer sb.Close()
	var authorizeURL string
	_, err = signin.Login(ctx, cosmicOf(sb), app, signin.WithPort(port),
		signin.WithShowURL(func(u string) { authorizeURL = u }),
		signin.WithPasteRedirect(func(ctx context.Context, problem error) (string, error) {
			return sb.Deny(ctx, authorizeURL) // the person declines, and pastes what the browser shows
		}))
	fmt.Println(err)
	// Output: auth: sign-in: the server refused (access_denied): The user denied the request
}
