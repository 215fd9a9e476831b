package auth

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestOutcomes drives each outcome of outcome.go through a whole session: the
// access token is over, the first token request ends as scripted, and then the
// server is well again.
func TestOutcomes(t *testing.T) {
	for _, c := range []struct {
		name     string
		steps    []step
		requests int           // until the first caller has its answer
		waits    time.Duration // at least
		err      string        // of the first caller, "" for success
		state    SessionState  // afterwards
	}{
		{"503 is tried again", []step{says(503, "text/plain", "busy")}, 2, 1, "", StateGood},
		{"three 502 in a row are tried again", []step{says(502, "", ""), says(502, "", ""), says(502, "", "")}, 4, 1, "", StateGood},
		{"500 after rotating is forgiven", []step{rotatesThen(func(*http.Response) (*http.Response, error) { return jsonResponse(500, "{}"), nil })}, 2, 1, "", StateGood},
		{"it gives up after four attempts", slices.Repeat([]step{says(503, "", "")}, 10)[:4], 4, 1, "(HTTP 503 Service Unavailable)", StateGood},
		{"408 is tried again", []step{says(408, "", "")}, 2, 1, "", StateGood},
		{"429 waits as long as asked", []step{saysWith(429, "Retry-After", "3")}, 2, 3 * time.Second, "", StateGood},
		{"429 without Retry-After waits a little", []step{says(429, "", "")}, 2, 1, "", StateGood},
		{"429 beyond the budget fails now", []step{saysWith(429, "Retry-After", "3600")}, 1, 0, "asks for patience (HTTP 429 Too Many Requests); the server asks to wait 1h0m0s", StateGood},
		{"200 with HTML is tried again", []step{says(200, "text/html", "<html>login</html>")}, 2, 1, "", StateGood},
		{"200 with {} is tried again", []step{says(200, "application/json", "{}")}, 2, 1, "", StateGood},
		{"200 with null, an array, nothing", []step{says(200, "application/json", "null"), says(200, "application/json", `[1]`), says(204, "", "")}, 4, 1, "", StateGood},
		{"never left this process", []step{unreachable}, 2, 1, "", StateGood},
		{"cut before rotating", []step{cutBefore}, 2, 1, "", StateGood},
		{"cut after rotating", []step{cutAfter}, 2, 1, "", StateGood},
		{"cut after rotating, three times", []step{cutAfter, cutAfter, cutAfter}, 4, 1, "", StateGood},
		{"cut in the body behind the refresh token", []step{cutIn(3)}, 1, 0, "", StateGood},
		{"cut in the body before the refresh token", []step{cutIn(60)}, 2, 1, "", StateGood},
		{"hangs", []step{hangs}, 2, TokenTimeout, "", StateGood},
		{"hangs after rotating", []step{hangsAfter}, 2, TokenTimeout, "", StateGood},
		{"10 MB", []step{says(200, "application/json", `{"x":"`+strings.Repeat("x", 10<<20)+`"}`)}, 2, 1, "", StateGood},
		{"10 MB behind the refresh token", []step{rotatesThen(padded)}, 1, 0, "", StateGood},
		{"redirect to another host", []step{saysWith(307, "Location", "https://evil.example.com/token")}, 1, 0, "redirect, which is never followed", StateGood},
		{"403 from a gateway", []step{says(403, "text/html", "<h1>no</h1>")}, 1, 0, "the endpoint refused (HTTP 403 Forbidden)", StateGood},
		{"400 with an unknown code", []step{says(400, "application/json", `{"error":"slow_down_please"}`)}, 1, 0, "(code slow_down_please)", StateGood},
		{"invalid_client", []step{says(401, "application/json", `{"error":"invalid_client"}`)}, 1, 0, "does not accept the app", StateGood},
		{"401 without a body", []step{says(401, "", "")}, 1, 0, "does not accept the app", StateGood},
		{"unauthorized_client", []step{says(400, "application/json", `{"error":"unauthorized_client"}`)}, 1, 0, "does not accept the app", StateGood},
		{"invalid_grant", []step{says(400, "application/json", `{"error":"invalid_grant","error_description":"gone"}`)}, 1, 0, "(invalid_grant): sign in again", StateEnded},
		{"invalid_grant with 200", []step{says(200, "application/json", `{"error":"invalid_grant"}`)}, 1, 0, "(invalid_grant): sign in again", StateEnded},
		{"refresh_token_already_used", []step{says(400, "application/json", `{"code":400,"error_code":"refresh_token_already_used","msg":"x"}`)}, 1, 0, "(refresh_token_already_used): sign in again", StateEnded},
		{"refresh_token_not_found", []step{says(400, "application/json", `{"error_code":"refresh_token_not_found"}`)}, 1, 0, "sign in again", StateEnded},
		{"session_not_found", []step{says(400, "application/json", `{"error_code":"session_not_found"}`)}, 1, 0, "sign in again", StateEnded},
		{"session_expired", []step{says(400, "application/json", `{"error_code":"session_expired"}`)}, 1, 0, "sign in again", StateEnded},
		{"invalid_credentials", []step{says(400, "application/json", `{"error_code":"invalid_credentials"}`)}, 1, 0, "does not accept the app", StateGood},
		{"validation_failed", []step{says(400, "application/json", `{"code":400,"error_code":"validation_failed","msg":"Invalid Refresh Token: Not Issued By This Server"}`)}, 1, 0, "sign in again", StateEnded},
		{"user_banned", []step{says(400, "application/json", `{"code":400,"error_code":"user_banned","msg":"User is banned"}`)}, 1, 0, "banned this user", StateGood},
		{"409 conflict is tried again", []step{says(409, "application/json", `{"code":409,"error_code":"conflict","msg":"Too many concurrent token refresh requests"}`)}, 2, 1, "", StateGood},
		{"409 without a body is tried again", []step{says(409, "", "")}, 2, 1, "", StateGood},
		{"409 after rotating", []step{rotatesThen(func(*http.Response) (*http.Response, error) {
			return jsonResponse(409, `{"error_code":"conflict"}`), nil
		})}, 2, 1, "", StateGood},
		{"422 hook_timeout is tried again", []step{says(422, "application/json", `{"code":422,"error_code":"hook_timeout"}`), says(422, "application/json", `{"code":422,"error_code":"hook_timeout_after_retry"}`)}, 3, 1, "", StateGood},
		{"422 hook_timeout, always", slices.Repeat([]step{says(422, "application/json", `{"code":422,"error_code":"hook_timeout"}`)}, 4), 4, 1, "took too long (HTTP 422", StateGood},
		{"422 without a code", []step{says(422, "application/json", `{}`)}, 1, 0, "the endpoint refused (HTTP 422", StateGood},
		{"a dead code behind a 500 does not count", []step{says(500, "application/json", `{"error":"invalid_grant"}`)}, 2, 1, "", StateGood},
		{"form-encoded answer", []step{rotatesThen(formed)}, 1, 0, "", StateGood},
		{"JSON as text/html", []step{rotatesThen(func(r *http.Response) (*http.Response, error) {
			r.Header.Set("Content-Type", "text/html")
			return r, nil
		})}, 1, 0, "", StateGood},
		{"a refresh token but no access token is saved, and used", []step{rotatesThen(without("access_token"))}, 2, 1, "", StateGood},
		{"an access token with a line end is not used, what came with it is saved", []step{rotatesThen(replaced(`secret-access-`, `secret\r\naccess-`))}, 2, 1, "", StateGood},
		{"an access token with a line end and no refresh token", []step{says(200, "application/json", `{"access_token":"a\n","expires_in":3600}`)}, 2, 1, "", StateGood},
		{"an access token with a line end, always", slices.Repeat([]step{says(200, "application/json", `{"access_token":"a\n"}`)}, 4), 4, 1, "characters that no token may have", StateGood},
		{"a token type that is not understood", []step{rotatesThen(replaced("bearer", "mac"))}, 2, 1, "", StateGood},
	} {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, s *tokenServer, store *faultyStore, p *process) {
				mustToken(t, p.src)
				time.Sleep(2 * time.Hour)
				s.then(c.steps...)
				begin := time.Now()
				_, err := p.src.Token(t.Context())
				if got := time.Since(begin); got < c.waits || (c.waits == 0 && got != 0) {
					t.Errorf("answered after %s, want at least %s", got, c.waits)
				}
				if (err == nil) != (c.err == "") || (err != nil && !strings.Contains(err.Error(), c.err)) {
					t.Fatalf("error %v, want %q", err, c.err)
				}
				if n := s.requests(); n != c.requests {
					t.Errorf("%d requests, want %d", n, c.requests)
				}
				st, err := p.Status(t.Context(), "k")
				if err != nil || st.State != c.state {
					t.Errorf("state %q, %v; want %q", st.State, err, c.state)
				}
				if c.state == StateEnded {
					checkEnded(t, s, store, p)
					return
				}
				time.Sleep(2 * time.Hour)
				mustToken(t, p.src)
				s.invariant(t, store)
			})
		})
	}
}

