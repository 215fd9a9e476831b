package sandbox_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/credkit/credkit-go/api/cosmic"
	"github.com/credkit/credkit-go/facade/sandbox"
)

// refused checks a refused refresh: its status, code and message.
func refused(t *testing.T, sb *sandbox.Sandbox, token string, status int, code, message string) {
	t.Helper()
	a := refresh(t, sb, token)
	wantStatus(t, a, status)
	if v := a.json(t); v["error_code"] != code || v["code"] != float64(status) || !strings.HasSuffix(v["msg"].(string), message) {
		t.Errorf("%s, want %s and %q", a.body, code, message)
	}
}

// eachAlgorithm runs f with a sandbox of each token algorithm, in fake time.
func eachAlgorithm(t *testing.T, f func(t *testing.T, algorithm int, sb *sandbox.Sandbox), opts ...sandbox.Option) {
	t.Helper()
	for algorithm, name := range []string{1: "algorithm 1", 2: "algorithm 2"} {
		if algorithm == 0 {
			continue
		}
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				sb := inMemory(t, append(opts, sandbox.WithAlgorithm(algorithm))...)
				f(t, algorithm, sb)
				sb.Close() // within the bubble
			})
		})
	}
}

func TestTheParentIsForgivenAtAnyTimeAndTheGrandparentNever(t *testing.T) {
	eachAlgorithm(t, func(t *testing.T, algorithm int, sb *sandbox.Sandbox) {
		first := signIn(t, sb).RefreshToken
		a := refresh(t, sb, first)
		second := a.json(t)["refresh_token"].(string)
		session := sb.Sessions()[0]
		if a.Header.Get("Sb-Auth-Refresh-Token-Reuse") != "false" || a.Header.Get("Sb-Auth-Session-Id") != session.ID || a.Header.Get("Sb-Auth-User-Id") != session.User {
			t.Errorf("%v", a.Header)
		}
		time.Sleep(90 * 24 * time.Hour)
		again := refresh(t, sb, first)
		if again.json(t)["refresh_token"] != second {
			t.Errorf("%s, want the current token again", again.body)
		}
		if cause := again.Header.Get("Sb-Auth-Refresh-Token-Reuse-Cause"); (cause == "fail-to-save,concurrent-refresh") != (algorithm == 2) {
			t.Errorf("cause %q of a forgiven replay", cause)
		}
		third := refreshed(t, sb, second)
		refused(t, sb, first, 400, sandbox.AlreadyUsed, "Already Used")
		refused(t, sb, third, 400, sandbox.AlreadyUsed, "Already Used")
		if c := sb.Counters(); c.Forgiven != 1 || c.Rotations != 2 || c.FamiliesRevoked != 1 {
			t.Errorf("%+v", c)
		}
	})
}

func TestWithinTheReuseIntervalEveryTokenIsForgiven(t *testing.T) {
	eachAlgorithm(t, func(t *testing.T, algorithm int, sb *sandbox.Sandbox) {
		first := signIn(t, sb).RefreshToken
		second := refreshed(t, sb, first)
		third := refreshed(t, sb, second)
		time.Sleep(10 * time.Second)
		again := refreshed(t, sb, first)
		if (again == third) != (algorithm == 2) {
			t.Fatalf("branched: %t", again != third)
		}
		if algorithm == 1 { // two tokens are current, and both can be used
			refreshed(t, sb, third)
			refreshed(t, sb, again)
		} else {
			refreshed(t, sb, third)
			time.Sleep(11 * time.Second)
		}
		time.Sleep(time.Second)
		refused(t, sb, first, 400, sandbox.AlreadyUsed, "Already Used")
	}, sandbox.WithReuseInterval(10*time.Second))
}

