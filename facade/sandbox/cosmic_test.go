package sandbox_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/credkit/credkit-go/api/cosmic"
	"github.com/credkit/credkit-go/api/spec"
	"github.com/credkit/credkit-go/facade/sandbox"
)

func TestMeInItsCurrentForm(t *testing.T) {
	sb := inMemory(t, sandbox.WithApps(sandbox.App{ClientID: "a", Scopes: []string{"certification_records:read", "job-roles:read"}}))
	v := get(t, sb, urlOf(t, sb, cosmic.OpGetMe), signIn(t, sb).AccessToken).json(t)
	if at(v, "user", "id") != sb.User().ID || at(v, "user", "email") != "ada@example.com" || at(v, "user", "display_name") != "Ada Lovelace" {
		t.Errorf("%v", v)
	}
	if got := fmt.Sprint(v["scopes"]); got != "[certification_records:read job-roles:read]" {
		t.Errorf("scopes %s", got)
	}
	if len(v) != 2 {
		t.Errorf("%v", v)
	}
}

func TestMeInItsOlderForm(t *testing.T) {
	sb := inMemory(t, sandbox.WithOldMe())
	v := get(t, sb, urlOf(t, sb, cosmic.OpGetMe), signIn(t, sb).AccessToken).json(t)
	if len(v) != 3 || v["organizations"] == nil || v["organization_memberships"] == nil || v["accessible_member_ids"] == nil {
		t.Errorf("%v", v)
	}
}

func TestMeOfAFirstPartySessionHasNoScopesAndMayDoEverything(t *testing.T) {
	sb := inMemory(t, sandbox.WithFirstPartySessions())
	token := signIn(t, sb).AccessToken
	wantText(t, get(t, sb, urlOf(t, sb, cosmic.OpGetMe), token), `"scopes":[]`)
	wantStatus(t, get(t, sb, urlOf(t, sb, cosmic.OpListCertifications), token), 200)
	wantStatus(t, create(t, sb, token, "", `{}`), 201)
}

func TestScopesUnderTheirOlderNames(t *testing.T) {
	sb := inMemory(t, sandbox.WithOldScopeNames())
	token := signIn(t, sb, "certification_records:read", "organizations:write").AccessToken
	wantText(t, get(t, sb, urlOf(t, sb, cosmic.OpGetMe), token), `"scopes":["certification-records:read","organizations:write"]`)
	wantStatus(t, get(t, sb, urlOf(t, sb, cosmic.OpListCertifications), token), 200)
}

func TestScopesAreEnforcedPerOperation(t *testing.T) {
	sb := inMemory(t)
	forbidden := 0
	for i := range cosmic.Service.Operations {
		op := &cosmic.Service.Operations[i]
		others := slices.DeleteFunc(slices.Clone(cosmic.Service.Scopes), func(s string) bool { return slices.Contains(op.Scopes, s) })
		for name, tc := range map[string]struct {
			scopes []string
			good   bool
		}{"exactly": {op.Scopes, true}, "everything else": {others, len(op.Scopes) == 0}, "none": {nil, len(op.Scopes) == 0}} {
			tokens, err := sb.SignInWith(sandbox.SignIn{Scopes: append([]string{}, tc.scopes...)})
			if err != nil {
				t.Fatal(err)
			}
			req := request(t, op.Method, sb.CosmicURL()+op.Path, tokens.AccessToken, "", nil)
			if op.Method == "POST" {
				req = request(t, op.Method, sb.CosmicURL()+op.Path, tokens.AccessToken, "application/json", []byte(`{}`))
			}
			a := do(t, sb, req)
			if tc.good {
				wantStatus(t, a, op.Success)
				continue
			}
			forbidden++
			wantStatus(t, a, http.StatusForbidden)
			if strings.Contains(a.text(), ":") && strings.Contains(a.text(), "certification") {
				t.Errorf("%s with %s: the answer names a scope: %s", op.ID, name, a.body)
			}
		}
	}
	if c := sb.Counters(); c.Forbidden != forbidden || forbidden == 0 || c.Violations != 0 {
		t.Errorf("%+v", c)
	}
}

func TestScopesThatChangeReachTheNextToken(t *testing.T) {
	sb := inMemory(t)
	tokens := signIn(t, sb)
	if err := sb.SetScopes(sb.App().ClientID, "organizations:read"); err != nil {
		t.Fatal(err)
	}
	list := urlOf(t, sb, cosmic.OpListCertifications)
	wantStatus(t, get(t, sb, list, tokens.AccessToken), 200)
	next := refresh(t, sb, tokens.RefreshToken).json(t)["access_token"].(string)
	wantStatus(t, get(t, sb, list, next), 403)
	if sb.SetScopes("nobody") == nil || sb.SetScopes(sb.App().ClientID, "nothing:read") == nil {
		t.Error("no error")
	}
}