// checkEnded checks promise 6 on a session that has just been marked.
func checkEnded(t *testing.T, s *tokenServer, store *faultyStore, p *process) {
	t.Helper()
	n := s.requests()
	other := start(t, s, store)
	defer other.stop(t)
	for range 100 {
		for _, proc := range []*process{p, other} {
			var re *ReauthError
			if _, err := proc.src.Token(t.Context()); !errors.As(err, &re) || re.Key != "k" || re.At.IsZero() {
				t.Fatalf("an ended session: %v", err)
			}
		}
		time.Sleep(100 * time.Millisecond)
	}
	if s.requests() != n {
		t.Error("the token of an ended session was sent")
	}
	if r := stored(t, store); r.RefreshToken != "" {
		t.Error("the refresh token of an ended session is still stored")
	}
	s.signIn(t, store) // in a third process
	time.Sleep(recheck)
	mustToken(t, p.src)
	mustToken(t, other.src)
	time.Sleep(2 * time.Hour)
	mustToken(t, p.src)
	s.invariant(t, store)
}

func padded(r *http.Response) (*http.Response, error) {
	b, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	return jsonResponse(200, strings.TrimSuffix(string(b), "}")+`,"x":"`+strings.Repeat("x", 10<<20)+`"}`), nil
}

func formed(r *http.Response) (*http.Response, error) {
	b, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	a := parseResponse(b, true)
	return responseOf(200, "application/x-www-form-urlencoded", strings.NewReader(fmt.Sprintf("access_token=%s&refresh_token=%s&expires_in=3600", a.access, a.refresh))), nil
}