func TestAnUpgradeForgivesTheParentWithinTheReuseIntervalAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for name, interval := range map[string]time.Duration{"10 s": 10 * time.Second, "none": 0} {
			var opts []sandbox.Option
			if interval > 0 {
				opts = append(opts, sandbox.WithReuseInterval(interval))
			}
			sb := inMemory(t, opts...)
			first := signIn(t, sb).RefreshToken
			second := refreshed(t, sb, first)
			sb.UpgradeAtNextRefresh()
			third := refreshed(t, sb, second)
			if s := sb.Sessions()[0]; s.Algorithm != 2 {
				t.Fatalf("%s: %+v", name, s)
			}
			if interval > 0 {
				if again := refreshed(t, sb, second); again != third {
					t.Errorf("%s: the parent got another token", name)
				}
				time.Sleep(interval + 1)
			}
			refused(t, sb, second, 400, sandbox.AlreadyUsed, "Already Used")
			if tokens := signIn(t, sb); sb.Sessions()[1].Algorithm != 2 || refreshed(t, sb, tokens.RefreshToken) == "" {
				t.Errorf("%s: a new session is of the old algorithm", name)
			}
			sb.Close()
		}
	})
}

func TestASessionEndsByInactivity(t *testing.T) {
	eachAlgorithm(t, func(t *testing.T, _ int, sb *sandbox.Sandbox) {
		token := signIn(t, sb).RefreshToken
		for range 3 {
			time.Sleep(24*time.Hour - 1)
			parent := token
			token = refreshed(t, sb, parent)
			time.Sleep(24*time.Hour - 1)
			refreshed(t, sb, parent) // a forgiven replay counts as well
		}
		time.Sleep(24 * time.Hour)
		refused(t, sb, token, 400, sandbox.SessionExpired, "Session Expired (Inactivity)")
	}, sandbox.WithInactivityTimeout(24*time.Hour))
}

func TestASessionEndsByAge(t *testing.T) {
	eachAlgorithm(t, func(t *testing.T, _ int, sb *sandbox.Sandbox) {
		token := signIn(t, sb).RefreshToken
		time.Sleep(time.Hour - 1)
		token = refreshed(t, sb, token)
		time.Sleep(1)
		refused(t, sb, token, 400, sandbox.SessionExpired, "Session Expired")
	}, sandbox.WithTimeBox(time.Hour))
}

func TestASessionEndsByANewerSignIn(t *testing.T) {
	eachAlgorithm(t, func(t *testing.T, _ int, sb *sandbox.Sandbox) {
		token := signIn(t, sb).RefreshToken
		if _, err := sb.SignIn("grace@example.com"); err != nil {
			t.Fatal(err)
		}
		token = refreshed(t, sb, token)
		newer := signIn(t, sb).RefreshToken
		refused(t, sb, token, 400, sandbox.SessionExpired, "Session Expired (Revoked by Newer Login)")
		refreshed(t, sb, newer)
	}, sandbox.WithSingleSession())
}

func TestABannedUserIsRefusedUntilTheBanIsLifted(t *testing.T) {
	eachAlgorithm(t, func(t *testing.T, _ int, sb *sandbox.Sandbox) {
		token := signIn(t, sb).RefreshToken
		if err := sb.Ban("ada@example.com"); err != nil {
			t.Fatal(err)
		}
		refused(t, sb, token, 400, sandbox.UserBanned, "User Banned")
		if err := sb.Unban("ada@example.com"); err != nil {
			t.Fatal(err)
		}
		refreshed(t, sb, token)
	})
}

func TestARestoredDatabaseDoesNotKnowNewerTokens(t *testing.T) {
	eachAlgorithm(t, func(t *testing.T, algorithm int, sb *sandbox.Sandbox) {
		first := signIn(t, sb).RefreshToken
		backup := sb.Backup()
		second := refreshed(t, sb, first)
		later := signIn(t, sb).RefreshToken
		sb.Restore(backup)
		if algorithm == 1 {
			refused(t, sb, second, 400, sandbox.TokenNotFound, "Refresh Token Not Found")
		} else {
			refused(t, sb, second, 400, sandbox.ValidationFailed, "Not Issued By This Server")
		}
		refused(t, sb, later, 400, sandbox.TokenNotFound, "Refresh Token Not Found")
		refreshed(t, sb, first) // the session lives on
	})
}

