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
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/oauth2"

	"github.com/credkit/credkit-go/facade/auth/internal/leaktest"
)

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
