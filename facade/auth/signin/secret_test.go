package signin

import (
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"testing"

	"github.com/credkit/credkit-go/facade/auth"
	"github.com/credkit/credkit-go/facade/auth/internal/leaktest"
)

const (
	secretAccess   = "Zk3-access-Qv81LmXw"
	secretRefresh  = "Zk3-refresh-Tr20PbYs"
	secretID       = "Zk3-idtoken-Hn55CdRe"
	secretClient   = "Zk3-client secret/Jj77"
	secretCode     = "Zk3-code-Uu09KkWz"
	secretInError  = "Zk3-inerror-Mm31GgBv"
	secretPassword = "Zk3-password-Oo12AaEe"
)

// TestNoSecretIsPrinted drives sign-ins with known secrets, prints whatever comes
// out in every way, and finds none of them.
func TestNoSecretIsPrinted(t *testing.T) {
	var out leaktest.Sink
	s := newTokenServer()
	e := s.endpoint()
	e.Logger = slog.New(slog.NewJSONHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug}))
	signInFlows(t, s, e, auth.App{ClientID: "app-1", ClientSecret: secretClient, AuthMethod: auth.AuthPost}, &out)
	if found := out.Find(secretAccess, secretRefresh, secretID, secretClient, secretCode, secretInError, secretPassword); len(found) > 0 {
		t.Errorf("printed: %q", found)
	}
	t.Logf("%d bytes of output searched", len(out.String()))
}

func signInFlows(t *testing.T, s *tokenServer, e auth.Endpoint, app auth.App, out *leaktest.Sink) {
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
		out.Print(p, &p, sealer)
		s.then(st)
		g, err := Complete(t.Context(), e, app, p, url.Values{"state": {u.Query().Get("state")}, "code": {secretCode}})
		out.Print(g, &g, err)
		if found := out.Find(p.p.Get().Verifier, p.p.Get().State); len(found) > 0 {
			t.Errorf("printed a verifier or a state")
		}
	}
	raw, p, err := Begin(e, app, testRedirect)
	if err != nil {
		t.Fatal(err)
	}
	u, _ := url.Parse(raw)
	_, err = Complete(t.Context(), e, app, p, url.Values{"state": {u.Query().Get("state")}, "error": {"bad " + secretInError}, "error_description": {"code=" + secretCode}})
	out.Print(err)
}

// TestASealerPrintsNoKey prints it also with verbs that do not fit: fmt then
// follows a pointer that it otherwise prints as an address.
func TestASealerPrintsNoKey(t *testing.T) {
	sealer, err := NewSealer([]byte(strings.Repeat("s", 32)))
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range []any{sealer, []any{sealer}, struct{ X any }{sealer}, struct{ x any }{sealer}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d", "%t", "%e"} {
			if text := fmt.Sprintf(verb, x); strings.Contains(text, "GCM") {
				t.Errorf("%T with %s shows the schedule of a key: %.200s", x, verb, text)
			}
		}
	}
}
