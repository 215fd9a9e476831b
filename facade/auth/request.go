package auth

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/credkit/credkit-go/facade/internal/safehttp"
)

const (
	// TokenTimeout is how long one token request may take, from connecting to
	// the last byte of the answer. A store that breaks off what takes too long
	// must allow for more.
	TokenTimeout = 15 * time.Second
	// maxAnswer is how much of an answer is read.
	maxAnswer = 1 << 20
)

// A poster sends token requests to one endpoint.
type poster struct {
	http   *http.Client
	url    string
	agent  string // User-Agent
	client client
}

func newPoster(e Endpoint, c client) (*poster, error) {
	u, err := checkTokenURL(e)
	if err != nil {
		return nil, err
	}
	if len(e.ClientAuthentication) > 0 && !slices.Contains(e.ClientAuthentication, c.method) {
		return nil, &ConfigError{Problem: fmt.Sprintf("%s does not take the AuthMethod %s", serviceName(e), c.method), Remedy: fmt.Sprintf("use one of %s", e.ClientAuthentication)}
	}
	return &poster{http: safehttp.Client(e.HTTPClient), url: u, agent: cmp.Or(e.UserAgent, "credkit-go"), client: c}, nil
}

// checkTokenURL returns the endpoint's token URL as records name it.
func checkTokenURL(e Endpoint) (string, error) {
	issuer, err := normalIssuer(e.TokenURL)
	if err != nil {
		return "", &ConfigError{Problem: "the token URL of " + serviceName(e) + " cannot be used", Err: guard(err), Remedy: "correct the base URL"}
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

// post sends one request of grant with form (which it may change) and judges
// the answer. It follows no redirect and reads at most maxAnswer bytes.
func (p *poster) post(ctx context.Context, grant string, form url.Values) (answer, *TokenError) {
	ctx, cancel := context.WithTimeout(ctx, TokenTimeout)
	defer cancel()
	r := p.send(ctx, grant, form)
	secrets := p.secrets(form)
	r.err = secrets.RedactError(r.err)
	_, a, err := judge(r, p.url, grant, time.Now())
	if err != nil && codes[err.Code] == granted && secrets.Holds(err.Code) {
		err.Code = safehttp.UnreadableCode // a token may have the form of a code
	}
	return a, err
}

// secrets are what a request with form carries that no error may repeat.
func (p *poster) secrets(form url.Values) safehttp.Secrets {
	r := http.Request{Header: http.Header{}}
	p.client.identify(r.Header, url.Values{})
	return safehttp.NewSecrets(strings.TrimPrefix(r.Header.Get("Authorization"), "Basic "), p.client.secret.reveal(),
		form.Get("refresh_token"), form.Get("code"), form.Get("code_verifier"))
}

func (p *poster) send(ctx context.Context, grant string, form url.Values) reply {
	form.Set("grant_type", grant)
	header := http.Header{"Content-Type": {"application/x-www-form-urlencoded"}, "Accept": {"application/json"}, "User-Agent": {p.agent}}
	p.client.identify(header, form)
	var asked, connected atomic.Bool
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GetConn: func(string) { asked.Store(true) },
		GotConn: func(httptrace.GotConnInfo) { connected.Store(true) },
	})
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.url, strings.NewReader(form.Encode()))
	if err != nil {
		return reply{err: err}
	}
	req.Header = header
	var r reply
	if err := safely("the HTTP transport", func() error {
		res, err := p.http.Do(req)
		if err != nil {
			// A transport that tells nothing of connections proves nothing.
			r = reply{err: err, sent: !neverLeft(err) && !(asked.Load() && !connected.Load())}
			return nil
		}
		defer res.Body.Close()
		body, err := safehttp.ReadAll(res.Body, maxAnswer)
		r = reply{status: res.StatusCode, header: res.Header, body: body, err: err, sent: true}
		return nil
	}); err != nil {
		return reply{err: err, sent: true} // how far the request got is not known
	}
	return r
}
