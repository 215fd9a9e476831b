package sandbox

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	_ "embed" // the pages
	"fmt"
	"html/template"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/credkit/credkit-go/api/cosmic"
)

// consent is an authorization request that waits for the user's decision.
type consent struct {
	app       *App
	redirect  string
	state     string
	challenge string
	identity  []string
	nonce     string
	asked     time.Time
}

// code is an authorization code that waits to be redeemed.
type code struct {
	*consent
	user  *User
	given time.Time

	// Guarded by grants.mu.
	used    bool
	session *session // that it made
}

// authorize is the authorization endpoint (RFC 6749 section 4.1.1, with PKCE
// of RFC 7636): it shows the consent page, or says what is wrong.
func (s *Sandbox) authorize(w http.ResponseWriter, r *http.Request) {
	q, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		s.violated(r, "the query cannot be read")
		s.problemPage(w, "The address of this page cannot be read.")
		return
	}
	for name, values := range q {
		if len(values) > 1 {
			s.violated(r, "the parameter "+printable(name)+" is there twice")
			s.problemPage(w, "A parameter of this page's address is there twice.")
			return
		}
	}
	app, ok := s.app(q.Get("client_id"))
	if !ok {
		s.violated(r, "the client_id is not registered")
		s.problemPage(w, "The app that sent you here is not registered.")
		return
	}
	redirect := q.Get("redirect_uri")
	if !slices.Contains(app.RedirectURIs, redirect) {
		s.violated(r, "the redirect_uri is not registered")
		s.problemPage(w, "The address to return to is not registered for "+app.Name+".")
		return
	}
	if code, reason := checkAuthorize(q); code != "" {
		s.violated(r, reason)
		back(w, redirect, url.Values{"error": {code}, "error_description": {reason}, "state": {q.Get("state")}})
		return
	}
	c := &consent{
		app:       app,
		redirect:  redirect,
		state:     q.Get("state"),
		challenge: q.Get("code_challenge"),
		identity:  strings.Fields(q.Get("scope")),
		nonce:     q.Get("nonce"),
		asked:     time.Now(),
	}
	s.consentPage(w, s.grants.ask(c), c)
}

// checkAuthorize returns an error code of RFC 6749 section 4.1.2.1 and the
// reason, or nothing.
func checkAuthorize(q url.Values) (code, reason string) {
	if q.Get("response_type") != "code" {
		return "unsupported_response_type", "response_type must be code"
	}
	if q.Get("code_challenge_method") != "S256" {
		return "invalid_request", "code_challenge_method must be S256"
	}
	if raw, err := encoding.DecodeString(q.Get("code_challenge")); err != nil || len(raw) != sha256.Size {
		return "invalid_request", "code_challenge must be a SHA-256 in base64url without padding"
	}
	for _, scope := range strings.Fields(q.Get("scope")) {
		if slices.Contains(cosmic.Service.IdentityScopes, scope) {
			continue
		}
		if slices.Contains(cosmic.Service.Scopes, cosmic.Service.Scope(scope)) {
			return "invalid_request", "scope is for sign-in identity: API scopes are chosen for the app, not asked for here"
		}
		return "invalid_request", "scope has a word that is not one of " + strings.Join(cosmic.Service.IdentityScopes, ", ")
	}
	return "", ""
}

// back sends the browser to the redirect URI with more parameters. Empty ones
// are left out.
func back(w http.ResponseWriter, redirect string, more url.Values) {
	for name, v := range more {
		if v[0] == "" {
			delete(more, name)
		}
	}
	separator := "?"
	if strings.Contains(redirect, "?") {
		separator = "&"
	}
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Location", redirect+separator+more.Encode())
	w.WriteHeader(http.StatusSeeOther)
}

// ask remembers a request for consent and returns its one-time id.
func (g *grants) ask(c *consent) (id string) {
	id = rand.Text()
	g.mu.Lock()
	defer g.mu.Unlock()
	g.forget()
	g.pending[id] = c
	return id
}

// takePending returns the request for consent of an id, once.
func (g *grants) takePending(id string) (*consent, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.forget()
	c, ok := g.pending[id]
	delete(g.pending, id)
	return c, ok
}

// grant makes an authorization code.
func (g *grants) grant(c *consent, user *User) (value string) {
	value = rand.Text() + rand.Text()
	g.mu.Lock()
	defer g.mu.Unlock()
	g.codes[value] = &code{consent: c, user: user, given: time.Now()}
	return value
}

// forget drops what is older than a code may be.
func (g *grants) forget() {
	for id, c := range g.pending {
		if time.Since(c.asked) >= codeLifetime {
			delete(g.pending, id)
		}
	}
	for value, c := range g.codes {
		if time.Since(c.given) >= 2*codeLifetime {
			delete(g.codes, value)
		}
	}
}

// redeem checks an authorization code against what it is bound to and uses it
// up, whatever the outcome. A code that is used again ends the session that it
// made (RFC 6749 section 4.1.2).
func (s *Sandbox) redeem(form url.Values, app *App) (c *code, why string) {
	g := &s.grants
	g.mu.Lock()
	defer g.mu.Unlock()
	c = g.codes[form.Get("code")]
	if c == nil {
		return nil, "Invalid authorization code"
	}
	if c.used {
		if c.session != nil && c.session.state.ended == nil {
			c.session.state.ended = tokenNotFound
		}
		return nil, "Invalid authorization code"
	}
	c.used = true
	sum := sha256.Sum256([]byte(form.Get("code_verifier")))
	challenge := encoding.EncodeToString(sum[:])
	switch {
	case time.Since(c.asked) >= codeLifetime:
		return nil, "Authorization code has expired"
	case c.app != app:
		return nil, "Authorization code was issued to another client"
	case c.redirect != form.Get("redirect_uri"):
		return nil, "Redirect URI does not match the authorization request"
	case len(form.Get("code_verifier")) < 43 || subtle.ConstantTimeCompare([]byte(challenge), []byte(c.challenge)) != 1:
		return nil, "Code verifier does not match the code challenge"
	}
	return c, ""
}

// redeemed notes the session that a code has made.
func (g *grants) redeemed(c *code, f *session) {
	g.mu.Lock()
	defer g.mu.Unlock()
	c.session = f
}

// printable quotes a name that a client chose.
func printable(name string) string {
	if len(name) > 64 {
		name = name[:64]
	}
	return fmt.Sprintf("%q", name)
}

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
	// The response to a form may lead the browser on to the redirect URI: Chromium
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
	c, ok := s.grants.takePending(r.PostForm.Get("request_id"))
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