func without(member string) func(*http.Response) (*http.Response, error) {
	return replaced(member, "nothing")
}

func replaced(old, next string) func(*http.Response) (*http.Response, error) {
	return func(r *http.Response) (*http.Response, error) {
		b, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		return jsonResponse(200, strings.Replace(string(b), old, next, 1)), nil
	}
}

func TestExpiresInOfEveryKind(t *testing.T) {
	for raw, life := range map[string]time.Duration{
		"": 0, "null": 0, "0": 0, "-5": 0, `"soon"`: 0, `"NaN"`: 0, `{}`: 0, "true": 0,
		"3600": time.Hour, `"3600"`: time.Hour, "1.5": 1500 * time.Millisecond, `" 7 "`: 7 * time.Second,
		"1e99": maxLifetime, "1e999": maxLifetime, "99999999999999999999": maxLifetime, `"Inf"`: maxLifetime,
	} {
		t.Run("expires_in "+raw, func(t *testing.T) {
			bubble(t, func(t *testing.T, s *tokenServer, store *faultyStore, p *process) {
				first := mustToken(t, p.src)
				s.expiresIn = raw
				time.Sleep(2 * time.Hour)
				second := mustToken(t, p.src)
				if r := stored(t, store); second == first || r.AccessToken != second.Value() || r.life() != life {
					t.Fatalf("renewed: %t; the record says %s, want %s", second != first, r.life(), life)
				}
				s.invariant(t, store)
				n := s.requests()
				if life == 0 { // used until it is refused, here and after a restart
					if !second.Expires().IsZero() {
						t.Errorf("the end is not known, but is said to be %s", second.Expires())
					}
					time.Sleep(1000 * time.Hour)
					p2 := start(t, s, store)
					if mustToken(t, p.src) != second || mustToken(t, p2.src).Value() != second.Value() || s.requests() != n {
						t.Error("renewed although nobody refused it")
					}
					p2.stop(t)
					if third, err := p.src.Renew(t.Context(), second); err != nil || third == second {
						t.Errorf("Renew: %v", err)
					}
					return
				}
				if want := time.Now().Add(life); second.Expires().Sub(want).Abs() > time.Second {
					t.Errorf("expires %s, want %s", second.Expires(), want)
				}
				time.Sleep(life / 2)
				if mustToken(t, p.src) != second {
					t.Error("renewed at half its life")
				}
				time.Sleep(life/2 + time.Second)
				if mustToken(t, p.src) == second {
					t.Error("not renewed at its end")
				}
				s.invariant(t, store)
			})
		})
	}
}

