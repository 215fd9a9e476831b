package sandbox_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/credkit/credkit-go/api/certn"
	"github.com/credkit/credkit-go/api/spec"
	"github.com/credkit/credkit-go/facade/sandbox"
)

func certnTokenURL(sb *sandbox.Sandbox) string { return sb.CertnURL() + certn.Service.TokenPath }

// certnToken asks Certn's token endpoint as it should be asked.
func certnToken(t *testing.T, sb *sandbox.Sandbox) answer {
	t.Helper()
	id, secret := sb.CertnClient()
	return post(t, sb, certnTokenURL(sb), url.Values{"grant_type": {"client_credentials"}}, func(r *http.Request) { r.SetBasicAuth(id, secret) })
}

func TestCertnTokenEndpoint(t *testing.T) {
	sb := start(t, sandbox.WithBasePath("/c"))
	a := certnToken(t, sb)
	wantStatus(t, a, 200)
	v := a.json(t)
	if v["expires_in"] != 36000. || v["token_type"] != "Bearer" || v["scope"] != "read write" || v["refresh_token"] != nil {
		t.Errorf("%v", v)
	}
	wantStatus(t, get(t, sb, urlOf(t, sb, certn.OpListUsers), v["access_token"].(string)), 200)
	if c := sb.Counters(); c.Grants["client_credentials"] != 1 || c.Operations[sandbox.OpCertnToken] != 1 || c.Violations != 0 {
		t.Errorf("%+v", c)
	}
}

func TestCertnTokenEndpointRefusals(t *testing.T) {
	sb := inMemory(t, sandbox.WithCertnClient("id", "secret"))
	form := url.Values{"grant_type": {"client_credentials"}}
	auth := func(id, secret string) func(*http.Request) {
		return func(r *http.Request) { r.SetBasicAuth(id, secret) }
	}
	for name, tc := range map[string]struct {
		form    url.Values
		prepare func(*http.Request)
		status  int
		want    string
	}{
		"a wrong secret":     {form, auth("id", "x"), 401, "invalid_client"},
		"a wrong id":         {form, auth("x", "secret"), 401, "invalid_client"},
		"no credentials":     {form, func(*http.Request) {}, 401, "invalid_client"},
		"in the form":        {url.Values{"grant_type": {"client_credentials"}, "client_id": {"id"}, "client_secret": {"secret"}}, func(*http.Request) {}, 401, "invalid_client"},
		"another grant type": {url.Values{"grant_type": {"password"}}, auth("id", "secret"), 400, "unsupported_grant_type"},
		"a scope":            {url.Values{"grant_type": {"client_credentials"}, "scope": {"read"}}, auth("id", "secret"), 400, "invalid_request"},
		"no grant type":      {url.Values{}, auth("id", "secret"), 400, "invalid_request"},
	} {
		t.Run(name, func(t *testing.T) {
			a := post(t, sb, certnTokenURL(sb), tc.form, tc.prepare)
			wantStatus(t, a, tc.status)
			if a.json(t)["error"] != tc.want {
				t.Errorf("%s", a.body)
			}
		})
	}
	a := get(t, sb, certnTokenURL(sb), "")
	wantStatus(t, a, http.StatusMethodNotAllowed)
	if len(a.body) != 0 {
		t.Errorf("%s", a.body)
	}
}

func TestCertnTokensExpire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sb := inMemory(t)
		defer sb.Close()
		token := certnToken(t, sb).json(t)["access_token"].(string)
		time.Sleep(10*time.Hour - 1)
		wantStatus(t, get(t, sb, urlOf(t, sb, certn.OpListUsers), token), 200)
		time.Sleep(1)
		a := get(t, sb, urlOf(t, sb, certn.OpListUsers), token)
		wantStatus(t, a, 401)
		wantText(t, a, `{"detail":"Authentication credentials were not provided."}`)
	})
}

// userPage is one page of the list.
type userPage struct {
	Count          int
	Next, Previous *string
	Results        []struct {
		ID, Email string
		Team      map[string]any
	}
}