func TestErrorShapesOfOperations(t *testing.T) {
	for shape, want := range map[sandbox.APIErrors]string{
		sandbox.NestedErrors:  `{"error":{"code":"unauthorized","message":"A valid access token is needed."}}`,
		sandbox.MessageErrors: `{"message":"A valid access token is needed."}`,
		sandbox.EmptyErrors:   ``,
		sandbox.HTMLErrors:    `<!doctype html><title>Unauthorized</title><h1>A valid access token is needed.</h1>` + "\n",
	} {
		sb := inMemory(t, sandbox.WithAPIErrors(shape))
		if a := get(t, sb, urlOf(t, sb, cosmic.OpGetMe), ""); a.StatusCode != 401 || a.text() != want {
			t.Errorf("%s %q, want %q", a.Status, a.body, want)
		}
	}
}

// certificationPage is one page of the list.
type certificationPage struct {
	Data []map[string]any
	Page map[string]any
}

func certifications(t *testing.T, sb *sandbox.Sandbox, token, query string) certificationPage {
	t.Helper()
	a := get(t, sb, urlOf(t, sb, cosmic.OpListCertifications)+query, token)
	wantStatus(t, a, 200)
	var p certificationPage
	if err := json.Unmarshal(a.body, &p); err != nil {
		t.Fatalf("%v in %s", err, a.body)
	}
	return p
}

func TestCertificationPagesLeadOnByCursor(t *testing.T) {
	for _, noLast := range []bool{false, true} {
		opts := []sandbox.Option{sandbox.WithCertificationCount(120)}
		if noLast {
			opts = append(opts, sandbox.WithoutLastCursor())
		}
		sb := inMemory(t, opts...)
		token := signIn(t, sb).AccessToken
		seen := map[any]bool{}
		var sizes []int
		for query := ""; ; {
			p := certifications(t, sb, token, query)
			sizes = append(sizes, len(p.Data))
			for _, c := range p.Data {
				if seen[c["id"]] {
					t.Fatalf("%v twice", c["id"])
				}
				seen[c["id"]] = true
			}
			cursor, ok := p.Page["next_cursor"]
			if p.Page["has_more"] == true {
				query = "?cursor=" + cursor.(string)
				continue
			}
			if ok == noLast || cursor != nil || p.Page["has_more"] != false {
				t.Errorf("last page %v", p.Page)
			}
			break
		}
		if fmt.Sprint(sizes) != "[50 50 20]" || len(seen) != 120 {
			t.Errorf("pages of %v", sizes)
		}
		if p := certifications(t, sb, token, "?limit=200"); len(p.Data) != 120 {
			t.Errorf("%d rows", len(p.Data))
		}
	}
}

func TestAListThatEndsWithAPageHasNoEmptyOne(t *testing.T) {
	sb := inMemory(t, sandbox.WithCertificationCount(4), sandbox.WithPageSize(2))
	token := signIn(t, sb).AccessToken
	p := certifications(t, sb, token, "")
	p = certifications(t, sb, token, "?cursor="+p.Page["next_cursor"].(string))
	if len(p.Data) != 2 || p.Page["has_more"] != false {
		t.Errorf("%+v", p)
	}
	sb = inMemory(t, sandbox.WithCertificationCount(0))
	if p := certifications(t, sb, signIn(t, sb).AccessToken, ""); p.Data == nil || len(p.Data) != 0 || p.Page["has_more"] != false {
		t.Errorf("%+v", p)
	}
}

func TestTheOlderContractHasEverythingAtOnce(t *testing.T) {
	sb := inMemory(t, sandbox.WithoutPaging(), sandbox.WithCertificationCount(1234))
	a := get(t, sb, urlOf(t, sb, cosmic.OpListCertifications), signIn(t, sb).AccessToken)
	v := a.json(t)
	if len(v) != 1 || len(v["data"].([]any)) != 1234 {
		t.Errorf("%d members", len(v))
	}
}

func TestEachUserHasAListOfTheirOwn(t *testing.T) {
	own := [][]byte{[]byte(`{"id":"9a3d1b1e-0000-4000-8000-000000000001"}`)}
	sb := inMemory(t, sandbox.WithUsers(sandbox.User{Email: "a@example.com"}, sandbox.User{Email: "b@example.com"}, sandbox.User{Email: "c@example.com", Certifications: own}))
	first := map[string]any{}
	for _, user := range []string{"a@example.com", "b@example.com", "c@example.com"} {
		token, err := sb.AccessToken(user)
		if err != nil {
			t.Fatal(err)
		}
		first[user] = certifications(t, sb, token, "").Data[0]["id"]
	}
	if first["a@example.com"] == first["b@example.com"] || first["c@example.com"] != "9a3d1b1e-0000-4000-8000-000000000001" {
		t.Errorf("%v", first)
	}
}

func TestGivenRowsGoOutAsTheyAre(t *testing.T) {
	sb := inMemory(t, sandbox.WithCertifications(
		`{"id": "x",  "unknown": {"a":1e400}}`, []byte(`{"id":null}`), json.RawMessage(`nonsense`), map[string]int{"b": 2}))
	a := get(t, sb, urlOf(t, sb, cosmic.OpListCertifications), signIn(t, sb).AccessToken)
	wantText(t, a, `{"data":[{"id": "x",  "unknown": {"a":1e400}},{"id":null},nonsense,{"b":2}],"page":{"next_cursor":null,"has_more":false}}`)
	sb = inMemory(t, sandbox.WithCertnUsers(`{"id":"1","inbound_email":"x"}`))
	wantText(t, get(t, sb, urlOf(t, sb, "listUsers"), sb.CertnAccessToken()), `"count":1,"next":null,"previous":null,"results":[{"id":"1","inbound_email":"x"}]}`)
}