func TestAnAnswerWithoutARefreshTokenKeepsTheOldOne(t *testing.T) {
	bubble(t, func(t *testing.T, s *tokenServer, store *faultyStore, p *process) {
		old := stored(t, store)
		s.fixed = true
		for range 5 {
			time.Sleep(2 * time.Hour)
			mustToken(t, p.src)
			if r := stored(t, store); r.RefreshToken != old.RefreshToken || r.Version == old.Version {
				t.Fatal("the refresh token was not kept")
			}
		}
		if n := s.requests(); n != 5 {
			t.Errorf("%d requests, want 5", n)
		}
	})
}

func TestASignInWithoutARefreshTokenLastsAsLongAsItsAccessToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, store := newTokenServer(), NewMemoryStore()
		p := start(t, s, store)
		defer p.stop(t)
		g := newGrant(s.endpoint().TokenURL, client{id: testApp.ClientID}, response{access: "a", life: time.Hour}, time.Now())
		if err := p.SignIn(t.Context(), "k", g); err != nil || g.CanRenew() {
			t.Fatal(err)
		}
		if st, err := p.Status(t.Context(), "k"); err != nil || st.State != StateGood || st.CanRenew {
			t.Errorf("status: %+v, %v", st, err)
		}
		time.Sleep(time.Hour - time.Millisecond)
		mustToken(t, p.src)
		time.Sleep(time.Second)
		var re *ReauthError
		if _, err := p.src.Token(t.Context()); !errors.As(err, &re) || re.Reason != ReasonNoRefreshToken {
			t.Errorf("after its end: %v", err)
		}
		if s.requests() != 0 {
			t.Error("a request was made without a refresh token")
		}
	})
}