func TestARefreshThatWaitsTooLongForAnotherGetsAConflict(t *testing.T) {
	eachAlgorithm(t, func(t *testing.T, _ int, sb *sandbox.Sandbox) {
		token := signIn(t, sb).RefreshToken
		bystander := signIn(t, sb).RefreshToken
		fail(t, sb, sandbox.On(sandbox.OpToken), sandbox.HoldSession(20*time.Second), sandbox.Times(1))
		done := make(chan string)
		go func() { done <- refreshed(t, sb, token) }()
		synctest.Wait()
		begin := time.Now()
		refused(t, sb, token, 409, sandbox.Conflict, "same session or refresh token")
		if waited := time.Since(begin); waited != 5*time.Second {
			t.Errorf("it waited for %s", waited)
		}
		refreshed(t, sb, bystander)
		next := <-done
		if again := refreshed(t, sb, token); again != next {
			t.Error("the conflict has rotated")
		}
		if c := sb.Counters(); c.Rotations != 2 || c.Forgiven != 1 {
			t.Errorf("%+v", c)
		}

		fail(t, sb, sandbox.On(sandbox.OpToken), sandbox.HookTimeout(), sandbox.Times(1))
		refused(t, sb, next, 422, "hook_timeout", "maximum time")
		refreshed(t, sb, next)
	})
}

func TestLogoutEndsTheSessionsOfItsScope(t *testing.T) {
	eachAlgorithm(t, func(t *testing.T, _ int, sb *sandbox.Sandbox) {
		logout := func(query, token string) answer {
			path, _, _ := strings.Cut(cosmic.Service.LogoutPath, "?")
			return do(t, sb, request(t, http.MethodPost, sb.CosmicURL()+path+query, token, "", nil))
		}
		one, two, three := signIn(t, sb), signIn(t, sb), signIn(t, sb)
		other, err := sb.SignIn("grace@example.com")
		if err != nil {
			t.Fatal(err)
		}
		wantStatus(t, logout("?scope=local", "nonsense"), http.StatusUnauthorized)
		wantStatus(t, logout("?scope=local", one.AccessToken), http.StatusNoContent)
		refused(t, sb, one.RefreshToken, 400, sandbox.TokenNotFound, "Refresh Token Not Found")
		wantStatus(t, logout("?scope=local", one.AccessToken), http.StatusForbidden)
		two.RefreshToken = refreshed(t, sb, two.RefreshToken)
		if c := sb.Counters(); c.Violations != 0 {
			t.Errorf("%+v", c)
		}
		wantStatus(t, logout("?scope=others", two.AccessToken), http.StatusNoContent)
		refused(t, sb, three.RefreshToken, 400, sandbox.TokenNotFound, "Refresh Token Not Found")
		two.RefreshToken = refreshed(t, sb, two.RefreshToken)
		wantStatus(t, logout("", two.AccessToken), http.StatusNoContent)
		refused(t, sb, two.RefreshToken, 400, sandbox.TokenNotFound, "Refresh Token Not Found")
		refreshed(t, sb, other.RefreshToken)
		if c := sb.Counters(); c.Violations != 2 {
			t.Errorf("%d violations, want one for each scope but local", c.Violations)
		}
	})
}

func TestACodeThatIsUsedAgainEndsTheSessionThatItMade(t *testing.T) {
	sb := inMemory(t)
	form := codeForm(sb, approve(t, sb, authorizeQuery(sb)).Get("code"))
	token := post(t, sb, tokenURL(sb), form).json(t)["refresh_token"].(string)
	token = refreshed(t, sb, token)
	wantStatus(t, post(t, sb, tokenURL(sb), form), 400)
	refused(t, sb, token, 400, sandbox.TokenNotFound, "Refresh Token Not Found")
}

// RFC 6749 sections 3.2 and 6; authlib and requests-oauthlib send more.
func TestParametersThatTheTokenEndpointDoesNotKnowAreIgnored(t *testing.T) {
	sb := inMemory(t)
	form := refreshForm(sb, signIn(t, sb).RefreshToken)
	form.Set("scope", "openid email")
	form.Set("audience", "x")
	wantStatus(t, post(t, sb, tokenURL(sb), form), 200)
	if c := sb.Counters(); c.Violations != 0 {
		t.Errorf("%+v", sb.Requests())
	}
}

