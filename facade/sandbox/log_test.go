package sandbox_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/credkit/credkit-go/api/cosmic"
	"github.com/credkit/credkit-go/facade/sandbox"
)

func TestTheLogTellsRequestsWithoutSecrets(t *testing.T) {
	var log bytes.Buffer
	sb := inMemory(t, sandbox.WithLogger(slog.New(slog.NewTextHandler(&log, nil))), sandbox.WithRequestIDs(), sandbox.WithBasePath("/b"))
	tokens := signIn(t, sb)
	a := get(t, sb, urlOf(t, sb, cosmic.OpListCertifications)+"?limit=3", tokens.AccessToken)
	next := refreshed(t, sb, tokens.RefreshToken)
	q := authorizeQuery(sb)
	code := approve(t, sb, q).Get("code")
	get(t, sb, sb.CosmicURL()+"/v1/me?access_token="+tokens.AccessToken+"&code="+code, "")
	certn := certnToken(t, sb).json(t)["access_token"].(string)

	requests := sb.Requests()
	first := requests[0]
	if first.Number != 1 || first.Service != "cosmic" || first.Operation != cosmic.OpListCertifications || first.Method != "GET" ||
		first.Path != "/b/v1/certifications" || first.Query.Get("limit") != "3" || first.Status != 200 || first.At.IsZero() {
		t.Errorf("%+v", first)
	}
	if first.Token != fingerprint(tokens.AccessToken) || first.Header.Get("Authorization") != "Bearer [redacted]" {
		t.Errorf("%+v", first)
	}
	if r := requests[1]; r.Grant != "refresh_token" || r.Token != fingerprint(tokens.RefreshToken) || r.Operation != sandbox.OpToken {
		t.Errorf("%+v", r)
	}
	if a.Header.Get("X-Request-Id") != "sandbox-1" {
		t.Errorf("%v", a.Header)
	}
	sb.Close() // every request is in the log
	_, secret := sb.CertnClient()
	for _, at := range []string{fmt.Sprintf("%+v", requests), log.String()} {
		for name, s := range map[string]string{
			"access token": tokens.AccessToken, "refresh token": tokens.RefreshToken, "next refresh token": next,
			"code": code, "state": url.QueryEscape(q.Get("state")), "Certn's token": certn, "Certn's secret": secret,
		} {
			if strings.Contains(at, s) {
				t.Errorf("the %s is in %s", name, at)
			}
		}
	}
	if n := strings.Count(log.String(), "sandbox request"); n != len(requests) || !strings.Contains(log.String(), "operation=listCertifications") {
		t.Errorf("%d of %d records\n%s", n, len(requests), &log)
	}
}

func TestWithoutTheOptionThereIsNoRequestID(t *testing.T) {
	sb := inMemory(t)
	if h := get(t, sb, urlOf(t, sb, cosmic.OpGetMe), "").Header; h.Get("X-Request-Id") != "" {
		t.Errorf("%v", h)
	}
}

func TestTheLogKeepsTheNewest(t *testing.T) {
	sb := inMemory(t, sandbox.WithLogSize(3))
	token := signIn(t, sb).AccessToken
	for i := range 8 {
		get(t, sb, fmt.Sprintf("%s?limit=%d", urlOf(t, sb, cosmic.OpListCertifications), i+1), token)
	}
	r := sb.Requests()
	if len(r) != 3 || r[0].Number != 6 || r[2].Number != 8 || r[2].Query.Get("limit") != "8" || sb.Count(cosmic.OpListCertifications) != 8 {
		t.Errorf("%+v", r)
	}
	sb.Reset()
	if len(sb.Requests()) != 0 || sb.Counters().Requests != 0 {
		t.Errorf("%+v", sb.Counters())
	}
	get(t, sb, urlOf(t, sb, cosmic.OpGetMe), token)
	if r := sb.Requests(); len(r) != 1 || r[0].Number != 9 || len(sb.RequestsOf(cosmic.OpGetMe)) != 1 || len(sb.RequestsOf(sandbox.OpToken)) != 0 {
		t.Errorf("%+v", r)
	}
}

func TestEverythingAtOnceIsSafe(t *testing.T) {
	sb := start(t, sandbox.WithLogSize(10), sandbox.WithCertnRateLimits())
	var wg sync.WaitGroup
	for worker := range 8 {
		wg.Go(func() {
			for i := range 15 {
				tokens, err := sb.SignIn("")
				if err != nil {
					t.Error(err)
					return
				}
				token := refreshed(t, sb, tokens.RefreshToken)
				get(t, sb, urlOf(t, sb, cosmic.OpListCertifications), tokens.AccessToken)
				create(t, sb, tokens.AccessToken, fmt.Sprint(worker, i), `{}`)
				get(t, sb, urlOf(t, sb, "listUsers"), sb.CertnAccessToken())
				approve(t, sb, authorizeQuery(sb))
				_ = sb.Fail(sandbox.On(sandbox.OpUserInfo), sandbox.Status(http.StatusTeapot), sandbox.Times(1))
				_, _, _ = sb.Requests(), sb.Counters(), sb.Sessions()
				_ = sb.SetScopes(sb.App().ClientID, cosmic.Service.Scopes...)
				sb.RefuseAccessTokens()
				refreshed(t, sb, token)
			}
		})
	}
	wg.Wait()
	if c := sb.Counters(); c.Refreshes != 240 || c.FamiliesRevoked != 0 {
		t.Errorf("%+v", c)
	}
}

// fingerprint is how the log names a token.
func fingerprint(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])[:12]
}