// TestTheRefreshTokenNeverReachesAnotherOrigin uses sockets: a second listener
// hears everything that is sent there.
func TestTheRefreshTokenNeverReachesAnotherOrigin(t *testing.T) {
	for _, status := range []int{301, 302, 303, 307, 308} {
		heard := 0
		evil := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { heard++ }))
		good := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, evil.URL+"/token", status)
		}))
		// The caller's client would follow redirects, and has opinions of its own.
		e := Endpoint{Service: "cosmic", AuthorizeURL: good.URL + "/authorize", TokenURL: good.URL + "/token", HTTPClient: &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return nil }}}
		store := NewMemoryStore()
		p, err := NewSessions(store, testApp)
		if err != nil {
			t.Fatal(err)
		}
		if err := p.SignIn(t.Context(), "k", newGrant(e.TokenURL, client{id: testApp.ClientID}, response{refresh: "secret-refresh"}, time.Now())); err != nil {
			t.Fatal(err)
		}
		src, err := p.Key("k").Source(e)
		if err != nil {
			t.Fatal(err)
		}
		var te *TokenError
		if _, err := src.Token(t.Context()); !errors.As(err, &te) || te.Status != status {
			t.Errorf("%d: %v", status, err)
		}
		// The same session bound to the other origin: the record says no.
		e.TokenURL = evil.URL + "/token"
		src, err = p.Key("k").Source(e)
		if err != nil {
			t.Fatal(err)
		}
		var ce *ConfigError
		if _, err := src.Token(t.Context()); !errors.As(err, &ce) || !strings.Contains(err.Error(), "belongs to the token endpoint") {
			t.Errorf("another issuer: %v", err)
		}
		if heard != 0 {
			t.Errorf("%d: the other origin heard %d requests", status, heard)
		}
		if err := p.Close(t.Context()); err != nil {
			t.Error(err)
		}
		good.Close()
		evil.Close()
	}
}

func TestClientAuthentication(t *testing.T) {
	for name, c := range map[string]struct {
		app              App
		basic, id, inBdy string
	}{
		"public":         {App{ClientID: "a b"}, "", "a b", ""},
		"basic":          {App{ClientID: "a:b", ClientSecret: "s e/c+r=t"}, "Basic YSUzQWI6cytlJTJGYyUyQnIlM0R0", "", ""},
		"secret in form": {App{ClientID: "a", ClientSecret: "s&t", AuthMethod: AuthPost}, "", "a", "s&t"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newTokenServer()
			cl, err := c.app.client()
			if err != nil {
				t.Fatal(err)
			}
			p, err := newTokenEndpoint(s.endpoint(), cl)
			if err != nil {
				t.Fatal(err)
			}
			p.request(t.Context(), "refresh_token", map[string][]string{"refresh_token": {"r"}}) //nolint:errcheck // the server refuses, but has heard
			got := s.sent[0]
			if got.auth != c.basic || got.form.Get("client_id") != c.id || got.form.Get("client_secret") != c.inBdy || got.agent != "credkit-go" {
				t.Errorf("Authorization %q, form %v", got.auth, got.form)
			}
		})
	}
	for name, app := range map[string]App{
		"no id": {}, "none with a secret": {ClientID: "a", ClientSecret: "s", AuthMethod: AuthNone},
		"basic without a secret": {ClientID: "a", AuthMethod: AuthBasic}, "unknown method": {ClientID: "a", ClientSecret: "s", AuthMethod: "jwt"},
	} {
		var ce *ConfigError
		if _, err := NewSessions(NewMemoryStore(), app); !errors.As(err, &ce) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// invalid_credentials speaks of the client, whether it has a secret or not: a
// process that lacks the secret must not end the sessions of all workers.
func TestInvalidCredentialsEndNoSession(t *testing.T) {
	for name, app := range map[string]App{
		"an app without a secret": testApp,
		"an app with a secret":    {ClientID: testApp.ClientID, ClientSecret: "wrong"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, store := newTokenServer(), NewMemoryStore()
				s.signIn(t, store)
				before := stored(t, store)
				time.Sleep(2 * time.Hour)
				wrong, err := NewSessions(store, app)
				if err != nil {
					t.Fatal(err)
				}
				src, err := wrong.Key("k").Source(s.endpoint())
				if err != nil {
					t.Fatal(err)
				}
				s.then(says(400, "application/json", `{"code":400,"error_code":"invalid_credentials","msg":"Invalid client credentials"}`))
				var ce *ConfigError
				if _, err := src.Token(t.Context()); !errors.As(err, &ce) || !strings.Contains(err.Error(), "secret") || !strings.Contains(err.Error(), "the session is kept") {
					t.Errorf("%v", err)
				}
				if r := stored(t, store); *r != *before {
					t.Error("the record was changed")
				}
				if err := wrong.Close(t.Context()); err != nil {
					t.Error(err)
				}
				right := start(t, s, store) // the process beside it
				mustToken(t, right.src)
				right.stop(t)
				s.invariant(t, store)
			})
		})
	}
}

