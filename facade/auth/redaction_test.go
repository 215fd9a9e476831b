package auth

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
	"testing/synctest"

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
