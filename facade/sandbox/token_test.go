package sandbox_test

import (
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/credkit/credkit-go/api/cosmic"
	"github.com/credkit/credkit-go/facade/sandbox"
)

func TestRefreshTokensRotateOnEveryUse(t *testing.T) {
	sb := inMemory(t)
	token := signIn(t, sb).RefreshToken
	for range 20 {
		next := refreshed(t, sb, token)
		if next == "" || next == token {
			t.Fatalf("%q after %q", next, token)
		}
		token = next
	}
	if c := sb.Counters(); c.Refreshes != 20 || c.Rotations != 20 || c.Grants["refresh_token"] != 20 || c.Operations[sandbox.OpToken] != 20 {
		t.Errorf("%+v", c)
	}
	if s := sb.Sessions(); len(s) != 1 || s[0].Rotations != 20 || s[0].Ended != "" {
		t.Errorf("%+v", s)
	}
}

func TestTheDirectParentIsForgiven(t *testing.T) {
	sb := inMemory(t)
	parent := signIn(t, sb).RefreshToken
	current := refreshed(t, sb, parent)
	// As often as it takes: the current token stays, and so does its parent.
	for range 5 {
		if again := refreshed(t, sb, parent); again != current {
			t.Fatalf("the parent was answered with another token")
		}
	}
	next := refreshed(t, sb, current)
	if again := refreshed(t, sb, current); again != next {
		t.Fatal("the new parent was answered with another token")
	}
	if c := sb.Counters(); c.Forgiven != 6 || c.Rotations != 2 || c.Refreshes != 8 || c.FamiliesRevoked != 0 {
		t.Errorf("%+v", c)
	}
}

func TestAnOlderTokenEndsTheSession(t *testing.T) {
	sb := inMemory(t)
	tokens := signIn(t, sb)
	bystander := signIn(t, sb).RefreshToken
	second := refreshed(t, sb, tokens.RefreshToken)
	third := refreshed(t, sb, second)
	for name, token := range map[string]string{"grandparent": tokens.RefreshToken} {
		a := refresh(t, sb, token)
		wantStatus(t, a, 400)
		if a.json(t)["error_code"] != "refresh_token_already_used" {
			t.Errorf("%s: %s", name, a.body)
		}
	}
	for name, token := range map[string]string{"parent": second, "current": third, "grandparent again": tokens.RefreshToken} {
		a := refresh(t, sb, token)
		wantStatus(t, a, 400)
		if v := a.json(t); v["error_code"] != "refresh_token_already_used" || v["code"] != 400. || v["msg"] == "" || v["error"] != nil {
			t.Errorf("%s: %s", name, a.body)
		}
	}
	// Access tokens live to their end, other sessions are not touched.
	wantStatus(t, get(t, sb, urlOf(t, sb, cosmic.OpGetMe), tokens.AccessToken), 200)
	refreshed(t, sb, bystander)
	if c := sb.Counters(); c.FamiliesRevoked != 1 || c.ReplaysRefused != 4 {
		t.Errorf("%+v", c)
	}
}

func TestAServerThatDoesNotForgiveEndsTheSessionAtTheParent(t *testing.T) {
	sb := inMemory(t, sandbox.WithForgivenParent(false))
	parent := signIn(t, sb).RefreshToken
	current := refreshed(t, sb, parent)
	wantStatus(t, refresh(t, sb, parent), 400)
	wantStatus(t, refresh(t, sb, current), 400)
	if c := sb.Counters(); c.FamiliesRevoked != 1 || c.Forgiven != 0 {
		t.Errorf("%+v", c)
	}
}

func TestOneOfManySimultaneousRefreshesRotates(t *testing.T) {
	sb := start(t)
	token := signIn(t, sb).RefreshToken
	var mu sync.Mutex
	answers := map[string]int{}
	var wg sync.WaitGroup
	for range 32 {
		wg.Go(func() {
			next := refreshed(t, sb, token)
			mu.Lock()
			defer mu.Unlock()
			answers[next]++
		})
	}
	wg.Wait()
	if c := sb.Counters(); len(answers) != 1 || c.Rotations != 1 || c.Forgiven != 31 {
		t.Errorf("%d different tokens; %+v", len(answers), c)
	}
}

