package auth

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/credkit/credkit-go/facade/internal/safehttp"
)

const (
	// TokenTimeout is how long one token request may take, from connecting to
	// the last byte of the response. A store that breaks off what takes too long
	// must allow for more.
	TokenTimeout = 15 * time.Second
	// reuseCauseHeader is on a response to a refresh token that had been used
	// before and was forgiven. Assumed: the sign-in service that COSMIC's matches
	// sends it.
	reuseCauseHeader = "sb-auth-refresh-token-reuse-cause"
	// maxResponse is how much of a response is read.
	maxResponse = 1 << 20
)

// A tokenEndpoint sends token requests of one client to one token endpoint.
type tokenEndpoint struct {
	http   *http.Client
	url    string
	agent  string // User-Agent
	client client

	session string // the key of the session whose requests these are; else empty
	observe func(context.Context, TokenEvent)
}

func newTokenEndpoint(e Endpoint, c client) (*tokenEndpoint, error) {
	u, err := checkTokenURL(e)
	if err != nil {
		return nil, err
	}
	if len(e.ClientAuthentication) > 0 && !slices.Contains(e.ClientAuthentication, c.method) {
		return nil, &ConfigError{Problem: fmt.Sprintf("%s does not take the AuthMethod %s", serviceName(e), c.method), Remedy: fmt.Sprintf("use one of %s", e.ClientAuthentication)}
	}
	return &tokenEndpoint{http: safehttp.Client(e.HTTPClient), url: u, agent: cmp.Or(e.UserAgent, "credkit-go"), client: c, observe: e.Observe}, nil
}

// checkTokenURL returns the endpoint's token URL as records name it.
func checkTokenURL(e Endpoint) (string, error) {
	issuer, err := normalIssuer(e.TokenURL)
	if err != nil {
		return "", &ConfigError{Problem: "the token URL of " + serviceName(e) + " cannot be used", Err: redactedError(err), Remedy: "correct the base URL"}
	}
	return issuer, nil
}

// normalIssuer returns a token URL in the one form that records are compared
// in: scheme and host in lower case, without the scheme's default port.
func normalIssuer(tokenURL string) (string, error) {
	u, err := safehttp.ParseBase(tokenURL)
	if err != nil {
		return "", err
	}
	// ParseBase trims the slash at the end; Certn's /token/ needs it.
	if strings.HasSuffix(tokenURL, "/") {
		return u.String() + "/", nil
	}
	return u.String(), nil
}

func serviceName(e Endpoint) string {
	if e.Service == "" {
		return "the service"
	}
	return e.Service
}

// request sends one request of grant with form (which it may change) and judges
// the response. It follows no redirect and reads at most maxResponse bytes.
func (p *tokenEndpoint) request(caller context.Context, grant string, form url.Values) (response, *TokenError) {
	start := time.Now()
	ctx, cancel := context.WithTimeout(caller, TokenTimeout)
	defer cancel()
	r := p.send(ctx, grant, form)
	secrets := p.secrets(form)
	r.err = secrets.RedactError(r.err)
	_, a, err := classify(r, p.url, grant, time.Now())
	a.forgiven = err == nil && r.header.Get(reuseCauseHeader) != ""
	if err != nil && secrets.Holds(err.Code) {
		if _, known := codes[err.Code]; !known {
			err.Code = safehttp.UnreadableCode // a token may have the form of a code
		}
	}
	if p.observe != nil {
		e := TokenEvent{Grant: grant, SessionKey: p.session, Status: r.status, Elapsed: time.Since(start)}
		if err != nil {
			e.Err = err
		}
		p.observe(caller, e)
	}
	return a, err
}

// secrets are what a request with form carries that no error may repeat.
func (p *tokenEndpoint) secrets(form url.Values) safehttp.Secrets {
	r := http.Request{Header: http.Header{}}
	p.client.identify(r.Header, url.Values{})
	return safehttp.NewSecrets(strings.TrimPrefix(r.Header.Get("Authorization"), "Basic "), p.client.secret.value(),
		form.Get("refresh_token"), form.Get("code"), form.Get("code_verifier"))
}

