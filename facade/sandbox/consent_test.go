package sandbox_test

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/credkit/credkit-go/api/cosmic"
	"github.com/credkit/credkit-go/facade/sandbox"
)

// requestID finds the consent page's one-time id.
func requestID(t *testing.T, page answer) string {
	t.Helper()
	m := regexp.MustCompile(`name="request_id" value="([^"]+)"`).FindSubmatch(page.body)
	if m == nil {
		t.Fatalf("no request id in\n%s", page.body)
	}
	return string(m[1])
}

func TestConsentPageListsTheScopesInWords(t *testing.T) {
	sb := inMemory(t, sandbox.WithApps(sandbox.App{ClientID: "a", Name: "Crew planner", Scopes: []string{"certifications:read", "job_roles:write", "job_roles:read"}}))
	q := authorizeQuery(sb)
	q.Set("scope", "openid email phone")
	a := get(t, sb, authorizeURL(sb, q), "")
	wantStatus(t, a, 200)
	for _, part := range []string{
		"Crew planner asks for access", "<li>read your certification records<", "<code>certification_records:read<",
		"<li>create and change, read your job roles<", "<code>job_roles:write<", "your e-mail address", "your phone number", "127.0.0.1:8976",
		">Approve<", ">Deny<", "Ada Lovelace", "Grace Hopper",
	} {
		wantText(t, a, part)
	}
	if strings.Contains(a.text(), "organizations") || strings.Contains(a.text(), "<script") {
		t.Errorf("%s", a.body)
	}
}

func TestConsentPageEscapesWhatOthersChose(t *testing.T) {
	evil := `"><script>alert('x')</script>&amp;`
	sb := inMemory(t,
		sandbox.WithApps(sandbox.App{ClientID: evil, Name: evil, RedirectURIs: []string{"https://app.example/"}}),
		sandbox.WithUsers(sandbox.User{Email: evil, DisplayName: evil}))
	q := authorizeQuery(sb)
	q.Set("redirect_uri", "https://app.example/")
	q.Set("state", evil)
	q.Set("nonce", evil)
	a := get(t, sb, authorizeURL(sb, q), "")
	wantStatus(t, a, 200)
	if strings.Contains(a.text(), "<script") || strings.Contains(a.text(), "alert('x')") {
		t.Fatalf("%s", a.body)
	}
	wantText(t, a, "&#34;&gt;&lt;script&gt;alert(")
	// And it still works.
	to, err := sb.Approve(t.Context(), authorizeURL(sb, q))
	if err != nil {
		t.Fatal(err)
	}
	if u, _ := url.Parse(to); u.Query().Get("state") != evil {
		t.Fatalf("redirected to %q", to)
	}
	q.Set("redirect_uri", "https://evil.example/")
	a = get(t, sb, authorizeURL(sb, q), "")
	wantStatus(t, a, 400)
	if strings.Contains(a.text(), "<script") {
		t.Fatalf("%s", a.body)
	}
}

func TestConsentPageCannotBeFramedOrKept(t *testing.T) {
	sb := inMemory(t)
	h := get(t, sb, authorizeURL(sb, authorizeQuery(sb)), "").Header
	csp := h.Get("Content-Security-Policy")
	for _, part := range []string{"default-src 'none'", "frame-ancestors 'none'", "form-action 'self' http://127.0.0.1:8976", "style-src 'nonce-"} {
		if !strings.Contains(csp, part) {
			t.Errorf("%q has no %s", csp, part)
		}
	}
	if h.Get("X-Frame-Options") != "DENY" || h.Get("Cache-Control") != "no-store" || !strings.HasPrefix(h.Get("Content-Type"), "text/html") {
		t.Errorf("%v", h)
	}
}

func TestConsentFormIsTakenOnceAndFromItsOwnPage(t *testing.T) {
	sb := inMemory(t)
	to := sb.CosmicURL() + cosmic.Service.AuthorizePath
	id := func() string { return requestID(t, get(t, sb, authorizeURL(sb, authorizeQuery(sb)), "")) }
	form := func(id string) url.Values { return url.Values{"request_id": {id}, "decision": {"approve"}} }
	from := func(origin string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set("Origin", origin) }
	}

	once := id()
	wantStatus(t, post(t, sb, to, form(once), from(sb.CosmicURL())), http.StatusSeeOther)
	wantStatus(t, post(t, sb, to, form(once)), 400)

	other := id()
	wantStatus(t, post(t, sb, to, form(other), from("https://evil.example")), 400)
	wantStatus(t, post(t, sb, to, form(other), from("null")), 400)
	wantStatus(t, post(t, sb, to, form(other)), http.StatusSeeOther)

	wantStatus(t, post(t, sb, to, form("made up")), 400)
	undecided := form(id())
	undecided.Set("decision", "maybe")
	wantStatus(t, post(t, sb, to, undecided), 400)
	stranger := form(id())
	stranger.Set("user", "nobody@example.com")
	wantStatus(t, post(t, sb, to, stranger), 400)
	wantStatus(t, do(t, sb, request(t, "POST", to, "", "application/json", []byte(`{}`))), 400)
}

func TestApproveSaysWhatWentWrong(t *testing.T) {
	sb := inMemory(t)
	q := authorizeQuery(sb)
	q.Set("client_id", "nobody")
	for address, want := range map[string]string{
		authorizeURL(sb, q):             "400",
		"https://elsewhere.test/":       "no such host",
		"://":                           "missing protocol scheme",
		sb.CosmicURL() + "/favicon.ico": "404",
	} {
		if _, err := sb.Approve(t.Context(), address); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", address, err)
		}
	}
	if sb.Ban("nobody") == nil {
		t.Error("an unknown user is banned")
	}
	fail(t, sb, sandbox.On(sandbox.OpAuthorize), sandbox.Body("text/html", []byte("<p>hello")))
	if _, err := sb.Approve(t.Context(), authorizeURL(sb, authorizeQuery(sb))); err == nil || !strings.Contains(err.Error(), "consent page") {
		t.Errorf("%v", err)
	}
}
