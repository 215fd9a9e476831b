package auth

import (
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"
)

// logoutServer is a tokenServer with a logout.
type logoutServer struct {
	*tokenServer
	status int
	body   string
	err    error
	once   bool     // the status is that of the first request alone, then 204
	asked  []string // methods, URLs and tokens
	during func()   // runs before the response to a logout
}

func (s *logoutServer) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Path != "/auth/v1/logout" {
		return s.tokenServer.RoundTrip(r)
	}
	s.asked = append(s.asked, r.Method+" "+r.URL.String()+" "+r.Header.Get("Authorization"))
	if s.during != nil {
		s.during()
	}
	if s.err != nil {
		return nil, s.err
	}
	if s.once && len(s.asked) > 1 {
		return jsonResponse(204, ""), nil
	}
	return jsonResponse(s.status, s.body), nil
}

func (s *logoutServer) endpoint() Endpoint {
	e := s.tokenServer.endpoint()
	e.LogoutURL = "https://api.example.com/auth/v1/logout?scope=local"
	e.HTTPClient = &http.Client{Transport: s}
	return e
}

func TestSignOut(t *testing.T) {
	down := errors.New("connection refused")
	for name, c := range map[string]struct {
		status          int
		body            string
		err             error
		anyway, expired bool
		once            bool
		forgotten, ok   bool
		requests        int // for a token
	}{
		"the server ends it":                          {status: 204, forgotten: true, ok: true},
		"its access token has expired":                {status: 204, expired: true, forgotten: true, ok: true, requests: 1},
		"the server has no such session":              {status: 403, body: `{"error_code":"session_not_found"}`, forgotten: true, ok: true},
		"the server fails":                            {status: 500},
		"the server fails, forget anyway":             {status: 500, anyway: true, forgotten: true},
		"the token is refused":                        {status: 401, requests: 1},
		"the token is refused once":                   {status: 401, once: true, forgotten: true, ok: true, requests: 1},
		"the server cannot be reached":                {err: down},
		"the server cannot be reached, forget anyway": {err: down, anyway: true, forgotten: true},
		"a redirect is not followed":                  {status: 302},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, store := &logoutServer{tokenServer: newTokenServer(), status: c.status, body: c.body, err: c.err, once: c.once}, NewMemoryStore()
				s.signIn(t, store)
				p, err := NewSessions(store, testApp)
				if err != nil {
					t.Fatal(err)
				}
				defer p.Close(t.Context()) //nolint:errcheck // nothing is pending
				token := stored(t, store).AccessToken
				if c.expired {
					time.Sleep(2 * time.Hour)
				}
				err = p.SignOut(t.Context(), "k", s.endpoint(), SignOutOptions{ForgetAnyway: c.anyway})
				var so *SignOutError
				if (err == nil) != c.ok || (!c.ok && (!errors.As(err, &so) || so.Forgotten != c.forgotten || so.Status != c.status)) {
					t.Errorf("SignOut: %v", err)
				}
				if gone := stored(t, store) == nil; gone != c.forgotten {
					t.Errorf("forgotten: %t", gone)
				}
				asked := 1
				if c.status == 401 { // it is renewed and sent again
					asked = 2
				}
				if len(s.asked) != asked || (!c.expired && s.asked[0] != "POST https://api.example.com/auth/v1/logout?scope=local Bearer "+token) {
					t.Errorf("asked %q", s.asked)
				}
				if s.requests() != c.requests {
					t.Errorf("%d token requests", s.requests())
				}
			})
		})
	}
}

func TestSignOutNeverAsksToEndEverySession(t *testing.T) {
	s, store := &logoutServer{tokenServer: newTokenServer(), status: 204}, NewMemoryStore()
	s.signIn(t, store)
	p, err := NewSessions(store, testApp)
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{"", "https://api.example.com/auth/v1/logout", "https://api.example.com/auth/v1/logout?scope=global",
		"https://api.example.com/auth/v1/logout?scope=local&scope=global", "https://other.example.com/auth/v1/logout?scope=local"} {
		e := s.endpoint()
		e.LogoutURL = bad
		var ce *ConfigError
		if err := p.SignOut(t.Context(), "k", e, SignOutOptions{ForgetAnyway: true}); !errors.As(err, &ce) {
			t.Errorf("%q: %v", bad, err)
		}
	}
	if len(s.asked) != 0 || stored(t, store) == nil {
		t.Errorf("asked %q", s.asked)
	}
}

func TestSignOutOfWhatIsOverAsksNobody(t *testing.T) {
	s, store := &logoutServer{tokenServer: newTokenServer(), status: 204}, NewMemoryStore()
	p, err := NewSessions(store, testApp)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.SignOut(t.Context(), "k", s.endpoint(), SignOutOptions{}); err != nil {
		t.Errorf("absent: %v", err)
	}
	saveRecord(t, store, "k", sessionRecord("r").end("x", ReasonUnknown, time.Now()))
	if err := p.SignOut(t.Context(), "k", s.endpoint(), SignOutOptions{}); err != nil || stored(t, store) != nil {
		t.Errorf("ended: %v", err)
	}
	if len(s.asked) != 0 {
		t.Errorf("asked %q", s.asked)
	}
}

// A person who signs in while the session before is being signed out stays so.
func TestSignOutKeepsASignInDuringIt(t *testing.T) {
	for _, anyway := range []bool{false, true} {
		for _, elsewhere := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) {
				s, store := &logoutServer{tokenServer: newTokenServer(), status: 204}, NewMemoryStore()
				if anyway {
					s.status = 500
				}
				s.signIn(t, store)
				p, err := NewSessions(store, testApp)
				if err != nil {
					t.Fatal(err)
				}
				signing := p
				if elsewhere {
					if signing, err = NewSessions(store, testApp); err != nil {
						t.Fatal(err)
					}
				}
				src, err := p.Key("k").Source(s.endpoint())
				if err != nil {
					t.Fatal(err)
				}
				mustToken(t, src)
				s.during = func() {
					time.Sleep(time.Second)
					if err := signing.SignIn(t.Context(), "k", mustGrant(t, s.tokenServer, tokenOf("secret-access-new", refreshPrefix+"new", time.Now().Add(time.Hour)))); err != nil {
						t.Error(err)
					}
				}
				err = p.SignOut(t.Context(), "k", s.endpoint(), SignOutOptions{ForgetAnyway: anyway})
				if (err != nil) != anyway {
					t.Errorf("SignOut: %v", err)
				}
				if r := stored(t, store); r == nil || r.RefreshToken != refreshPrefix+"new" {
					t.Fatalf("anyway %t, elsewhere %t: the new sign-in is gone", anyway, elsewhere)
				}
				if err := p.Close(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
	}
}