func (p *tokenEndpoint) send(ctx context.Context, grant string, form url.Values) rawResponse {
	form.Set("grant_type", grant)
	header := http.Header{"Content-Type": {"application/x-www-form-urlencoded"}, "Accept": {"application/json"}, "User-Agent": {p.agent}}
	p.client.identify(header, form)
	return p.post(ctx, p.url, header, form.Encode())
}

// post sends one POST request and reads its response.
func (p *tokenEndpoint) post(ctx context.Context, to string, header http.Header, form string) rawResponse {
	var asked, connected atomic.Bool
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GetConn: func(string) { asked.Store(true) },
		GotConn: func(httptrace.GotConnInfo) { connected.Store(true) },
	})
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, to, strings.NewReader(form))
	if err != nil {
		return rawResponse{err: err}
	}
	req.Header = header
	var r rawResponse
	if err := Safely("the HTTP transport", func() error {
		res, err := p.http.Do(req)
		if err != nil {
			// A transport that tells nothing of connections proves nothing.
			r = rawResponse{err: err, sent: !neverLeft(err) && !(asked.Load() && !connected.Load())}
			return nil
		}
		defer res.Body.Close()
		body, err := safehttp.ReadAll(res.Body, maxResponse)
		r = rawResponse{status: res.StatusCode, header: res.Header, body: body, err: err, sent: true}
		return nil
	}); err != nil {
		return rawResponse{err: err, sent: true} // how far the request got is not known
	}
	return r
}

// A response is what a token endpoint said (RFC 6749 sections 5.1 and 5.2).
type response struct {
	access, refresh string
	tokenType       string
	id              string        // id_token, not verified
	life            time.Duration // 0: not said, or nothing sensible
	code            string        // error code, "" if none
	text            string        // description of the error: to look for known sentences in, never shown
	unusable        bool          // there is an access token that must not be sent
	whole           bool          // nothing is missing, and it made sense
	forgiven        bool          // the refresh token had been used before
}

// parseResponse reads as much as can be read of a token endpoint's body. A body
// that was cut gives every member that arrived whole: a refresh token among
// them is the only copy in the world. Any content type is taken: JSON first,
// then a form.
func parseResponse(body []byte, whole bool) response {
	a := response{}
	body = bytes.TrimPrefix(body, []byte("\ufeff")) // a byte order mark, which JSON does not have
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber()
	if t, err := dec.Token(); err == nil && t == json.Delim('{') {
		a.whole = a.members(dec) // what comes behind the object does not matter
		return a
	}
	if !whole || bytes.IndexByte(body, '=') < 0 || bytes.IndexByte(body, '<') >= 0 {
		return a
	}
	form, err := url.ParseQuery(strings.TrimSpace(string(body)))
	if err != nil {
		return a
	}
	for name, v := range form {
		a.member(name, v[0])
	}
	a.whole = true
	return a
}

// members reads the members of an object up to its end or the first thing
// that cannot be read, and reports whether it got to the end.
func (a *response) members(dec *json.Decoder) bool {
	for dec.More() {
		t, err := dec.Token()
		name, ok := t.(string)
		if err != nil || !ok {
			return false
		}
		var v any
		if dec.Decode(&v) != nil {
			return false
		}
		a.member(name, v)
	}
	_, err := dec.Token()
	return err == nil
}

func (a *response) member(name string, v any) {
	s, isString := v.(string)
	switch name {
	case "access_token":
		a.access, a.unusable = s, false
		if !sendable(s) {
			a.access, a.unusable = "", true
		}
	case "refresh_token":
		a.refresh = s
	case "id_token":
		a.id = s
	case "token_type":
		a.tokenType = s
	case "expires_in":
		if n, ok := v.(json.Number); ok {
			s, isString = n.String(), true
		}
		if isString {
			// A number out of range comes back as an infinity with an error.
			f, _ := strconv.ParseFloat(strings.TrimSpace(s), 64)
			a.life = lifetime(f)
		}
	case "error", "error_code":
		if isString && s != "" {
			a.code = safehttp.ErrorCode(s)
		}
	case "msg", "error_description":
		if isString {
			a.text = s
		}
	}
}

// bearer reports whether the response's token type can be used. A missing type
// is taken as bearer.
func (a response) bearer() bool { return a.tokenType == "" || strings.EqualFold(a.tokenType, "bearer") }