func users(t *testing.T, sb *sandbox.Sandbox, address string) userPage {
	t.Helper()
	a := get(t, sb, address, sb.CertnAccessToken())
	wantStatus(t, a, 200)
	var p userPage
	if err := json.Unmarshal(a.body, &p); err != nil {
		t.Fatal(err)
	}
	return p
}

func TestUserPagesLeadOnByHTTPLinks(t *testing.T) {
	sb := inMemory(t, sandbox.WithCertnUserCount(7), sandbox.WithBasePath("/b"))
	base := urlOf(t, sb, certn.OpListUsers)
	seen := map[string]bool{}
	address, pages := base+"?page_size=3", 0
	for address != "" {
		p := users(t, sb, address)
		pages++
		if p.Count != 7 || (p.Previous == nil) != (pages == 1) {
			t.Errorf("page %d: %+v", pages, p)
		}
		for _, u := range p.Results {
			if seen[u.ID] || u.Email == "" || u.Team["name"] == nil {
				t.Errorf("%+v", u)
			}
			seen[u.ID] = true
		}
		address = ""
		if p.Next != nil {
			// The trap of old recordings: http, though the service is https.
			if !strings.HasPrefix(*p.Next, "http://certn.sandbox.test/b/api/v1/users/?page=") || !strings.Contains(*p.Next, "page_size=3") {
				t.Errorf("next %q", *p.Next)
			}
			address = strings.Replace(*p.Next, "http:", "https:", 1)
		}
	}
	if pages != 3 || len(seen) != 7 {
		t.Errorf("%d users on %d pages", len(seen), pages)
	}
	a := get(t, sb, base+"?page=4&page_size=3", sb.CertnAccessToken())
	wantStatus(t, a, 404)
	wantText(t, a, `{"detail":"Invalid page."}`)
}

func TestNextLinksCanLeadElsewhere(t *testing.T) {
	sb := inMemory(t, sandbox.WithCertnUserCount(2), sandbox.WithCertnPageSize(1, 1), sandbox.WithNextLinkOrigin("https://elsewhere.test"))
	p := users(t, sb, urlOf(t, sb, certn.OpListUsers)+"?page_size=50") // quietly cut to 1
	if len(p.Results) != 1 || p.Next == nil || !strings.HasPrefix(*p.Next, "https://elsewhere.test/api/v1/users/?") {
		t.Errorf("%+v", p)
	}
}

func TestUserListOfNobodyAndAsAnArray(t *testing.T) {
	sb := inMemory(t, sandbox.WithCertnUserCount(0))
	if p := users(t, sb, urlOf(t, sb, certn.OpListUsers)); p.Count != 0 || p.Results == nil || p.Next != nil {
		t.Errorf("%+v", p)
	}
	sb = inMemory(t, sandbox.WithCertnUserCount(120), sandbox.WithBareArray())
	var all []any
	if err := json.Unmarshal(get(t, sb, urlOf(t, sb, certn.OpListUsers), sb.CertnAccessToken()).body, &all); err != nil || len(all) != 120 {
		t.Errorf("%d users: %v", len(all), err)
	}
}

func TestWithoutTheSlashCertnRedirects(t *testing.T) {
	sb := inMemory(t, sandbox.WithBasePath("/b"))
	a := get(t, sb, strings.TrimSuffix(urlOf(t, sb, certn.OpListUsers), "/")+"?page=2", sb.CertnAccessToken())
	wantStatus(t, a, http.StatusMovedPermanently)
	if to := a.Header.Get("Location"); to != "/b/api/v1/users/?page=2" {
		t.Errorf("to %q", to)
	}
	// A POST is re-issued as a GET by whoever follows: it ends in 405.
	a = post(t, sb, strings.TrimSuffix(certnTokenURL(sb), "/"), url.Values{})
	wantStatus(t, a, http.StatusMovedPermanently)
	if sb.Counters().Violations != 2 {
		t.Errorf("%+v", sb.Counters())
	}
}

