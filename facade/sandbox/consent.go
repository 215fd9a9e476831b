package sandbox

import (
	"bytes"
	"crypto/rand"
	_ "embed" // the pages
	"html/template"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/credkit/credkit-go/api/cosmic"
)

//go:embed consent.html
var consentHTML string

// pages are the consent page and the page that says what is wrong.
func pages() *template.Template { return template.Must(template.New("").Parse(consentHTML)) }

// consentData is what the consent page shows.
type consentData struct {
	Nonce, Service, App, Host, RequestID, Action string
	Users                                        []User
	Grants                                       []grantWords
	Identity                                     []string
}

// grantWords are the API scopes of one resource in words.
type grantWords struct {
	Resource      string
	Verbs, Scopes []string
}

// Words is one line, "read, create and change your job roles".
func (g grantWords) Words() string { return strings.Join(g.Verbs, ", ") + " your " + g.Resource }

// consentPage asks the user.
func (s *Sandbox) consentPage(w http.ResponseWriter, id string, c *consent) {
	data := consentData{
		Nonce:     rand.Text(),
		Service:   cosmic.Service.Title,
		App:       c.app.Name,
		RequestID: id,
		Action:    s.set.basePath + cosmic.Service.AuthorizePath,
		Users:     s.set.users,
	}
	to, _ := url.Parse(c.redirect) // registered: checked at the start
	data.Host = to.Host
	data.Grants = inWords(s.scopesOf(&session{app: c.app}))
	for _, scope := range c.identity {
		if words := identityInWords(scope); words != "" {
			data.Identity = append(data.Identity, words)
		}
	}
	// A form's answer may lead the browser on to the redirect URI: Chromium
	// holds form-action against that, too.
	target := to.Scheme + ":"
	if to.Host != "" {
		target += "//" + to.Host
	}
	s.page(w, http.StatusOK, "consent", data.Nonce, "'self' "+target, data)
}

// inWords says what API scopes let an app do, a line for each resource.
func inWords(scopes []string) (lines []grantWords) {
	at := map[string]int{}
	for _, scope := range scopes {
		scope = cosmic.Service.Scope(scope)
		resource, action, _ := strings.Cut(scope, ":")
		verb := map[string]string{"read": "read", "write": "create and change"}[action]
		if verb == "" {
			verb = action
		}
		i, ok := at[resource]
		if !ok {
			i = len(lines)
			at[resource] = i
			lines = append(lines, grantWords{Resource: strings.ReplaceAll(resource, "_", " ")})
		}
		if !slices.Contains(lines[i].Scopes, scope) {
			lines[i].Verbs = append(lines[i].Verbs, verb)
			lines[i].Scopes = append(lines[i].Scopes, scope)
		}
	}
	return lines
}

// identityInWords says what an identity scope shows to an app; nothing for
// openid alone, which is the sign-in itself.
func identityInWords(scope string) string {
	switch scope {
	case "openid":
		return ""
	case "email":
		return "your e-mail address"
	case "profile":
		return "your name"
	case "phone":
		return "your phone number"
	case "offline_access":
		return "all of this while you are away"
	}
	return scope
}

// problemPage says what is wrong where a redirect must not be made.
func (s *Sandbox) problemPage(w http.ResponseWriter, text string) {
	nonce := rand.Text()
	s.page(w, http.StatusBadRequest, "problem", nonce, "'none'", struct{ Nonce, Service, Text string }{nonce, cosmic.Service.Title, text})
}

// page writes a page that can be neither framed nor kept, and that loads
// nothing.
func (s *Sandbox) page(w http.ResponseWriter, status int, name, nonce, formAction string, data any) {
	var b bytes.Buffer
	if err := s.pages.ExecuteTemplate(&b, name, data); err != nil {
		s.cosmicProblem(w, http.StatusInternalServerError, "page", "the page could not be written")
		return
	}
	h := w.Header()
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'nonce-"+nonce+"'; form-action "+formAction+"; frame-ancestors 'none'; base-uri 'none'")
	h.Set("X-Frame-Options", "DENY")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "same-origin")
	h.Set("Cache-Control", "no-store")
	writeBody(w, status, "text/html; charset=utf-8", b.Bytes())
}

// decide takes the consent page's form.
func (s *Sandbox) decide(w http.ResponseWriter, r *http.Request) {
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if kind != "application/x-www-form-urlencoded" || r.ParseForm() != nil {
		s.violated(r, "the consent form cannot be read")
		s.problemPage(w, "The form cannot be read.")
		return
	}
	// By Sec-Fetch-Site, or by the host of Origin: the scheme of a proxy in front
	// is not known.
	if http.NewCrossOriginProtection().Check(r) != nil {
		s.violated(r, "the consent form came from another origin")
		s.problemPage(w, "The form came from another site.")
		return
	}
	c, ok := s.grants.answered(r.PostForm.Get("request_id"))
	if !ok {
		s.violated(r, "the consent form was answered before, or is too old")
		s.problemPage(w, "This request was answered before, or is too old. Go back to the app and sign in again.")
		return
	}
	user, ok := s.user(r.PostForm.Get("user"))
	switch decision := r.PostForm.Get("decision"); {
	case decision == "approve" && ok:
		back(w, c.redirect, url.Values{"code": {s.grants.grant(c, user)}, "state": {c.state}})
	case decision == "deny":
		back(w, c.redirect, url.Values{"error": {"access_denied"}, "error_description": {"The user denied the request"}, "state": {c.state}})
	default:
		s.violated(r, "the consent form has no decision or no known user")
		s.problemPage(w, "The form has no decision.")
	}
}
