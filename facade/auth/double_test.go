package auth

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// tokenServer is a token endpoint without sockets: it rotates refresh tokens,
// forgives the direct parent of the current one by answering with the current
// one, and ends the session on anything older. What it does to single requests
// can be scripted.
type tokenServer struct {
	mu        sync.Mutex
	serial    int    // of access tokens
	current   int    // generation of the current refresh token
	dead      bool   // the session was revoked
	revoked   int    // how often a replay revoked it
	unforgive bool   // the direct parent is not forgiven
	expiresIn string // raw JSON of expires_in, "" leaves it out
	fixed     bool   // answers carry no refresh token
	delay     time.Duration
	script    []step
	sent      []sent
}

// A step handles one request instead of the server.
type step func(s *tokenServer, r *http.Request) (*http.Response, error)

// sent is one request that arrived.
type sent struct {
	at                          time.Time
	grant, refresh, auth, agent string
	form                        url.Values
}

const refreshPrefix = "secret-refresh-"

func newTokenServer() *tokenServer { return &tokenServer{expiresIn: "3600"} }

// then scripts what happens to the next requests, one step each.
func (s *tokenServer) then(steps ...step) { s.script = append(s.script, steps...) }

func (s *tokenServer) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, err
	}
	r.Form = form
	s.mu.Lock()
	s.sent = append(s.sent, sent{time.Now(), form.Get("grant_type"), form.Get("refresh_token"), r.Header.Get("Authorization"), r.UserAgent(), form})
	var do step
	if len(s.script) > 0 {
		do, s.script = s.script[0], s.script[1:]
	}
	delay := s.delay
	s.mu.Unlock()
	if delay > 0 {
		select {
		case <-time.After(delay):
		case <-r.Context().Done():
			return nil, r.Context().Err()
		}
	}
	if do != nil {
		return do(s, r)
	}
	return s.serve(r)
}

// serve is the server's ordinary answer.
func (s *tokenServer) serve(r *http.Request) (*http.Response, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.Form.Get("grant_type") == "client_credentials" {
		s.serial++
		return jsonResponse(200, fmt.Sprintf(`{"access_token":"secret-access-%d","token_type":"bearer"%s}`, s.serial, s.expiry())), nil
	}
	if r.Form.Get("grant_type") == "refresh_token" {
		var g int
		if _, err := fmt.Sscanf(r.Form.Get("refresh_token"), refreshPrefix+"%d", &g); err != nil || s.dead {
			return jsonResponse(400, `{"code":400,"error_code":"refresh_token_not_found","msg":"Invalid Refresh Token"}`), nil
		}
		switch {
		case g == s.current && !s.fixed:
			s.current++
		case g == s.current:
		case g == s.current-1 && !s.unforgive:
		default:
			s.dead = true
			s.revoked++
			return jsonResponse(400, `{"code":400,"error_code":"refresh_token_already_used","msg":"Invalid Refresh Token: Already Used"}`), nil
		}
	}
	s.serial++
	refresh := fmt.Sprintf(`,"refresh_token":"%s%d"`, refreshPrefix, s.current)
	if s.fixed {
		refresh = ""
	}
	return jsonResponse(200, fmt.Sprintf(`{"access_token":"secret-access-%d","token_type":"bearer"%s%s}`, s.serial, refresh, s.expiry())), nil
}

func (s *tokenServer) expiry() string {
	if s.expiresIn == "" {
		return ""
	}
	return `,"expires_in":` + s.expiresIn
}

func (s *tokenServer) requests() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.sent)
}

func (s *tokenServer) state() (current int, dead bool, revoked int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.current, s.dead, s.revoked
}

func jsonResponse(status int, body string) *http.Response {
	return responseOf(status, "application/json", strings.NewReader(body))
}

func responseOf(status int, contentType string, body io.Reader) *http.Response {
	return &http.Response{StatusCode: status, Status: http.StatusText(status), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{"Content-Type": {contentType}}, Body: io.NopCloser(body)}
}

// The steps.

func says(status int, contentType, body string) step {
	return func(*tokenServer, *http.Request) (*http.Response, error) {
		return responseOf(status, contentType, strings.NewReader(body)), nil
	}
}

func saysWith(status int, name, value string) step {
	return func(*tokenServer, *http.Request) (*http.Response, error) {
		res := jsonResponse(status, `{}`)
		res.Header.Set(name, value)
		return res, nil
	}
}

// rotatesThen lets the server do its work and loses or changes the answer.
func rotatesThen(do func(res *http.Response) (*http.Response, error)) step {
	return func(s *tokenServer, r *http.Request) (*http.Response, error) {
		res, err := s.serve(r)
		if err != nil {
			return nil, err
		}
		return do(res)
	}
}

func unreachable(*tokenServer, *http.Request) (*http.Response, error) {
	return nil, &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("connection refused")}
}

func cutBefore(*tokenServer, *http.Request) (*http.Response, error) { return nil, io.ErrUnexpectedEOF }

var cutAfter = rotatesThen(func(*http.Response) (*http.Response, error) { return nil, io.ErrUnexpectedEOF })

// cutIn cuts the body n bytes before its end.
func cutIn(n int) step {
	return rotatesThen(func(res *http.Response) (*http.Response, error) {
		b, err := io.ReadAll(res.Body)
		if err != nil {
			return nil, err
		}
		res.Body = io.NopCloser(io.MultiReader(bytes.NewReader(b[:len(b)-n]), errReader{io.ErrUnexpectedEOF}))
		return res, nil
	})
}

type errReader struct{ err error }

