package sandbox_test

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/oauth2"

	"github.com/credkit/credkit-go/api/cosmic"
	"github.com/credkit/credkit-go/facade/sandbox"
)

const verifier = "a-code-verifier-of-at-least-forty-three-characters"

func challenge() string {
	sum := sha256.Sum256([]byte(verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// authorizeQuery is a good authorization request.
func authorizeQuery(sb *sandbox.Sandbox) url.Values {
	return url.Values{
		"response_type":         {"code"},
		"client_id":             {sb.App().ClientID},
		"redirect_uri":          {sandbox.RedirectURI},
		"code_challenge":        {challenge()},
		"code_challenge_method": {"S256"},
		"state":                 {"some state &=?"},
	}
}

func authorizeURL(sb *sandbox.Sandbox, q url.Values) string {
	return sb.CosmicURL() + cosmic.Service.AuthorizePath + "?" + q.Encode()
}

// approve goes through the page and returns the query of the redirect.
func approve(t *testing.T, sb *sandbox.Sandbox, q url.Values) url.Values {
	t.Helper()
	to, err := sb.Approve(t.Context(), authorizeURL(sb, q))
	if err != nil {
		t.Fatal(err)
	}
	return redirectQuery(t, to)
}

func redirectQuery(t *testing.T, to string) url.Values {
	t.Helper()
	u, err := url.Parse(to)
	if err != nil || !strings.HasPrefix(to, sandbox.RedirectURI) {
		t.Fatalf("redirected to %q: %v", to, err)
	}
	return u.Query()
}

func codeForm(sb *sandbox.Sandbox, code string) url.Values {
	return url.Values{
		"grant_type":    {"authorization_code"},
		"client_id":     {sb.App().ClientID},
		"code":          {code},
		"redirect_uri":  {sandbox.RedirectURI},
		"code_verifier": {verifier},
	}
}

func TestSignInThroughTheConsentPage(t *testing.T) {
	sb := start(t, sandbox.WithBasePath("/below"))
	q := approve(t, sb, authorizeQuery(sb))
	if q.Get("state") != "some state &=?" || q.Get("code") == "" || q.Has("error") {
		t.Fatalf("redirect with %v", q)
	}
	a := post(t, sb, tokenURL(sb), codeForm(sb, q.Get("code")))
	wantStatus(t, a, 200)
	v := a.json(t)
	if v["token_type"] != "bearer" || v["expires_in"] != 3600. || v["refresh_token"] == nil {
		t.Fatalf("%v", v)
	}
	for _, absent := range []string{"scope", "id_token"} {
		if _, ok := v[absent]; ok {
			t.Errorf("the answer has %s", absent)
		}
	}
	if strings.Count(v["access_token"].(string), ".") != 2 {
		t.Errorf("the access token is no JWT")
	}
	if a.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("headers %v", a.Header)
	}
	me := get(t, sb, urlOf(t, sb, cosmic.OpGetMe), v["access_token"].(string))
	wantText(t, me, "ada@example.com")
	if c := sb.Counters(); c.SignIns != 1 || c.Violations != 0 {
		t.Errorf("%+v", c)
	}
}

func TestSignInWithTheOAuth2Library(t *testing.T) {
	for _, app := range start(t).Apps() {
		t.Run(app.Authentication, func(t *testing.T) {
			sb := start(t)
			style := oauth2.AuthStyleInParams
			if app.Authentication == "client_secret_basic" {
				style = oauth2.AuthStyleInHeader
			}
			config := oauth2.Config{
				ClientID: app.ClientID, ClientSecret: app.ClientSecret, RedirectURL: sandbox.RedirectURI,
				Scopes: []string{"openid", "email"},
				Endpoint: oauth2.Endpoint{
					AuthURL: sb.CosmicURL() + cosmic.Service.AuthorizePath, TokenURL: tokenURL(sb), AuthStyle: style,
				},
			}
			v := oauth2.GenerateVerifier()
			to, err := sb.Approve(t.Context(), config.AuthCodeURL("s", oauth2.S256ChallengeOption(v)))
			if err != nil {
				t.Fatal(err)
			}
			token, err := config.Exchange(t.Context(), redirectQuery(t, to).Get("code"), oauth2.VerifierOption(v))
			if err != nil {
				t.Fatal(err)
			}
			if id, _ := token.Extra("id_token").(string); strings.Count(id, ".") != 2 {
				t.Errorf("id_token %q", id)
			}
			wantText(t, get(t, sb, urlOf(t, sb, cosmic.OpGetMe), token.AccessToken), "Ada Lovelace")
			if c := sb.Counters(); c.Violations != 0 {
				t.Errorf("violations: %+v", sb.Requests())
			}
		})
	}
}

func TestDenyReturnsToTheApp(t *testing.T) {
	sb := start(t)
	to, err := sb.Deny(t.Context(), authorizeURL(sb, authorizeQuery(sb)))
	if err != nil {
		t.Fatal(err)
	}
	if q := redirectQuery(t, to); q.Get("error") != "access_denied" || q.Get("state") != "some state &=?" || q.Has("code") {
		t.Fatalf("%v", q)
	}
}

func TestAuthorizeRefusesByRedirect(t *testing.T) {
	for name, tc := range map[string]struct {
		set  url.Values
		want string
	}{
		"an API scope in scope":              {url.Values{"scope": {"openid " + cosmic.Service.Scopes[0]}}, "invalid_request"},
		"an API scope under its older name":  {url.Values{"scope": {"certifications:read"}}, "invalid_request"},
		"an unknown scope":                   {url.Values{"scope": {"address"}}, "invalid_request"},
		"another response type":              {url.Values{"response_type": {"token"}}, "unsupported_response_type"},
		"no PKCE":                            {url.Values{"code_challenge": {""}, "code_challenge_method": {""}}, "invalid_request"},
		"PKCE plain":                         {url.Values{"code_challenge_method": {"plain"}}, "invalid_request"},
		"a challenge that is no SHA-256":     {url.Values{"code_challenge": {"short"}}, "invalid_request"},
		"a challenge with padding":           {url.Values{"code_challenge": {challenge() + "="}}, "invalid_request"},
		"a challenge in the other alphabet":  {url.Values{"code_challenge": {strings.Repeat("+", 43)}}, "invalid_request"},
		"a verifier instead of a challenge":  {url.Values{"code_challenge": {verifier}}, "invalid_request"},
		"a method without a challenge":       {url.Values{"code_challenge": {""}}, "invalid_request"},
		"a challenge without a method":       {url.Values{"code_challenge_method": {""}}, "invalid_request"},
		"the S256 method in lower case":      {url.Values{"code_challenge_method": {"s256"}}, "invalid_request"},
		"a response type that is left empty": {url.Values{"response_type": {""}}, "unsupported_response_type"},
	} {
		t.Run(name, func(t *testing.T) {
			sb := inMemory(t)
			q := authorizeQuery(sb)
			for k, v := range tc.set {
				q[k] = v
			}
			got := approve(t, sb, q)
			if got.Get("error") != tc.want || got.Get("error_description") == "" || got.Get("state") != "some state &=?" || got.Has("code") {
				t.Fatalf("redirect with %v", got)
			}
			if sb.Counters().Violations != 1 {
				t.Errorf("%+v", sb.Counters())
			}
		})
	}
}

func TestAuthorizeNeverRedirectsToAnUnknownAddress(t *testing.T) {
	sb := inMemory(t)
	for name, set := range map[string]url.Values{
		"another port":                 {"redirect_uri": {"http://127.0.0.1:8977/callback"}},
		"a trailing slash":             {"redirect_uri": {sandbox.RedirectURI + "/"}},
		"a query":                      {"redirect_uri": {sandbox.RedirectURI + "?a=b"}},
		"another name for the host":    {"redirect_uri": {"http://localhost:8976/callback"}},
		"no redirect URI":              {"redirect_uri": nil},
		"an unknown client":            {"client_id": {"nobody"}},
		"two redirect URIs":            {"redirect_uri": {sandbox.RedirectURI, "https://evil.example/"}},
		"a script as the redirect URI": {"redirect_uri": {"javascript:alert(1)"}},
	} {
		t.Run(name, func(t *testing.T) {
			q := authorizeQuery(sb)
			for k, v := range set {
				q[k] = v
			}
			a := get(t, sb, authorizeURL(sb, q), "")
			wantStatus(t, a, 400)
			wantText(t, a, "This request cannot go on")
			if a.Header.Get("Location") != "" || strings.Contains(a.text(), "evil.example") || strings.Contains(a.text(), "alert(1)") {
				t.Fatalf("%v\n%s", a.Header, a.body)
			}
		})
	}
}

func TestRedirectURIKeepsItsOwnQuery(t *testing.T) {
	sb := inMemory(t, sandbox.WithApps(sandbox.App{ClientID: "a", RedirectURIs: []string{"https://app.example/back?tenant=7"}}))
	q := authorizeQuery(sb)
	q.Set("redirect_uri", "https://app.example/back?tenant=7")
	q.Del("state")
	to, err := sb.Approve(t.Context(), authorizeURL(sb, q))
	if err != nil || !strings.HasPrefix(to, "https://app.example/back?tenant=7&code=") || strings.Contains(to, "state") {
		t.Fatalf("%q %v", to, err)
	}
}

func TestCodesAreBoundAndUsedOnce(t *testing.T) {
	for name, set := range map[string]url.Values{
		"another client":       {"client_id": {"other"}},
		"another redirect URI": {"redirect_uri": {sandbox.RedirectURI + "2"}},
		"no redirect URI":      {"redirect_uri": nil},
		"another verifier":     {"code_verifier": {strings.Repeat("x", 50)}},
		"no verifier":          {"code_verifier": nil},
		"the challenge":        {"code_verifier": {challenge()}},
		"another code":         {"code": {"nonsense"}},
	} {
		t.Run(name, func(t *testing.T) {
			sb := inMemory(t, sandbox.WithApps(sandbox.App{ClientID: "one", RedirectURIs: []string{sandbox.RedirectURI, sandbox.RedirectURI + "2"}}, sandbox.App{ClientID: "other"}))
			code := approve(t, sb, authorizeQuery(sb)).Get("code")
			form := codeForm(sb, code)
			for k, v := range set {
				form[k] = v
			}
			a := post(t, sb, tokenURL(sb), form)
			wantStatus(t, a, 400)
			if a.json(t)["error"] != "invalid_grant" {
				t.Fatalf("%s", a.body)
			}
			if name == "another code" {
				return
			}
			// A failed try uses the code up.
			wantStatus(t, post(t, sb, tokenURL(sb), codeForm(sb, code)), 400)
		})
	}
	sb := inMemory(t)
	code := approve(t, sb, authorizeQuery(sb)).Get("code")
	wantStatus(t, post(t, sb, tokenURL(sb), codeForm(sb, code)), 200)
	wantStatus(t, post(t, sb, tokenURL(sb), codeForm(sb, code)), 400)
}

func TestCodesAndConsentsLiveTenMinutes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sb := inMemory(t)
		defer sb.Close()
		early := approve(t, sb, authorizeQuery(sb)).Get("code")
		late := approve(t, sb, authorizeQuery(sb)).Get("code")
		page := get(t, sb, authorizeURL(sb, authorizeQuery(sb)), "")
		time.Sleep(10*time.Minute - 1)
		wantStatus(t, post(t, sb, tokenURL(sb), codeForm(sb, early)), 200)
		time.Sleep(1)
		a := post(t, sb, tokenURL(sb), codeForm(sb, late))
		wantStatus(t, a, 400)
		wantText(t, a, "expired")
		decision := url.Values{"request_id": {requestID(t, page)}, "decision": {"approve"}}
		a = post(t, sb, sb.CosmicURL()+cosmic.Service.AuthorizePath, decision)
		wantStatus(t, a, 400)
		wantText(t, a, "too old")
	})
}