// TestReasonsOfAnEnd: the record remembers why a session ended, and so does
// another process.
func TestReasonsOfAnEnd(t *testing.T) {
	for _, c := range []struct{ code, text, reason, says string }{
		{"session_not_found", "Invalid Refresh Token: No Valid Session Found", ReasonSignedOut, "signed out"},
		{"refresh_token_not_found", "Invalid Refresh Token: Refresh Token Not Found", ReasonSignedOut, "signed out"},
		{"refresh_token_already_used", "Invalid Refresh Token: Already Used", ReasonReplaced, "another program"},
		{"session_expired", "Invalid Refresh Token: Session Expired", ReasonAge, "age"},
		{"session_expired", "Invalid Refresh Token: Session Expired (Inactivity)", ReasonInactivity, "not used"},
		{"session_expired", "Invalid Refresh Token: Session Expired (Revoked by Newer Login)", ReasonNewerSignIn, "newer sign-in"},
		{"session_expired", "another text", ReasonUnknown, "(session_expired)"},
		{"validation_failed", "Invalid Refresh Token: Not Issued By This Server", ReasonRestoredServer, "restored"},
		{"invalid_grant", "secret-refresh-1000", ReasonUnknown, "(invalid_grant)"},
	} {
		t.Run(c.code+" "+c.text, func(t *testing.T) {
			bubble(t, func(t *testing.T, s *tokenServer, store *faultyStore, p *process) {
				time.Sleep(2 * time.Hour)
				s.then(says(400, "application/json", fmt.Sprintf(`{"code":400,"error_code":%q,"msg":%q}`, c.code, c.text)))
				other := start(t, s, store)
				for _, src := range []Source{p.src, other.src} {
					var re *ReauthError
					if _, err := src.Token(t.Context()); !errors.As(err, &re) || re.Reason != c.reason || re.Code != c.code ||
						!strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "secret") {
						t.Errorf("%v", err)
					}
				}
				if st, err := other.Status(t.Context(), "k"); err != nil || st.EndedReason != c.reason || st.EndedCode != c.code {
					t.Errorf("status %+v, %v", st, err)
				}
				other.stop(t)
			})
		})
	}
	// A record of before that was only given the code.
	r, err := parseRecord([]byte(`{"format":1,"kind":"session","version":"v","issuer":"i","client_id":"c","issued_at":"2026-01-02T03:04:05Z","cause":"expiry","ended":{"reason":"session_not_found","at":"2026-01-02T03:04:05Z"}}`))
	if err != nil || r.Ended.reauth("k").Reason != ReasonSignedOut || r.Ended.reauth("k").Code != "session_not_found" {
		t.Errorf("%+v, %v", r, err)
	}
}

