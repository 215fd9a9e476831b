package sandbox_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/credkit/credkit-go/api/certn"
	"github.com/credkit/credkit-go/api/cosmic"
	"github.com/credkit/credkit-go/api/spec"
	"github.com/credkit/credkit-go/facade/sandbox"
)

// start runs a sandbox on sockets until the test ends.
func start(t *testing.T, opts ...sandbox.Option) *sandbox.Sandbox {
	t.Helper()
	sb, err := sandbox.Start(opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sb.Close)
	return sb
}

// inMemory makes a sandbox without sockets until the test ends.
func inMemory(t *testing.T, opts ...sandbox.Option) *sandbox.Sandbox {
	t.Helper()
	sb, err := sandbox.New(opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sb.Close)
	return sb
}

// answer is what came back, wholly read.
type answer struct {
	*http.Response
	body []byte
	cut  error // of reading the body
}

func (a answer) text() string { return string(a.body) }

// json decodes the body.
func (a answer) json(t *testing.T) map[string]any {
	t.Helper()
	var v map[string]any
	if err := json.Unmarshal(a.body, &v); err != nil {
		t.Fatalf("%s: %q: %v", a.Status, a.body, err)
	}
	return v
}

// at returns the member at a path of a JSON object, nil if it is not there.
func at(v any, path ...string) any {
	for _, name := range path {
		m, _ := v.(map[string]any)
		v = m[name]
	}
	return v
}

// do makes a request and reads the response; redirects are not followed.
func do(t *testing.T, sb *sandbox.Sandbox, req *http.Request) answer {
	t.Helper()
	a, err := try(sb, req)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func try(sb *sandbox.Sandbox, req *http.Request) (answer, error) {
	client := *sb.Client()
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	resp, err := client.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return answer{resp, b, err}, nil
}

func request(t *testing.T, method, address, token, contentType string, body []byte) *http.Request {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, address, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	return req
}

func get(t *testing.T, sb *sandbox.Sandbox, address, token string) answer {
	t.Helper()
	return do(t, sb, request(t, http.MethodGet, address, token, "", nil))
}

// signIn returns the tokens of a new session.
func signIn(t *testing.T, sb *sandbox.Sandbox, scopes ...string) sandbox.Tokens {
	t.Helper()
	tokens, err := sb.SignIn("", scopes...)
	if err != nil {
		t.Fatal(err)
	}
	return tokens
}

// pathOf is where an operation or endpoint lies, from the generated tables.
func urlOf(t *testing.T, sb *sandbox.Sandbox, id spec.OperationID) string {
	t.Helper()
	if op, ok := cosmic.Service.Operation(id); ok {
		return sb.CosmicURL() + op.Path
	}
	if op, ok := certn.Service.Operation(id); ok {
		return sb.CertnURL() + op.Path
	}
	t.Fatalf("no operation %q", id)
	return ""
}

func tokenURL(sb *sandbox.Sandbox) string { return sb.CosmicURL() + cosmic.Service.TokenPath }

const formEncoded = "application/x-www-form-urlencoded"

// post sends a form to a token endpoint; prepare may add to the request.
func post(t *testing.T, sb *sandbox.Sandbox, address string, form url.Values, prepare ...func(*http.Request)) answer {
	t.Helper()
	req := request(t, http.MethodPost, address, "", formEncoded, []byte(form.Encode()))
	for _, p := range prepare {
		p(req)
	}
	return do(t, sb, req)
}

// refresh uses a refresh token at the first app.
func refresh(t *testing.T, sb *sandbox.Sandbox, token string) answer {
	t.Helper()
	return post(t, sb, tokenURL(sb), refreshForm(sb, token))
}

func refreshForm(sb *sandbox.Sandbox, token string) url.Values {
	return url.Values{"grant_type": {"refresh_token"}, "client_id": {sb.App().ClientID}, "refresh_token": {token}}
}

// refreshed is refresh that must go well; it returns the refresh token.
func refreshed(t *testing.T, sb *sandbox.Sandbox, token string) string {
	t.Helper()
	a := refresh(t, sb, token)
	if a.StatusCode != http.StatusOK {
		t.Fatalf("refresh: %s %s", a.Status, a.body)
	}
	next, _ := a.json(t)["refresh_token"].(string)
	return next
}

func wantStatus(t *testing.T, a answer, status int) {
	t.Helper()
	if a.StatusCode != status {
		t.Fatalf("%s, want %d; body %.300s", a.Status, status, a.body)
	}
}

func wantText(t *testing.T, a answer, part string) {
	t.Helper()
	if !strings.Contains(a.text(), part) {
		t.Fatalf("body %.2000s\nhas no %q", a.body, part)
	}
}

func fail(t *testing.T, sb *sandbox.Sandbox, parts ...sandbox.Part) {
	t.Helper()
	if err := sb.Fail(parts...); err != nil {
		t.Fatal(err)
	}
}