func TestIDTokenAndUserInfoFollowTheIdentityScopes(t *testing.T) {
	sb := inMemory(t)
	q := authorizeQuery(sb)
	q.Set("scope", "openid email profile phone")
	q.Set("nonce", "n-0S6")
	v := post(t, sb, tokenURL(sb), codeForm(sb, approve(t, sb, q).Get("code"))).json(t)
	payload, err := base64.RawURLEncoding.DecodeString(strings.Split(v["id_token"].(string), ".")[1])
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{`"nonce":"n-0S6"`, `"aud":"credkit-sandbox"`, `"email":"ada@example.com"`, `"phone_number"`} {
		if !strings.Contains(string(payload), part) {
			t.Errorf("%s has no %s", payload, part)
		}
	}
	config := get(t, sb, sb.CosmicURL()+"/auth/v1/.well-known/openid-configuration", "").json(t)
	info := get(t, sb, config["userinfo_endpoint"].(string), v["access_token"].(string))
	wantStatus(t, info, 200)
	wantText(t, info, `"name":"Ada Lovelace"`)
	// Without openid there is no user info.
	wantStatus(t, get(t, sb, config["userinfo_endpoint"].(string), signIn(t, sb).AccessToken), http.StatusUnauthorized)
}

func TestMetadataDescribesTheServer(t *testing.T) {
	for _, sb := range []*sandbox.Sandbox{start(t), inMemory(t, sandbox.WithBasePath("/p"))} {
		for _, document := range []string{"openid-configuration", "oauth-authorization-server"} {
			v := get(t, sb, sb.CosmicURL()+"/auth/v1/.well-known/"+document, "").json(t)
			if v["token_endpoint"] != tokenURL(sb) || v["authorization_endpoint"] != sb.CosmicURL()+cosmic.Service.AuthorizePath || v["issuer"] != sb.CosmicURL()+"/auth/v1" {
				t.Errorf("%v", v)
			}
		}
		wantText(t, get(t, sb, sb.CosmicURL()+"/auth/v1/.well-known/jwks.json", ""), `"alg":"ES256"`)
	}
}