func TestDeadSessionsInBothErrorShapes(t *testing.T) {
	for _, code := range []string{sandbox.SessionNotFound, sandbox.SessionExpired, sandbox.TokenNotFound, sandbox.AlreadyUsed} {
		t.Run(code, func(t *testing.T) {
			sb := inMemory(t)
			tokens := signIn(t, sb)
			if err := sb.EndSession(tokens.SessionID, code); err != nil {
				t.Fatal(err)
			}
			a := refresh(t, sb, tokens.RefreshToken)
			wantStatus(t, a, 400)
			if v := a.json(t); v["error_code"] != code || v["msg"] == "" {
				t.Errorf("%s", a.body)
			}

			sb = inMemory(t, sandbox.WithTokenErrors(sandbox.OAuthErrors))
			tokens = signIn(t, sb)
			if err := sb.EndSession(tokens.SessionID, code); err != nil {
				t.Fatal(err)
			}
			a = refresh(t, sb, tokens.RefreshToken)
			wantStatus(t, a, 400)
			if v := a.json(t); v["error"] != "invalid_grant" || v["error_description"] == "" || v["error_code"] != nil {
				t.Errorf("%s", a.body)
			}
			if sb.Sessions()[0].Ended != code {
				t.Errorf("%+v", sb.Sessions())
			}
		})
	}
	sb := inMemory(t)
	if sb.EndSession("nobody's", "x") == nil || sb.EndSession(signIn(t, sb).SessionID, "") == nil {
		t.Error("no error")
	}
}

func TestForeignAndForgedRefreshTokensAreNotFound(t *testing.T) {
	sb := inMemory(t)
	token := signIn(t, sb).RefreshToken
	foreign, err := sb.SignInWith(sandbox.SignIn{ClientID: sb.Apps()[1].ClientID})
	if err != nil {
		t.Fatal(err)
	}
	other := inMemory(t)
	flipped := []byte(token)
	flipped[20] ^= 1
	for name, token := range map[string]string{
		"nonsense": "nonsense", "empty": "", "another app's": foreign.RefreshToken,
		"another server's": signIn(t, other).RefreshToken, "forged": string(flipped),
	} {
		a := refresh(t, sb, token)
		wantStatus(t, a, 400)
		if a.json(t)["error_code"] != "refresh_token_not_found" {
			t.Errorf("%s: %s", name, a.body)
		}
	}
	refreshed(t, sb, token)
}

func TestWithoutRotationTheTokenStays(t *testing.T) {
	sb := inMemory(t, sandbox.WithoutRotation())
	token := signIn(t, sb).RefreshToken
	for range 3 {
		v := refresh(t, sb, token).json(t)
		if _, ok := v["refresh_token"]; ok || v["access_token"] == nil {
			t.Fatalf("%v", v)
		}
	}
	if c := sb.Counters(); c.Refreshes != 3 || c.Rotations != 0 {
		t.Errorf("%+v", c)
	}
}

func TestWithoutRefreshTokensASignInHasNone(t *testing.T) {
	sb := inMemory(t, sandbox.WithoutRefreshTokens())
	v := post(t, sb, tokenURL(sb), codeForm(sb, approve(t, sb, authorizeQuery(sb)).Get("code"))).json(t)
	if _, ok := v["refresh_token"]; ok || signIn(t, sb).RefreshToken != "" {
		t.Fatalf("%v", v)
	}
}

func TestExpiresInCanBeAnything(t *testing.T) {
	for _, raw := range []string{`"3600"`, `-1`, `0`, `1e99`, `null`, `1.5`, `{}`} {
		sb := inMemory(t, sandbox.WithExpiresIn(raw))
		a := refresh(t, sb, signIn(t, sb).RefreshToken)
		wantText(t, a, `"expires_in":`+raw+`,`)
		wantText(t, certnToken(t, sb), `"expires_in":`+raw+`,`)
		wantStatus(t, get(t, sb, urlOf(t, sb, cosmic.OpGetMe), a.json(t)["access_token"].(string)), 200)
	}
	sb := inMemory(t, sandbox.WithExpiresIn(""))
	if v := refresh(t, sb, signIn(t, sb).RefreshToken).json(t); v["expires_in"] != nil || v["access_token"] == nil {
		t.Errorf("%v", v)
	}
	sb = inMemory(t, sandbox.WithTokenLifetime(2500*time.Millisecond))
	wantText(t, refresh(t, sb, signIn(t, sb).RefreshToken), `"expires_in":2,`)
}