func TestCosmicRequestsThatAreNotDescribedAreRefused(t *testing.T) {
	long := "?cursor=" + strings.Repeat("A", 100)
	for _, query := range []string{
		"?limit=0", "?limit=201", "?limit=-1", "?limit=x", "?limit=1.5", "?limit=", "?limit=5&limit=6", "?limit=99999999999",
		"?cursor=", "?cursor=x", "?cursor=bzUw", long, "?page=2", "?Limit=5", "?scope=read", "?limit=%zz",
	} {
		sb := inMemory(t)
		a := get(t, sb, urlOf(t, sb, cosmic.OpListCertifications)+query, signIn(t, sb).AccessToken)
		if a.StatusCode != 400 || a.json(t)["error"] == nil || sb.Counters().Violations != 1 {
			t.Errorf("%s: %s %s %+v", query, a.Status, a.body, sb.Counters())
		}
		if r := sb.Requests(); r[0].Violation == "" || r[0].Status != 400 {
			t.Errorf("%+v", r)
		}
	}
	sb := inMemory(t)
	token := signIn(t, sb).AccessToken
	wantStatus(t, get(t, sb, urlOf(t, sb, cosmic.OpGetMe)+"?verbose=1", token), 400)
	wantStatus(t, do(t, sb, request(t, "GET", urlOf(t, sb, cosmic.OpGetMe), token, "application/json", []byte("{}"))), 400)
	wantStatus(t, do(t, sb, request(t, "PUT", urlOf(t, sb, cosmic.OpGetMe), token, "", nil)), 405)
	wantStatus(t, do(t, sb, request(t, "HEAD", urlOf(t, sb, cosmic.OpGetMe), token, "", nil)), 405)
	wantStatus(t, get(t, sb, sb.CosmicURL()+"/v1/organizations", token), 404)
	wantStatus(t, get(t, sb, sb.CosmicURL()+"/v1/certifications/", token), 404)
	wantStatus(t, get(t, sb, sb.CosmicURL()+"//v1/me", token), 404)
	wantStatus(t, get(t, sb, sb.CosmicURL()+"/v1%2Fme", token), 404)
	if c := sb.Counters(); c.Violations != 8 {
		t.Errorf("%+v", c)
	}
	wantStatus(t, get(t, sb, sb.CosmicURL()+"/favicon.ico", ""), 404)
	if c := sb.Counters(); c.Violations != 8 {
		t.Errorf("a browser's icon is no violation: %+v", c)
	}
	below := inMemory(t, sandbox.WithBasePath("/below"))
	a := get(t, below, strings.Replace(urlOf(t, below, cosmic.OpGetMe), "/below", "", 1), signIn(t, below).AccessToken)
	wantStatus(t, a, 404)
	if r := below.Requests()[0]; !strings.Contains(r.Violation, "/below") {
		t.Errorf("%+v", r)
	}
}

func TestACursorIsGoodForItsOwnServerOnly(t *testing.T) {
	sb, other := inMemory(t, sandbox.WithPageSize(1)), inMemory(t)
	cursor := certifications(t, sb, signIn(t, sb).AccessToken, "").Page["next_cursor"].(string)
	a := get(t, other, urlOf(t, other, cosmic.OpListCertifications)+"?"+url.Values{"cursor": {cursor}}.Encode(), signIn(t, other).AccessToken)
	wantStatus(t, a, 400)
}

func TestCosmicLimitsAllUsersOfAnAppTogether(t *testing.T) {
	for name, opts := range map[string][]sandbox.Option{"1": nil, "": {sandbox.WithoutRetryAfter()}} {
		synctest.Test(t, func(t *testing.T) {
			sb := inMemory(t, append(opts, sandbox.WithCosmicRateLimits(spec.RateLimit{Requests: 2, Window: time.Second}))...)
			defer sb.Close()
			for i, status := range []int{200, 200, 429} {
				token, err := sb.AccessToken([]string{"ada@example.com", "grace@example.com"}[i%2])
				if err != nil {
					t.Fatal(err)
				}
				a := get(t, sb, urlOf(t, sb, cosmic.OpGetMe), token)
				wantStatus(t, a, status)
				if got := a.Header.Get("Retry-After"); status == 429 && got != name {
					t.Errorf("Retry-After %q, want %q", got, name)
				}
			}
			time.Sleep(time.Second)
			wantStatus(t, get(t, sb, urlOf(t, sb, cosmic.OpListCertifications), signIn(t, sb).AccessToken), 200)
			if n := sb.Counters().RateLimited; n != 1 {
				t.Errorf("%d requests were counted as limited", n)
			}
		})
	}
}
