package auth

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/oauth2"

	"github.com/credkit/credkit-go/facade/auth/internal/leaktest"
)

// tripFunc is a transport.
type tripFunc func(*http.Request) (*http.Response, error)

func (f tripFunc) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// What a store says of a secret does not get through, although its paths do.
func TestAStoreErrorHidesSecrets(t *testing.T) {
	err := storeError("save", "k", fmt.Errorf("SET k access_token=hunter2: %w", &os.PathError{Op: "write", Path: "/data/7Zk2mPx9Lw4Rb8Tn3Vc6", Err: os.ErrPermission}))
	if got := err.Error(); strings.Contains(got, "hunter2") || !strings.Contains(got, "write /data/7Zk2mPx9Lw4Rb8Tn3Vc6: permission denied") {
		t.Error(got)
	}
}

// A failed token request says where it went and what happened.
func TestATokenErrorKeepsItsCause(t *testing.T) {
	for _, cause := range []string{
		"EOF", "dial tcp 10.0.0.1:443: connect: connection refused", "proxyconnect tcp: EOF",
		"tls: failed to verify certificate: x509: certificate signed by unknown authority",
	} {
		e := Endpoint{Service: "cosmic", Origin: "https://api.example.com", TokenURL: "https://api.example.com/auth/v1/oauth/token",
			HTTPClient: &http.Client{Transport: tripFunc(func(*http.Request) (*http.Response, error) { return nil, errors.New(cause) })}}
		p, err := newTokenEndpoint(e, client{id: "id", secret: newSecret("hunter2"), method: AuthPost})
		if err != nil {
			t.Fatal(err)
		}
		_, te := p.request(t.Context(), "client_credentials", map[string][]string{})
		if te == nil || !strings.Contains(te.Error(), e.TokenURL) || !strings.HasSuffix(te.Error(), ": "+cause) {
			t.Errorf("%s: %v", cause, te)
		}
	}
}

// A server and a transport that repeat what was sent, in a form that no pattern
// knows.
func TestNoSecretOfATokenRequestIsRepeated(t *testing.T) {
	for kind, secret := range map[string]string{
		"short": "k7pq", "lower case": "sesame_opens_no_door", "dotted": "acme.users.ada", "a UUID": "3fa85f64-5717-4562-b3fc-2c963f66afa6",
		"with spaces": "open sesame now", "with base64": "ab/cd+ef/gh==", "one word": "correcthorsebatterystaple",
	} {
		for where, st := range map[string]step{
			"as the code":        says(400, "application/json", fmt.Sprintf(`{"error":%q}`, secret)),
			"within the code":    says(400, "application/json", fmt.Sprintf(`{"error_code":"bad_%s"}`, secret)),
			"as the description": says(400, "application/json", fmt.Sprintf(`{"error":"invalid_grant","error_description":%q}`, secret)),
			"in an HTML page":    says(502, "text/html", "<p>"+secret),
			"in a header":        saysWith(302, "Location", "https://h/?"+secret),
			"in an error of the transport": func(_ *tokenServer, r *http.Request) (*http.Response, error) {
				return nil, fmt.Errorf("trace: %s %v", r.Form.Encode()+secret, r.Header)
			},
			"in an error of the body": func(*tokenServer, *http.Request) (*http.Response, error) {
				return responseOf(200, "", errReader{errors.New("read: " + secret)}), nil
			},
		} {
			t.Run(kind+" "+where, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					s := newTokenServer()
					for _, method := range []AuthMethod{AuthBasic, AuthPost} {
						app := App{ClientID: "app-1", ClientSecret: secret, AuthMethod: method}
						var out leaktest.Sink
						c, err := app.client()
						if err != nil {
							t.Fatal(err)
						}
						p, err := newTokenEndpoint(s.endpoint(), c)
						if err != nil {
							t.Fatal(err)
						}
						for range 2 {
							s.then(st)
						}
						_, te := p.request(t.Context(), "refresh_token", map[string][]string{"refresh_token": {secret}})
						_, tc := p.request(t.Context(), "authorization_code", map[string][]string{"code": {secret}, "code_verifier": {secret}})
						out.Print(te, tc)
						if found := out.Find(secret); len(found) > 0 {
							t.Errorf("%s: %q in\n%v", method, found, te)
						}
						s.mu.Lock()
						s.script = nil
						s.mu.Unlock()
					}
				})
			})
		}
	}
}