func TestClientsAuthenticateInTheirOwnWayOnly(t *testing.T) {
	const special = "s3cr:et/+ %é"
	apps := []sandbox.App{
		{ClientID: "public"},
		{ClientID: "basic id", ClientSecret: special},
		{ClientID: "post", ClientSecret: special, Authentication: "client_secret_post"},
	}
	header := func(id, secret string) func(*http.Request) {
		return func(r *http.Request) { r.SetBasicAuth(url.QueryEscape(id), url.QueryEscape(secret)) }
	}
	for name, tc := range map[string]struct {
		app     int
		form    url.Values
		prepare func(*http.Request)
		good    bool
	}{
		"public by id":                     {0, url.Values{"client_id": {"public"}}, nil, true},
		"public with a secret":             {0, url.Values{"client_id": {"public"}, "client_secret": {"x"}}, nil, false},
		"public with an empty secret":      {0, url.Values{"client_id": {"public"}, "client_secret": {""}}, nil, false},
		"public in a header":               {0, url.Values{}, header("public", ""), false},
		"public without an id":             {0, url.Values{}, nil, false},
		"basic in a header":                {1, url.Values{}, header("basic id", special), true},
		"basic with the same id":           {1, url.Values{"client_id": {"basic id"}}, header("basic id", special), true},
		"basic with another id":            {1, url.Values{"client_id": {"post"}}, header("basic id", special), false},
		"basic with a wrong secret":        {1, url.Values{}, header("basic id", special+"x"), false},
		"basic in the form":                {1, url.Values{"client_id": {"basic id"}, "client_secret": {special}}, nil, false},
		"basic without a secret":           {1, url.Values{"client_id": {"basic id"}}, nil, false},
		"basic both ways":                  {1, url.Values{"client_id": {"basic id"}, "client_secret": {special}}, header("basic id", special), false},
		"basic with a broken header":       {1, url.Values{}, func(r *http.Request) { r.Header.Set("Authorization", "Basic !") }, false},
		"basic with broken escapes":        {1, url.Values{}, func(r *http.Request) { r.SetBasicAuth("%zz", special) }, false},
		"post in the form":                 {2, url.Values{"client_id": {"post"}, "client_secret": {special}}, nil, true},
		"post with a wrong secret":         {2, url.Values{"client_id": {"post"}, "client_secret": {"x"}}, nil, false},
		"post in a header":                 {2, url.Values{}, header("post", special), false},
		"nobody":                           {0, url.Values{"client_id": {"nobody"}}, nil, false},
		"public with a bearer in a header": {0, url.Values{"client_id": {"public"}}, func(r *http.Request) { r.Header.Set("Authorization", "Bearer x") }, false},
	} {
		t.Run(name, func(t *testing.T) {
			for _, shape := range []sandbox.TokenErrors{sandbox.CodeErrors, sandbox.OAuthErrors} {
				sb := inMemory(t, sandbox.WithApps(apps...), sandbox.WithTokenErrors(shape))
				tokens, err := sb.SignInWith(sandbox.SignIn{ClientID: apps[tc.app].ClientID})
				if err != nil {
					t.Fatal(err)
				}
				form := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {tokens.RefreshToken}}
				for k, v := range tc.form {
					form[k] = v
				}
				prepare := tc.prepare
				if prepare == nil {
					prepare = func(*http.Request) {}
				}
				a := post(t, sb, tokenURL(sb), form, prepare)
				if tc.good {
					wantStatus(t, a, 200)
					continue
				}
				wantStatus(t, a, 400)
				v := a.json(t)
				if shape == sandbox.CodeErrors && v["error_code"] != "invalid_credentials" || shape == sandbox.OAuthErrors && v["error"] != "invalid_client" {
					t.Errorf("%s", a.body)
				}
				if sb.Sessions()[0].Rotations != 0 {
					t.Error("the session has rotated")
				}
			}
		})
	}
}