func TestARetiredServiceIsGone(t *testing.T) {
	sb := inMemory(t, sandbox.WithCertnRetired())
	wantStatus(t, get(t, sb, urlOf(t, sb, certn.OpListUsers), sb.CertnAccessToken()), http.StatusGone)
	wantStatus(t, certnToken(t, sb), http.StatusGone)
	wantStatus(t, get(t, sb, urlOf(t, sb, "getMe"), signIn(t, sb).AccessToken), 200)
}

func TestRateLimitsAreExactWindows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sb := inMemory(t, sandbox.WithCertnRateLimits())
		defer sb.Close()
		token, address := sb.CertnAccessToken(), urlOf(t, sb, certn.OpListUsers)
		limit := certn.Service.RateLimits[0]
		begin := time.Now()
		for range limit.Requests {
			wantStatus(t, get(t, sb, address, token), 200)
			time.Sleep(100 * time.Millisecond)
		}
		over := get(t, sb, address, token)
		wantStatus(t, over, http.StatusTooManyRequests)
		wait := limit.Window - time.Since(begin)
		if got := over.Header.Get("Retry-After"); got != "36" || wait != 36*time.Second {
			t.Errorf("Retry-After %s after %s", got, time.Since(begin))
		}
		wantText(t, over, `{"detail":"Request was throttled. Expected available in 36 seconds."}`)
		time.Sleep(wait - 1)
		wantStatus(t, get(t, sb, address, token), http.StatusTooManyRequests)
		time.Sleep(1)
		wantStatus(t, get(t, sb, address, token), 200)
		wantStatus(t, get(t, sb, address, token), http.StatusTooManyRequests)
		if sb.Counters().RateLimited != 3 {
			t.Errorf("%+v", sb.Counters())
		}
	})
}

func TestRateLimitsOfOnesOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sb := inMemory(t, sandbox.WithCertnRateLimits(spec.RateLimit{Requests: 1, Window: time.Second}, spec.RateLimit{Requests: 2, Window: time.Hour}))
		defer sb.Close()
		token, address := sb.CertnAccessToken(), urlOf(t, sb, certn.OpListUsers)
		wantStatus(t, get(t, sb, address, token), 200)
		wantStatus(t, get(t, sb, address, token), 429)
		time.Sleep(time.Second)
		wantStatus(t, get(t, sb, address, token), 200)
		time.Sleep(time.Second)
		if a := get(t, sb, address, token); a.StatusCode != 429 || a.Header.Get("Retry-After") != "3598" {
			t.Errorf("%s %v", a.Status, a.Header)
		}
	})
}

func TestCertnRequestsThatAreNotDescribedAreRefused(t *testing.T) {
	for query, want := range map[string]string{
		"page=0": "page", "page=-1": "page", "page=x": "page", "page=": "page", "page=1&page=2": "page",
		"page_size=0": "page_size", "page_size=1.5": "page_size", "page=99999999999": "page",
		"search=ada": "search", "page=1&ordering=id": "non_field_errors",
	} {
		t.Run(query, func(t *testing.T) {
			sb := inMemory(t)
			a := get(t, sb, urlOf(t, sb, certn.OpListUsers)+"?"+query, sb.CertnAccessToken())
			wantStatus(t, a, 400)
			var fields map[string][]string
			if err := json.Unmarshal(a.body, &fields); err != nil || len(fields[want]) != 1 {
				t.Errorf("%s %v", a.body, err)
			}
			if sb.Counters().Violations != 1 || sb.Requests()[0].Violation == "" {
				t.Errorf("%+v", sb.Requests())
			}
		})
	}
	sb := inMemory(t)
	a := do(t, sb, request(t, "DELETE", urlOf(t, sb, certn.OpListUsers), sb.CertnAccessToken(), "", nil))
	wantStatus(t, a, 405)
	wantText(t, a, `"details":`)
	wantText(t, get(t, sb, sb.CertnURL()+"/api/v1/teams/", sb.CertnAccessToken()), `{"detail":"Not found."}`)
}