// x/oauth2's own error prints the response, which may repeat the refresh token.
func TestTheErrorOfATokenSourceHasNoResponse(t *testing.T) {
	ts := FromTokenSource(sourceFunc(func() (*oauth2.Token, error) {
		return nil, &oauth2.RetrieveError{Response: &http.Response{Status: "400 Bad Request"}, Body: []byte("no such token: sesame"), ErrorDescription: "sesame", ErrorCode: "sesame"}
	}))
	src, err := ts.Source(Endpoint{Service: "cosmic", Origin: "https://h", TokenURL: "https://h/token"})
	if err != nil {
		t.Fatal(err)
	}
	_, err = src.Token(t.Context())
	var out leaktest.Sink
	out.Print(err)
	if found := out.Find("sesame"); err == nil || len(found) > 0 || !strings.Contains(err.Error(), "400 Bad Request") {
		t.Errorf("%v: %q", err, found)
	}
	var response *oauth2.RetrieveError
	if !errors.As(err, &response) {
		t.Error("the response cannot be had")
	}
}

func containsSecret(text string, secrets ...string) bool {
	for _, s := range secrets {
		if strings.Contains(text, s) {
			return true
		}
	}
	return false
}

const (
	secretAccess   = "Zk3-access-Qv81LmXw"
	secretRefresh  = "Zk3-refresh-Tr20PbYs"
	secretID       = "Zk3-idtoken-Hn55CdRe"
	secretClient   = "Zk3-client secret/Jj77"
	secretCode     = "Zk3-code-Uu09KkWz"
	secretInError  = "Zk3-inerror-Mm31GgBv"
	secretStatic   = "Zk3-static-Dd64FfTx"
	secretPassword = "Zk3-password-Oo12AaEe"
)

var allSecrets = []string{secretAccess, secretRefresh, secretID, secretClient, secretCode, secretInError, secretStatic, secretPassword}

func TestTheSearchForSecretsWorks(t *testing.T) {
	for name, leak := range map[string]any{
		"a plain field":       struct{ a string }{secretAccess},
		"an oauth2.Token":     &oauth2.Token{RefreshToken: secretRefresh},
		"an error":            fmt.Errorf("bad: %s", secretCode),
		"a query":             url.Values{"client_secret": {secretClient}}.Encode(),
		"a byte slice in hex": []byte(secretID),
		"a Basic header":      "Basic " + base64.StdEncoding.EncodeToString([]byte(secretStatic)),
	} {
		var s leaktest.Sink
		s.Print(leak)
		if len(s.Find(allSecrets...)) == 0 {
			t.Errorf("%s was not found", name)
		}
	}
}

