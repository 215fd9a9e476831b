package auth

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/oauth2"
)

func containsSecret(text string, secrets ...string) bool {
	for _, s := range secrets {
		if strings.Contains(text, s) {
			return true
		}
	}
	return false
}

// A sink collects everything that a program could print of a value.
type sink struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (s *sink) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.buf.Write(p)
}

// holder is somebody's struct with our value in an unexported field, where fmt
// calls no methods.
type holder struct {
	value any
	inner struct{ value any }
	Value any
}

func (s *sink) print(values ...any) {
	for _, v := range values {
		h := holder{value: v, Value: v}
		h.inner.value = v
		s.show(h, &h)
	}
	s.show(values...)
}

// show prints values themselves and in exported places.
func (s *sink) show(values ...any) {
	for _, v := range values {
		for _, x := range []any{v, []any{v}, map[string]any{"x": v}, struct{ X any }{v}} {
			for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
				fmt.Fprintf(s, verb+"\n", x)
			}
			if data, err := json.Marshal(x); err == nil {
				s.Write(append(data, '\n')) //nolint:errcheck // never fails
			}
			slog.New(slog.NewTextHandler(s, nil)).Info("x", "x", x)
			slog.New(slog.NewJSONHandler(s, nil)).Info("x", "x", x)
		}
		if err, ok := v.(error); ok {
			for e := errors.Unwrap(err); e != nil; e = errors.Unwrap(e) {
				fmt.Fprintf(s, "%v %+v %#v\n", e, e, e)
			}
			func() {
				defer func() { fmt.Fprintln(s, recover()) }()
				panic(err)
			}()
		}
	}
}

// find returns the secrets that stand in the sink, in any common encoding.
func (s *sink) find(secrets ...string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	text := s.buf.String()
	lower := strings.ToLower(text)
	var found []string
	for _, secret := range secrets {
		for _, form := range []string{
			secret, url.QueryEscape(secret), base64.StdEncoding.EncodeToString([]byte(secret)), base64.RawURLEncoding.EncodeToString([]byte(secret)),
		} {
			if strings.Contains(text, form) {
				found = append(found, form)
			}
		}
		if h := hex.EncodeToString([]byte(secret)); strings.Contains(lower, h) {
			found = append(found, h)
		}
	}
	return found
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
		var s sink
		s.print(leak)
		if len(s.find(allSecrets...)) == 0 {
			t.Errorf("%s was not found", name)
		}
	}
}

// TestNoSecretIsPrinted drives every flow with known secrets, prints whatever
// comes out in every way, and finds none of them.
func TestNoSecretIsPrinted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out sink
		s := newTokenServer()
		logger := slog.New(slog.NewJSONHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug}))
		e := s.endpoint()
		e.Logger = logger
		app := App{ClientID: "app-1", ClientSecret: secretClient, AuthMethod: AuthPost}
		store := &faultyStore{Store: NewMemoryStore(), saveErr: errors.New("cannot save access_token=" + secretPassword)}
		sessions, err := NewSessions(store, app, OnChange(func(c Change) { out.print(c) }), WithLogger(logger))
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
				return answerOf(200, "", io.MultiReader(strings.NewReader(good[:30]), errReader{errors.New("read: Bearer " + secretAccess)})), nil
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
			out.print(name, tok, &tok, src, g, &g)
			if err != nil {
				out.print(err)
			}
			_, err = src.(Renewer).Renew(t.Context(), NewToken(secretAccess, time.Time{}))
			if err != nil {
				out.print(err)
			}
			status, err := sessions.Status(t.Context(), "k")
			out.print(status, err)
			s.mu.Lock()
			s.script = nil
			s.mu.Unlock()
			sources = append(sources, src)
			time.Sleep(time.Hour)
		}
		out.print(sources...)
		out.show(app, &app)
		out.print(sessions, sessions.Key("k"), sessions.client)
		signInFlows(t, s, e, app, &out)
		clientFlows(t, s, e, &out)
		store.set(func(f *faultyStore) { f.loadErr = errors.New("dial postgres://u:" + secretPassword + "@db/x") })
		_, err = sessions.Status(t.Context(), "k")
		out.print(err)
		out.print(sessions.Close(t.Context()))
		synctest.Wait() // what no caller waits for has been logged, too
		if found := out.find(allSecrets...); len(found) > 0 {
			t.Errorf("printed: %q", found)
			for _, line := range strings.Split(out.buf.String(), "\n") {
				if i := strings.Index(line, found[0]); i >= 0 {
					t.Fatalf("first: %s", line[max(0, i-200):min(len(line), i+100)])
				}
			}
		}
		t.Logf("%d bytes of output searched for %d secrets", out.buf.Len(), len(allSecrets))
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

func signInFlows(t *testing.T, s *tokenServer, e Endpoint, app App, out *sink) {
	t.Helper()
	sealer, err := NewSealer([]byte(secretPassword + secretPassword))
	if err != nil {
		t.Fatal(err)
	}
	for _, st := range []step{
		says(200, "application/json", fmt.Sprintf(`{"access_token":%q,"refresh_token":%q,"id_token":%q}`, secretAccess, secretRefresh, secretID)),
		says(400, "application/json", fmt.Sprintf(`{"error":"invalid_grant","error_description":%q}`, secretCode)),
		says(401, "application/json", fmt.Sprintf(`{"error":"invalid_client","error_description":%q}`, secretClient)),
		says(500, "text/plain", secretCode),
	} {
		raw, p, err := Begin(e, app, testRedirect)
		if err != nil {
			t.Fatal(err)
		}
		u, err := url.Parse(raw)
		if err != nil {
			t.Fatal(err)
		}
		out.print(p, &p, sealer)
		s.then(st)
		g, err := Complete(t.Context(), e, app, p, url.Values{"state": {u.Query().Get("state")}, "code": {secretCode}})
		out.print(g, &g, err)
		if found := out.find(p.p.reveal().Verifier, p.p.reveal().State); len(found) > 0 {
			t.Errorf("printed a verifier or a state")
		}
	}
	raw, p, err := Begin(e, app, testRedirect)
	if err != nil {
		t.Fatal(err)
	}
	u, _ := url.Parse(raw)
	_, err = Complete(t.Context(), e, app, p, url.Values{"state": {u.Query().Get("state")}, "error": {"bad " + secretInError}, "error_description": {"code=" + secretCode}})
	out.print(err)
}

func clientFlows(t *testing.T, s *tokenServer, e Endpoint, out *sink) {
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
	out.print(err)
	time.Sleep(time.Minute)
	tok, err := src.Token(t.Context())
	out.print(creds, src, tok, err)
	static := StaticToken(secretStatic)
	bound, err := static.Source(e)
	out.print(static, bound, err)
	tokens := FromTokenSource(oauth2.StaticTokenSource(&oauth2.Token{AccessToken: secretStatic}))
	bound, err = tokens.Source(e)
	out.print(tokens, bound, err)
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("gone"))
	time.Sleep(time.Hour)
	_, err = src.Token(ctx)
	out.print(err)
}
