package facade_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/oauth2"

	"github.com/credkit/credkit-go/api/cosmic"
	"github.com/credkit/credkit-go/facade"
	"github.com/credkit/credkit-go/facade/auth"
)

// tokensOnly responds to every request as a token endpoint would, and counts those
// to one.
type tokensOnly struct{ tokens int }

func (s *tokensOnly) RoundTrip(r *http.Request) (*http.Response, error) {
	if strings.Contains(r.URL.Path, "token") {
		s.tokens++
	}
	body := fmt.Sprintf(`{"access_token":"access-%d","refresh_token":"refresh-%[1]d","expires_in":3600}`, s.tokens)
	return &http.Response{StatusCode: 200, Header: http.Header{"Content-Type": {"application/json"}}, Request: r, Body: io.NopCloser(strings.NewReader(body))}, nil
}

// loads counts what is read of a store.
type loads struct {
	auth.Store
	n int
}

func (s *loads) Load(ctx context.Context, key string) ([]byte, error) {
	s.n++
	return s.Store.Load(ctx, key)
}

// The identity scopes and the ways to authenticate come from the specification.
func TestTheEndpointHasWhatTheSpecificationSaysOfSignIn(t *testing.T) {
	e, err := facade.CosmicEndpoint()
	if err != nil {
		t.Fatal(err)
	}
	var methods []string
	if want := "/auth/v1/logout?scope=local"; !strings.HasSuffix(e.LogoutURL, want) {
		t.Errorf("the logout URL is %q: want %s at its end", e.LogoutURL, want)
	}
	for _, method := range e.ClientAuthentication {
		methods = append(methods, string(method))
	}
	if !slices.Equal(e.IdentityScopes, cosmic.Service.IdentityScopes) || !slices.Equal(methods, cosmic.Service.ClientAuthentication) || len(methods) == 0 || len(e.IdentityScopes) == 0 {
		t.Errorf("identity scopes %q, methods %q", e.IdentityScopes, methods)
	}
}

// TestClientsOfOneHTTPClientShareTheirToken: a program that makes a client for
// each request it serves has one session, and one token of Certn's, all the
// same.
func TestClientsOfOneHTTPClientShareTheirToken(t *testing.T) {
	server, store := &tokensOnly{}, &loads{Store: auth.NewMemoryStore()}
	app := auth.App{ClientID: "app"}
	with := facade.WithHTTPClient(&http.Client{Transport: server})
	sessions, err := auth.NewSessions(store, app)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = sessions.Close(context.Background()) }()
	endpoint, err := facade.CosmicEndpoint(with)
	if err != nil {
		t.Fatal(err)
	}
	grant, err := auth.NewGrant(endpoint, app, &oauth2.Token{AccessToken: "access", RefreshToken: "refresh", Expiry: time.Now().Add(time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	if err := sessions.SignIn(t.Context(), "k", grant); err != nil {
		t.Fatal(err)
	}
	credentials := auth.ClientCredentials("id", "secret")
	for range 10 {
		cosmic, err := facade.NewCosmic(sessions.Key("k"), with)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = cosmic.Me(t.Context()) // what comes back is no response of the API
		certn, err := facade.NewCertn(credentials, with)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = certn.FindUser(t.Context(), facade.ByEmail("ada@example.com"))
	}
	if store.n != 1 || server.tokens != 1 {
		t.Errorf("the store was read %d times and %d tokens were asked for, want 1 and 1", store.n, server.tokens)
	}
}

// Credentials of the wrong kind fail in the constructor, with what to use.
func TestNewClientsRefuseCredentialsOfTheWrongKind(t *testing.T) {
	sessions, err := auth.NewSessions(auth.NewMemoryStore(), auth.App{ClientID: "app"})
	if err != nil {
		t.Fatal(err)
	}
	_, cosmic := facade.NewCosmic(auth.ClientCredentials("id", "secret"))
	_, certn := facade.NewCertn(sessions.Key("k"))
	for want, err := range map[string]error{"use Sessions.Key": cosmic, "use ClientCredentials": certn} {
		var config *auth.ConfigError
		if !errors.As(err, &config) || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}