// TestNoSecretIsPrinted drives every flow with known secrets, prints whatever
// comes out in every way, and finds none of them.
func TestNoSecretIsPrinted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out leaktest.Sink
		s := newTokenServer()
		logger := slog.New(slog.NewJSONHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug}))
		e := s.endpoint()
		e.Logger = logger
		app := App{ClientID: "app-1", ClientSecret: secretClient, AuthMethod: AuthPost}
		store := &faultyStore{Store: NewMemoryStore(), saveErr: errors.New("cannot save access_token=" + secretPassword)}
		sessions, err := NewSessions(store, app, WithOnChange(func(c Change) { out.Print(c) }), WithLogger(logger))
		if err != nil {
			t.Fatal(err)
		}
		good := fmt.Sprintf(`{"access_token":%q,"refresh_token":%q,"id_token":%q,"expires_in":3600}`, secretAccess, secretRefresh, secretID)
		steps := map[string]step{
			"good": says(200, "application/json", good), "pending": says(200, "application/json", good),
			"400 that echoes":  says(400, "application/json", fmt.Sprintf(`{"error":"bad_%s","error_description":%q}`, secretInError, secretRefresh)),
			"400 odd code":     says(400, "application/json", fmt.Sprintf(`{"error":"x %s"}`, secretInError)),
			"401 that echoes":  says(401, "application/json", fmt.Sprintf(`{"error":"invalid_client","error_description":"Basic %s"}`, secretClient)),
			"HTML that echoes": says(200, "text/html", "<h1>"+secretRefresh+"</h1>"),
			"503 that echoes":  says(503, "text/plain", "refresh_token="+secretRefresh),
			"redirect":         saysWith(302, "Location", "https://evil.example.com/?refresh_token="+secretRefresh),
			"transport error": func(*tokenServer, *http.Request) (*http.Response, error) {
				return nil, fmt.Errorf("proxy: POST body refresh_token=%s&client_secret=%s failed", secretRefresh, url.QueryEscape(secretClient))
			},
			"cut body": func(*tokenServer, *http.Request) (*http.Response, error) {
				return responseOf(200, "", io.MultiReader(strings.NewReader(good[:30]), errReader{errors.New("read: Bearer " + secretAccess)})), nil
			},
			"dead": says(400, "application/json", fmt.Sprintf(`{"error":"invalid_grant","error_description":%q}`, secretRefresh)),
		}
		var sources []any
		for name, st := range steps {
			store.set(func(f *faultyStore) { f.saveFails = 0 })
			g := mustGrantOf(t, e, app)
			if err := sessions.SignIn(t.Context(), "k", g); err != nil {
				t.Fatal(err)
			}
			if name == "pending" {
				store.set(func(f *faultyStore) { f.saveFails = 3 })
			}
			src, err := sessions.Key("k").Source(e)
			if err != nil {
				t.Fatal(err)
			}
			time.Sleep(2 * time.Hour)
			for range 10 {
				s.then(st)
			}
			tok, err := src.Token(t.Context())
			out.Print(name, tok, &tok, src, g, &g)
			if err != nil {
				out.Print(err)
			}
			_, err = src.(Renewer).Renew(t.Context(), NewToken(secretAccess, time.Time{}))
			if err != nil {
				out.Print(err)
			}
			status, err := sessions.Status(t.Context(), "k")
			out.Print(status, err)
			s.mu.Lock()
			s.script = nil
			s.mu.Unlock()
			sources = append(sources, src)
			time.Sleep(time.Hour)
		}
		out.Print(sources...)
		out.Show(app, &app)
		out.Print(sessions, sessions.Key("k"), sessions.client)
		clientFlows(t, s, e, &out)
		store.set(func(f *faultyStore) { f.loadErr = errors.New("dial postgres://u:" + secretPassword + "@db/x") })
		_, err = sessions.Status(t.Context(), "k")
		out.Print(err)
		out.Print(sessions.Close(t.Context()))
		synctest.Wait() // what no caller waits for has been logged, too
		if found := out.Find(allSecrets...); len(found) > 0 {
			t.Errorf("printed: %q", found)
			for _, line := range strings.Split(out.String(), "\n") {
				if i := strings.Index(line, found[0]); i >= 0 {
					t.Fatalf("first: %s", line[max(0, i-200):min(len(line), i+100)])
				}
			}
		}
		t.Logf("%d bytes of output searched for %d secrets", len(out.String()), len(allSecrets))
	})
}

func mustGrantOf(t *testing.T, e Endpoint, app App) Grant {
	t.Helper()
	g, err := NewGrant(e, app, &oauth2.Token{AccessToken: secretAccess, RefreshToken: secretRefresh, ExpiresIn: 3600})
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func clientFlows(t *testing.T, s *tokenServer, e Endpoint, out *leaktest.Sink) {
	t.Helper()
	creds := ClientCredentials("app-1", secretClient, WithTokenStore(NewMemoryStore(), "certn"))
	e.AuthorizeURL = "" // of a service without sign-in for people
	src, err := creds.Source(e)
	if err != nil {
		t.Fatal(err)
	}
	s.then(says(401, "application/json", fmt.Sprintf(`{"error":"invalid_client","error_description":%q}`, secretClient)),
		says(200, "application/json", fmt.Sprintf(`{"access_token":%q,"expires_in":60}`, secretAccess)))
	_, err = src.Token(t.Context())
	out.Print(err)
	time.Sleep(time.Minute)
	tok, err := src.Token(t.Context())
	out.Print(creds, src, tok, err)
	static := StaticToken(secretStatic)
	bound, err := static.Source(e)
	out.Print(static, bound, err)
	tokens := FromTokenSource(oauth2.StaticTokenSource(&oauth2.Token{AccessToken: secretStatic}))
	bound, err = tokens.Source(e)
	out.Print(tokens, bound, err)
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("gone"))
	time.Sleep(time.Hour)
	_, err = src.Token(ctx)
	out.Print(err)
}