// A relying party finds the server by either document, and verifies an ID token
// with the published key.
func TestIDTokensAreVerifiedWithThePublishedKey(t *testing.T) {
	for name, tc := range map[string]struct{ base, document string }{
		"OpenID Connect Discovery": {"", "/auth/v1/.well-known/openid-configuration"},
		"RFC 8414":                 {"", "/.well-known/oauth-authorization-server/auth/v1"},
		"RFC 8414 below a path":    {"/b", "/.well-known/oauth-authorization-server/b/auth/v1"},
	} {
		t.Run(name, func(t *testing.T) {
			sb := inMemory(t, sandbox.WithBasePath(tc.base))
			root := strings.TrimSuffix(sb.CosmicURL(), tc.base)
			metadata := get(t, sb, root+tc.document, "").json(t)
			q := authorizeQuery(sb)
			q.Set("scope", "openid")
			id := post(t, sb, metadata["token_endpoint"].(string), codeForm(sb, approve(t, sb, q).Get("code"))).json(t)["id_token"].(string)
			var set struct {
				Keys []struct{ Kty, Crv, Alg, Kid, X, Y string }
			}
			if err := json.Unmarshal(get(t, sb, metadata["jwks_uri"].(string), "").body, &set); err != nil || len(set.Keys) != 1 {
				t.Fatal(set, err)
			}
			key := set.Keys[0]
			parts := strings.Split(id, ".")
			var head, claims map[string]any
			for i, into := range []*map[string]any{&head, &claims} {
				if err := json.Unmarshal(decoded(t, parts[i]), into); err != nil {
					t.Fatal(err)
				}
			}
			if head["kid"] != key.Kid || head["alg"] != "ES256" || claims["iss"] != metadata["issuer"] {
				t.Errorf("%v %v", head, claims)
			}
			sum, signature := sha256.Sum256([]byte(parts[0]+"."+parts[1])), decoded(t, parts[2])
			// An uncompressed point (SEC 1 section 2.3.3).
			public, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), slices.Concat([]byte{4}, decoded(t, key.X), decoded(t, key.Y)))
			if err != nil {
				t.Fatal(err)
			}
			if !ecdsa.Verify(public, sum[:], new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:])) {
				t.Error("the signature does not verify")
			}
		})
	}
}

func decoded(t *testing.T, text string) []byte {
	t.Helper()
	b, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// The proxy speaks TLS with the browser and http with the sandbox.
func TestTheConsentFormWorksBehindATLSProxy(t *testing.T) {
	sb := start(t)
	browser := func(r *http.Request) { r.Host = "sandbox.example"; r.Header.Set("Origin", "https://sandbox.example") }
	form := func() url.Values {
		return url.Values{"request_id": {requestID(t, get(t, sb, authorizeURL(sb, authorizeQuery(sb)), ""))}, "decision": {"approve"}}
	}
	to := sb.CosmicURL() + cosmic.Service.AuthorizePath
	wantStatus(t, post(t, sb, to, form(), browser), http.StatusSeeOther)
	wantStatus(t, post(t, sb, to, form(), browser, func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "same-origin") }), http.StatusSeeOther)
	wantStatus(t, post(t, sb, to, form(), browser, func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") }), 400)
	wantStatus(t, post(t, sb, to, form(), browser, func(r *http.Request) { r.Header.Set("Origin", "https://evil.example") }), 400)
	req := request(t, http.MethodGet, sb.CosmicURL()+"/auth/v1/.well-known/openid-configuration", "", "", nil)
	req.Host = "sandbox.example"
	req.Header.Set("X-Forwarded-Proto", "https")
	if v := do(t, sb, req).json(t); v["issuer"] != "https://sandbox.example/auth/v1" {
		t.Errorf("%v", v)
	}
}
