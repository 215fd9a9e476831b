package signin

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/credkit/credkit-go/api/cosmic"
	"github.com/credkit/credkit-go/facade/auth"
)

// tokenServer is a token endpoint without sockets that rotates refresh tokens.
// What it does to single requests can be scripted.
type tokenServer struct {
	mu     sync.Mutex
	serial int // of the tokens
	script []step
	sent   []sent
}

// A step handles one request instead of the server.
type step func(s *tokenServer, r *http.Request) (*http.Response, error)

// sent is one request that arrived.
type sent struct{ form url.Values }

const refreshPrefix = "secret-refresh-"

var testApp = auth.App{ClientID: "app-1"}

func newTokenServer() *tokenServer { return &tokenServer{} }

// then scripts what happens to the next requests, one step each.
func (s *tokenServer) then(steps ...step) { s.script = append(s.script, steps...) }

func (s *tokenServer) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sent = append(s.sent, sent{form})
	if len(s.script) > 0 {
		do := s.script[0]
		s.script = s.script[1:]
		return do(s, r)
	}
	if form.Get("grant_type") == "refresh_token" && form.Get("refresh_token") != fmt.Sprint(refreshPrefix, s.serial) {
		return answerOf(400, "application/json", `{"error":"invalid_grant"}`), nil
	}
	s.serial++
	return answerOf(200, "application/json", fmt.Sprintf(`{"access_token":"secret-access-%d","token_type":"bearer","refresh_token":"%s%d","expires_in":3600}`, s.serial, refreshPrefix, s.serial)), nil
}

func (s *tokenServer) requests() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.sent)
}

// invariant fails if the store does not hold the server's current refresh token.
func (s *tokenServer) invariant(t *testing.T, store auth.Store) {
	t.Helper()
	data, err := store.Load(t.Context(), "k")
	if current := fmt.Sprintf(`"%s%d"`, refreshPrefix, s.serial); err != nil || !strings.Contains(string(data), current) {
		t.Fatalf("the store holds %s, %v, the server is at %s", data, err, current)
	}
}

func answerOf(status int, contentType, body string) *http.Response {
	return &http.Response{StatusCode: status, Status: http.StatusText(status), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{"Content-Type": {contentType}}, Body: io.NopCloser(strings.NewReader(body))}
}

// The steps.

func says(status int, contentType, body string) step {
	return func(*tokenServer, *http.Request) (*http.Response, error) {
		return answerOf(status, contentType, body), nil
	}
}

func unreachable(*tokenServer, *http.Request) (*http.Response, error) {
	return nil, &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("connection refused")}
}

// endpoint is the server as an Endpoint.
func (s *tokenServer) endpoint() auth.Endpoint {
	return auth.Endpoint{Service: "cosmic", Origin: "https://api.example.com", TokenURL: "https://api.example.com/auth/v1/oauth/token",
		AuthorizeURL: "https://api.example.com/auth/v1/oauth/authorize", IdentityScopes: cosmic.Service.IdentityScopes, HTTPClient: &http.Client{Transport: s}}
}