// FuzzJudge holds any response to what the table in outcome.go promises: nothing
// but a known code ends a session, what a 2xx grants is never dropped, and
// nothing of the response gets into the error.
func FuzzJudge(f *testing.F) {
	for _, status := range []int{0, 200, 204, 302, 400, 401, 403, 408, 409, 410, 422, 429, 500, 503} {
		for _, body := range []string{
			"", "{}", "null", "[]", "<html>", `{"error":"invalid_grant"}`, `{"error_code":"user_banned"}`, `{"error":"invalid_grant","refresh_token":"hunter2-r"}`,
			`{"access_token":"hunter2-a","refresh_token":"hunter2-r"`, `{"access_token":"hunter2\r\na"}`, `{"access_token":{"hunter2":1},"refresh_token":["hunter2-r"]}`,
			`{"error":{"error":"invalid_grant"},"msg":"hunter2"}`, `error=session_expired&msg=hunter2`, `access_token=hunter2-a&refresh_token=hunter2-r`,
			`{"error_code":"session_expired","msg":"hunter2 (Inactivity)"}`, `{"error":"hunter2"}`, `{"refresh_token":"","access_token":"hunter2-a"}`,
		} {
			f.Add(status, []byte(body), false)
			f.Add(status, []byte(body), true)
		}
	}
	f.Fuzz(func(t *testing.T, status int, body []byte, cut bool) {
		if status != 0 && status < 200 {
			t.Skip("net/http gives no such status")
		}
		r := rawResponse{status: status, header: http.Header{}, body: body, sent: true}
		if cut {
			r.err = io.ErrUnexpectedEOF
		}
		o, a, te := classify(r, "https://a.test/token", "refresh_token", time.Now())
		read := parseResponse(body, !cut)
		if (te == nil) != (o == granted) || te != nil && te.outcome != o {
			t.Fatalf("outcome %d, %v", o, te)
		}
		if o == dead && (codes[te.Code] != dead || status == 429 || status >= 500 || status == 408) {
			t.Errorf("%d with the code %q ends the session", status, te.Code)
		}
		if o == granted && (status < 200 || status >= 300 || a.refresh == "" && a.access == "" || !sendable(a.access)) {
			t.Errorf("%d grants %+v", status, a)
		}
		if status >= 200 && status < 300 && read.refresh != "" && (o != granted || a.refresh != read.refresh) {
			t.Errorf("the refresh token that a %d brought is dropped: outcome %d", status, o)
		}
		if te != nil && strings.Contains(fmt.Sprintf("%v %+v %#v", te, te, te), "hunter2") {
			t.Errorf("it prints the response: %v", te)
		}
	})
}

// What looks like a code gets into errors; everything else may be anything.
func TestAnErrorCodeIsShownIfItLooksLikeOne(t *testing.T) {
	for code, want := range map[string]string{
		"invalid_grant":         "invalid_grant",
		strings.Repeat("a", 64): strings.Repeat("a", 64),
		strings.Repeat("a", 65): "unreadable_code",
		"Invalid Grant":         "unreadable_code",
		"secret-1":              "unreadable_code",
		`code\n`:                "unreadable_code",
	} {
		s := newTokenServer()
		p, err := newTokenEndpoint(s.endpoint(), client{id: "a"})
		if err != nil {
			t.Fatal(err)
		}
		s.then(says(400, "application/json", `{"error":"`+code+`"}`))
		if _, te := p.request(t.Context(), "refresh_token", map[string][]string{}); te == nil || te.Code != want {
			t.Errorf("%q: %v", code, te)
		}
	}
}

// TestABannedUserIsNotAskedForAgainAndAgain: the ban is the service's to lift,
// and the session goes on then.
func TestABannedUserIsNotAskedForAgainAndAgain(t *testing.T) {
	bubble(t, func(t *testing.T, s *tokenServer, store *faultyStore, p *process) {
		time.Sleep(2 * time.Hour)
		before := stored(t, store)
		for range 10_000 {
			s.then(says(400, "application/json", `{"code":400,"error_code":"user_banned","msg":"User is banned"}`))
		}
		var te *TokenError
		var re *ReauthError
		for range 3600 { // a worker that asks each second for an hour
			_, err := p.src.Token(t.Context())
			if !errors.As(err, &te) || errors.As(err, &re) || te.Code != "user_banned" || !strings.Contains(err.Error(), "banned this user") || !strings.Contains(err.Error(), "lift the ban") {
				t.Fatalf("%v", err)
			}
			time.Sleep(time.Second)
		}
		if n := s.requests(); n > 90 {
			t.Errorf("%d requests in an hour", n)
		}
		r := stored(t, store)
		if r.Failure == nil || r.Failure.Code != "user_banned" {
			t.Error("other processes cannot see the ban")
		}
		if r.Failure = nil; *r != *before {
			t.Error("the record was changed but for the mark")
		}
		s.mu.Lock()
		s.script = nil
		s.mu.Unlock()
		time.Sleep(2 * retryRefused)
		mustToken(t, p.src)
		s.invariant(t, store)
	})
}