func (e errReader) Read([]byte) (int, error) { return 0, e.err }

func hangs(_ *tokenServer, r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, r.Context().Err()
}

// hangsAfter rotates and then hangs.
func hangsAfter(s *tokenServer, r *http.Request) (*http.Response, error) {
	if _, err := s.serve(r); err != nil {
		return nil, err
	}
	return hangs(s, r)
}

// endpoint is the server as an Endpoint.
func (s *tokenServer) endpoint() Endpoint {
	return Endpoint{Service: "cosmic", Origin: "https://api.example.com", TokenURL: "https://api.example.com/auth/v1/oauth/token",
		AuthorizeURL: "https://api.example.com/auth/v1/oauth/authorize", HTTPClient: &http.Client{Transport: s}}
}

// clientEndpoint is the server as an Endpoint of a service that has client
// credentials and no sign-in for people.
func (s *tokenServer) clientEndpoint() Endpoint {
	e := s.endpoint()
	e.Service, e.AuthorizeURL = "certn", ""
	return e
}

var testApp = App{ClientID: "app-1"}

// process is one process of a fleet, or a program's life between two starts.
type process struct {
	*Sessions
	src     Renewer
	mu      sync.Mutex
	changes []Change
}

// start begins a process on store.
func start(t *testing.T, s *tokenServer, store Store) *process {
	t.Helper()
	p := &process{}
	var err error
	p.Sessions, err = NewSessions(store, testApp, WithOnChange(func(c Change) {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.changes = append(p.changes, c)
	}))
	if err != nil {
		t.Fatal(err)
	}
	src, err := p.Key("k").Source(s.endpoint())
	if err != nil {
		t.Fatal(err)
	}
	p.src = src.(Renewer)
	return p
}

// kinds are the changes so far. They are told of after callers have their
// tokens, so it waits until every goroutine of the bubble is blocked.
func (p *process) kinds() string {
	synctest.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	var kinds []string
	for _, c := range p.changes {
		kinds = append(kinds, string(c.Kind))
	}
	return strings.Join(kinds, " ")
}

func (p *process) stop(t *testing.T) {
	t.Helper()
	if err := p.Close(t.Context()); err != nil {
		t.Errorf("Close: %v", err)
	}
}

// signIn puts a fresh session into store, as a sign-in elsewhere would.
func (s *tokenServer) signIn(t *testing.T, store Store) {
	t.Helper()
	s.mu.Lock()
	s.current += 1000 // a new session: nothing of the old one is its parent
	s.dead = false
	r, err := s.lockedResponse()
	s.mu.Unlock()
	if err != nil {
		t.Fatal(err)
	}
	p, err := NewSessions(store, testApp)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.SignIn(t.Context(), "k", newGrant(s.endpoint().TokenURL, client{id: testApp.ClientID}, r, time.Now())); err != nil {
		t.Fatal(err)
	}
	if err := p.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func (s *tokenServer) lockedResponse() (response, error) {
	s.serial++
	return parseResponse([]byte(fmt.Sprintf(`{"access_token":"secret-access-%d","refresh_token":"%s%d"%s}`, s.serial, refreshPrefix, s.current, s.expiry())), true), nil
}

// stored is the record in store.
func stored(t *testing.T, store Store) *record {
	t.Helper()
	data, err := store.Load(context.Background(), "k")
	if err != nil {
		t.Fatal(err)
	}
	r, err := parseRecord(data)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// invariant fails if the store does not hold the server's current refresh
// token or its direct parent, or a replay has revoked the session.
func (s *tokenServer) invariant(t *testing.T, store Store) {
	t.Helper()
	r := stored(t, store)
	current, dead, revoked := s.state()
	if revoked > 0 || dead {
		t.Fatalf("the session is dead, revoked %d times by a replay", revoked)
	}
	var g int
	if _, err := fmt.Sscanf(r.RefreshToken, refreshPrefix+"%d", &g); err != nil || (g != current && g != current-1) {
		t.Fatalf("the store holds %q, the server is at %d", r.RefreshToken, current)
	}
}

// faultyStore fails on demand.
type faultyStore struct {
	Store
	mu        sync.Mutex
	loadErr   error
	saveFails int   // this many saves fail
	saveErr   error // with this
	committed bool  // a save that fails has been committed all the same
	panics    bool  // a save that fails does so by a panic
	saves     int   // saves attempted
	failSave  func(n int) error
}

var errDisk = errors.New("no space left on device")

func (s *faultyStore) Load(ctx context.Context, key string) ([]byte, error) {
	s.mu.Lock()
	err := s.loadErr
	s.mu.Unlock()
	if err != nil {
		return nil, err
	}
	return s.Store.Load(ctx, key)
}

func (s *faultyStore) Update(ctx context.Context, key string, f func(context.Context, []byte) ([]byte, error)) error {
	var failed error
	err := s.Store.Update(ctx, key, func(ctx context.Context, current []byte) ([]byte, error) {
		next, err := f(ctx, current)
		if err != nil || next == nil {
			return next, err
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		s.saves++
		if s.failSave != nil {
			failed = s.failSave(s.saves)
		} else if s.saveFails > 0 {
			s.saveFails--
			failed = s.saveErr
		}
		if failed != nil && !s.committed {
			return nil, nil
		}
		return next, nil
	})
	if s.mu.Lock(); failed != nil && s.panics {
		s.mu.Unlock()
		panic(failed)
	}
	s.mu.Unlock()
	return errors.Join(err, failed)
}

func (s *faultyStore) set(change func(*faultyStore)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(s)
}