func TestTokenRequestsThatAreNotDescribedAreRefused(t *testing.T) {
	sb := inMemory(t)
	token := signIn(t, sb).RefreshToken
	form := refreshForm(sb, token)
	with := func(k string, v ...string) url.Values {
		out := url.Values{k: v}
		for name, values := range form {
			if name != k {
				out[name] = values
			}
		}
		return out
	}
	for name, tc := range map[string]struct {
		form    url.Values
		prepare func(*http.Request)
		want    string
	}{
		"a parameter twice":  {with("refresh_token", token, token), nil, "invalid_request"},
		"no grant type":      {with("grant_type"), nil, "invalid_request"},
		"another grant type": {with("grant_type", "password"), nil, "unsupported_grant_type"},
		"client credentials": {with("grant_type", "client_credentials"), nil, "unsupported_grant_type"},
		"a query":            {form, func(r *http.Request) { r.URL.RawQuery = "a=b" }, "invalid_request"},
		"JSON":               {form, func(r *http.Request) { r.Header.Set("Content-Type", "application/json") }, "invalid_request"},
		"no content type":    {form, func(r *http.Request) { r.Header.Del("Content-Type") }, "invalid_request"},
		"a form that is broken": {nil, func(r *http.Request) {
			r.Body, r.ContentLength, r.GetBody = http.NoBody, 0, nil
		}, "invalid_request"},
	} {
		t.Run(name, func(t *testing.T) {
			sb.Reset()
			prepare := tc.prepare
			if prepare == nil {
				prepare = func(*http.Request) {}
			}
			a := post(t, sb, tokenURL(sb), tc.form, prepare)
			wantStatus(t, a, 400)
			if a.json(t)["error"] != tc.want {
				t.Errorf("%s", a.body)
			}
			if c := sb.Counters(); c.Violations != 1 || c.Refreshes != 0 {
				t.Errorf("%+v", c)
			}
		})
	}
	a := get(t, sb, tokenURL(sb), "")
	wantStatus(t, a, http.StatusMethodNotAllowed)
	if a.Header.Get("Allow") != "POST" {
		t.Errorf("%v", a.Header)
	}
	long := with("x", strings.Repeat("y", 2<<20))
	wantStatus(t, post(t, sb, tokenURL(sb), long), 400)
	refreshed(t, sb, token) // none of this has used it
}

func TestRefuseAccessTokensSparesNewOnes(t *testing.T) {
	sb := inMemory(t)
	tokens := signIn(t, sb)
	certnToken := sb.CertnAccessToken()
	sb.RefuseAccessTokens()
	me := urlOf(t, sb, cosmic.OpGetMe)
	wantStatus(t, get(t, sb, me, tokens.AccessToken), 401)
	wantStatus(t, get(t, sb, urlOf(t, sb, "listUsers"), certnToken), 401)
	next := refresh(t, sb, tokens.RefreshToken).json(t)["access_token"].(string)
	wantStatus(t, get(t, sb, me, next), 200)
	wantStatus(t, get(t, sb, urlOf(t, sb, "listUsers"), sb.CertnAccessToken()), 200)
}

func TestForgedAccessTokensAreRefused(t *testing.T) {
	sb, other := inMemory(t), inMemory(t)
	good := signIn(t, sb).AccessToken
	me := urlOf(t, sb, cosmic.OpGetMe)
	for name, token := range map[string]string{
		"another server's": signIn(t, other).AccessToken,
		"no signature":     good[:strings.LastIndex(good, ".")+1],
		"changed":          strings.Replace(good, ".", ".x", 1),
		"a word":           "x",
	} {
		a := get(t, sb, me, token)
		if a.StatusCode != 401 || a.Header.Get("WWW-Authenticate") == "" {
			t.Errorf("%s: %s", name, a.Status)
		}
	}
	wantStatus(t, get(t, sb, me, ""), 401)
	twice := request(t, "GET", me, good, "", nil)
	twice.Header.Add("Authorization", "Bearer "+good)
	wantStatus(t, do(t, sb, twice), 401)
	wantStatus(t, get(t, sb, me+"?access_token="+good, ""), 400)
	wantStatus(t, get(t, sb, urlOf(t, sb, "listUsers"), "x"), 401)
	wantStatus(t, get(t, sb, urlOf(t, sb, "listUsers"), other.CertnAccessToken()), 401)
}

func TestSignInRefusesWhatIsNotThere(t *testing.T) {
	sb := inMemory(t)
	for _, in := range []sandbox.SignIn{{User: "nobody"}, {ClientID: "nobody"}, {Scopes: []string{"nothing:read"}}} {
		if _, err := sb.SignInWith(in); err == nil {
			t.Errorf("%+v signed in", in)
		}
	}
	if _, err := sb.AccessToken("grace@example.com"); err != nil {
		t.Error(err)
	}
	if _, err := sb.AccessToken(sb.User().ID); err != nil {
		t.Error(err)
	}
}
