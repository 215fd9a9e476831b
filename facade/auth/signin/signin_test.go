package signin

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/credkit/credkit-go/facade/auth"
)

const testRedirect = "https://app.example.com/signed-in?tenant=7"

func begin(t *testing.T, s *tokenServer, opts ...Option) (*url.URL, Pending) {
	t.Helper()
	raw, p, err := Begin(s.endpoint(), testApp, testRedirect, opts...)
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	return u, p
}

// answer is the query of a browser that comes back to u's sign-in.
func answered(u *url.URL) url.Values {
	return url.Values{"state": {u.Query().Get("state")}, "code": {"secret-code"}}
}

func TestBeginAsksForWhatTheServerDocuments(t *testing.T) {
	s := newTokenServer()
	u, p := begin(t, s)
	q := u.Query()
	for name, want := range map[string]string{
		"response_type": "code", "client_id": "app-1", "redirect_uri": testRedirect, "code_challenge_method": "S256", "scope": "openid email",
	} {
		if q.Get(name) != want {
			t.Errorf("%s = %q, want %q", name, q.Get(name), want)
		}
	}
	if got := u.Scheme + "://" + u.Host + u.Path; got != s.endpoint().AuthorizeURL {
		t.Errorf("authorize URL %s", got)
	}
	if state, err := base64.RawURLEncoding.DecodeString(q.Get("state")); err != nil || len(state) != 32 {
		t.Errorf("state of %d bytes, %v", len(state), err)
	}
	if sum := sha256.Sum256([]byte(p.p.Get().Verifier)); q.Get("code_challenge") != base64.RawURLEncoding.EncodeToString(sum[:]) {
		t.Error("the challenge is not that of the verifier")
	}
	other, _ := begin(t, s)
	if other.Query().Get("state") == q.Get("state") || other.Query().Get("code_challenge") == q.Get("code_challenge") {
		t.Error("two sign-ins share a secret")
	}
	u, _ = begin(t, s, WithIdentityScopes("openid", "profile", "phone", "offline_access"))
	if u.Query().Get("scope") != "openid profile phone offline_access" {
		t.Errorf("scope %q", u.Query().Get("scope"))
	}
}

func TestBeginRefusesWhatCannotWork(t *testing.T) {
	s := newTokenServer()
	noAuthorize := s.endpoint()
	noAuthorize.AuthorizeURL = ""
	noScopes := s.endpoint()
	noScopes.IdentityScopes = nil
	clear := s.endpoint()
	clear.AuthorizeURL = "http://api.example.com/authorize"
	for name, f := range map[string]func() error{
		"an API scope": func() error {
			_, _, err := Begin(s.endpoint(), testApp, testRedirect, WithIdentityScopes("certification_records:read"))
			return err
		},
		"no client id":             func() error { _, _, err := Begin(s.endpoint(), auth.App{}, testRedirect); return err },
		"no authorize URL":         func() error { _, _, err := Begin(noAuthorize, testApp, testRedirect); return err },
		"authorize in the clear":   func() error { _, _, err := Begin(clear, testApp, testRedirect); return err },
		"redirect in the clear":    func() error { _, _, err := Begin(s.endpoint(), testApp, "http://app.example.com/"); return err },
		"redirect with a fragment": func() error { _, _, err := Begin(s.endpoint(), testApp, "https://app.example.com/#x"); return err },
		"relative redirect":        func() error { _, _, err := Begin(s.endpoint(), testApp, "/callback"); return err },
		"an option of Login":       func() error { _, _, err := Begin(s.endpoint(), testApp, testRedirect, WithPort(1)); return err },
		"an endpoint without identity scopes": func() error {
			_, _, err := Begin(noScopes, testApp, testRedirect, WithIdentityScopes("openid"))
			return err
		},
	} {
		var ce *auth.ConfigError
		if err := f(); !errors.As(err, &ce) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestASignInEndsInASession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, store := newTokenServer(), auth.NewMemoryStore()
		p, err := auth.NewSessions(store, testApp)
		if err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := p.Close(t.Context()); err != nil {
				t.Error(err)
			}
		}()
		src, err := p.Key("k").Source(s.endpoint())
		if err != nil {
			t.Fatal(err)
		}
		u, pending := begin(t, s)
		g, err := Complete(t.Context(), s.endpoint(), testApp, pending, answered(u))
		if err != nil || !g.CanRenew() || g.Token().IsZero() {
			t.Fatalf("Complete: %v", err)
		}
		form := s.sent[0].form
		if form.Get("grant_type") != "authorization_code" || form.Get("code") != "secret-code" || form.Get("redirect_uri") != testRedirect || form.Get("code_verifier") != pending.p.Get().Verifier || form.Get("client_id") != "app-1" {
			t.Errorf("sent %v", form)
		}
		if err := p.SignIn(t.Context(), "k", g); err != nil {
			t.Fatal(err)
		}
		if tok, err := src.Token(t.Context()); err != nil || tok.Value() != g.Token().Value() {
			t.Error("the session does not begin with the grant's token")
		}
		time.Sleep(2 * time.Hour)
		if _, err := src.Token(t.Context()); err != nil {
			t.Error(err)
		}
		s.invariant(t, store)
		var ce *auth.ConfigError
		other, err := auth.NewSessions(store, auth.App{ClientID: "app-2"})
		if err != nil {
			t.Fatal(err)
		}
		if err := other.SignIn(t.Context(), "k", g); !errors.As(err, &ce) {
			t.Errorf("a grant of another app: %v", err)
		}
		if err := p.SignIn(t.Context(), "k", auth.Grant{}); !errors.As(err, &ce) {
			t.Errorf("no grant: %v", err)
		}
		if err := p.SignIn(t.Context(), "", g); !errors.As(err, &ce) {
			t.Errorf("no key: %v", err)
		}
		if err := p.Forget(t.Context(), "k"); err != nil {
			t.Fatal(err)
		}
		var re *auth.ReauthError
		if _, err := src.Token(t.Context()); !errors.As(err, &re) {
			t.Errorf("after Forget: %v", err)
		}
		if err := other.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

func TestCompleteRefusesWhatDoesNotBelong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newTokenServer()
		u, p := begin(t, s)
		otherIssuer := s.endpoint()
		otherIssuer.TokenURL = "https://evil.example.com/token"
		wrong := func(change func(url.Values)) url.Values { q := answered(u); change(q); return q }
		for name, q := range map[string]url.Values{
			"no state":           wrong(func(q url.Values) { q.Del("state") }),
			"wrong state":        wrong(func(q url.Values) { q.Set("state", "x") }),
			"another length":     wrong(func(q url.Values) { q.Set("state", q.Get("state")+"x") }),
			"two states":         wrong(func(q url.Values) { q.Add("state", "x") }),
			"error, wrong state": {"error": {"access_denied"}, "state": {"x"}},
		} {
			if _, err := Complete(t.Context(), s.endpoint(), testApp, p, q); !errors.Is(err, ErrState) {
				t.Errorf("%s: %v", name, err)
			}
		}
		var ce *auth.ConfigError
		if _, err := Complete(t.Context(), otherIssuer, testApp, p, answered(u)); !errors.As(err, &ce) {
			t.Errorf("another issuer: %v", err)
		}
		if _, err := Complete(t.Context(), s.endpoint(), auth.App{ClientID: "x"}, p, answered(u)); !errors.As(err, &ce) {
			t.Errorf("another app: %v", err)
		}
		var se *Error
		if _, err := Complete(t.Context(), s.endpoint(), testApp, Pending{}, answered(u)); !errors.As(err, &se) {
			t.Errorf("nothing pending: %v", err)
		}
		if s.requests() != 0 {
			t.Fatal("a code was sent")
		}
		// None of that has spent it.
		if _, err := Complete(t.Context(), s.endpoint(), testApp, p, answered(u)); err != nil {
			t.Errorf("the answer itself: %v", err)
		}
		if _, err := Complete(t.Context(), s.endpoint(), testApp, p, answered(u)); !errors.Is(err, errSpent) {
			t.Errorf("a second time: %v", err)
		}
		u, p = begin(t, s)
		time.Sleep(pendingLife + 2*time.Second)
		if _, err := Complete(t.Context(), s.endpoint(), testApp, p, answered(u)); !errors.As(err, &se) || !strings.Contains(err.Error(), "longer than") {
			t.Errorf("after eleven minutes: %v", err)
		}
		if s.requests() != 1 {
			t.Errorf("%d codes were sent, want 1", s.requests())
		}
	})
}

func TestCompleteTellsWhyTheServerRefused(t *testing.T) {
	s := newTokenServer()
	u, p := begin(t, s)
	q := url.Values{"state": {u.Query().Get("state")}, "error": {"access_denied"}, "error_description": {"The user\x1b[31m said\nno; token=hunter2-secret"}}
	var se *Error
	if _, err := Complete(t.Context(), s.endpoint(), testApp, p, q); !errors.As(err, &se) || se.Code != "access_denied" ||
		se.Description != "The user[31m said no; token=[redacted]" {
		t.Errorf("%v", err)
	}
	u, p = begin(t, s)
	s.then(says(400, "application/json", `{"error":"invalid_grant","error_description":"secret-code is over"}`))
	var te *auth.TokenError
	if _, err := Complete(t.Context(), s.endpoint(), testApp, p, answered(u)); !errors.As(err, &te) || te.Code != "invalid_grant" || strings.Contains(err.Error(), "secret-code") {
		t.Errorf("a dead code: %v", err)
	}
	// What never left may be tried again.
	u, p = begin(t, s)
	s.then(unreachable)
	if _, err := Complete(t.Context(), s.endpoint(), testApp, p, answered(u)); !errors.As(err, &te) {
		t.Errorf("unreachable: %v", err)
	}
	if _, err := Complete(t.Context(), s.endpoint(), testApp, p, answered(u)); err != nil {
		t.Errorf("the same again: %v", err)
	}
}

func key(b byte) []byte { return []byte(strings.Repeat(string(b), 32)) }

func TestASealedSignInGoesThroughACookie(t *testing.T) {
	s := newTokenServer()
	sealer, err := NewSealer(key('a'))
	if err != nil {
		t.Fatal(err)
	}
	u, p := begin(t, s)
	u2, p2 := begin(t, s) // in a second tab
	r := httptest.NewRequest(http.MethodGet, testRedirect+"&"+answered(u).Encode(), nil)
	for _, pending := range []Pending{p, p2} {
		c, err := sealer.Cookie(pending)
		if err != nil {
			t.Fatal(err)
		}
		if !c.HttpOnly || !c.Secure || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || c.Domain != "" || !strings.HasPrefix(c.Name, "__Host-credkit_signin_") || c.MaxAge != 600 || c.Valid() != nil || len(c.Value) > 2000 {
			t.Errorf("cookie %+v of %d bytes, %v", c, len(c.Value), c.Valid())
		}
		for _, secret := range []string{pending.p.Get().Verifier, pending.p.Get().State} {
			if strings.Contains(c.String(), secret) {
				t.Error("the cookie shows a secret")
			}
		}
		r.AddCookie(c)
	}
	got, drop, err := sealer.FromRequest(r)
	if err != nil || drop.MaxAge >= 0 || drop.Value != "" || drop.Path != "/" || !drop.Secure || !strings.HasPrefix(drop.Name, "__Host-") || got.p.Get().State != p.p.Get().State {
		t.Fatalf("FromRequest: %v", err)
	}
	if _, err := Complete(t.Context(), s.endpoint(), testApp, got, r.URL.Query()); err != nil {
		t.Fatal(err)
	}
	// The browser sends the same request again: the sealed one is spent, too.
	again, _, err := sealer.FromRequest(r)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Complete(t.Context(), s.endpoint(), testApp, again, r.URL.Query()); !errors.Is(err, errSpent) {
		t.Errorf("a second time: %v", err)
	}
	// And after another one was completed, too.
	if _, _, err := sealer.FromRequest(httptest.NewRequest(http.MethodGet, testRedirect+"&"+answered(u2).Encode(), nil)); err == nil {
		t.Error("a request without the cookie was taken")
	}
	other := httptest.NewRequest(http.MethodGet, testRedirect+"&"+answered(u2).Encode(), nil)
	other.Header = r.Header
	if got, _, err = sealer.FromRequest(other); err != nil {
		t.Fatal(err)
	}
	if _, err := Complete(t.Context(), s.endpoint(), testApp, got, other.URL.Query()); err != nil {
		t.Fatal(err)
	}
	if _, err := Complete(t.Context(), s.endpoint(), testApp, again, r.URL.Query()); !errors.Is(err, errSpent) {
		t.Errorf("a third time: %v", err)
	}
	// Another browser has no cookie.
	bare := httptest.NewRequest(http.MethodGet, testRedirect+"&"+answered(u2).Encode(), nil)
	if _, _, err := sealer.FromRequest(bare); !errors.Is(err, ErrState) {
		t.Errorf("another browser: %v", err)
	}
	if s.requests() != 2 {
		t.Errorf("%d codes were sent, want 2", s.requests())
	}
}

// Without https there is no prefix, and the cookie goes to one path.
func TestASignInOnALoopbackAddressHasAPlainCookie(t *testing.T) {
	s := newTokenServer()
	sealer, err := NewSealer(key('a'))
	if err != nil {
		t.Fatal(err)
	}
	const redirect = "http://127.0.0.1:8080/signed-in"
	raw, p, err := Begin(s.endpoint(), testApp, redirect)
	if err != nil {
		t.Fatal(err)
	}
	c, err := sealer.Cookie(p)
	if err != nil || c.Secure || c.Path != "/signed-in" || !strings.HasPrefix(c.Name, "credkit_signin_") {
		t.Fatalf("cookie %v, %v", c, err)
	}
	u, err := url.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest(http.MethodGet, redirect+"?"+answered(u).Encode(), nil)
	r.AddCookie(c)
	if _, drop, err := sealer.FromRequest(r); err != nil || drop.Name != c.Name || drop.Path != c.Path || drop.Secure {
		t.Errorf("FromRequest: %v, %v", drop, err)
	}
}

// Another host of the domain can set a cookie without the prefix: with a
// sign-in of its own, it would sign the person in as somebody else.
func TestASealedSignInWithoutThePrefixIsRefused(t *testing.T) {
	sealer, err := NewSealer(key('a'))
	if err != nil {
		t.Fatal(err)
	}
	u, p := begin(t, newTokenServer())
	c, err := sealer.Cookie(p)
	if err != nil {
		t.Fatal(err)
	}
	c.Name = strings.TrimPrefix(c.Name, "__Host-")
	r := httptest.NewRequest(http.MethodGet, testRedirect+"&"+answered(u).Encode(), nil)
	r.AddCookie(c)
	var se *Error
	if _, _, err := sealer.FromRequest(r); !errors.As(err, &se) {
		t.Errorf("FromRequest: %v", err)
	}
}

func TestSealsCannotBeForgedAndKeysCanChange(t *testing.T) {
	_, p := begin(t, newTokenServer())
	one, err := NewSealer(key('a'))
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := one.Seal(p)
	if err != nil {
		t.Fatal(err)
	}
	both, err := NewSealer(key('b'), key('a'))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := both.Open(sealed); err != nil || *got.p.Get() != *p.p.Get() {
		t.Errorf("an older key: %v", err)
	}
	other, err := NewSealer(key('b'))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := other.Open(sealed); err == nil {
		t.Error("opened with another key")
	}
	for i := range sealed {
		changed := []byte(sealed)
		changed[i] ^= 1
		if _, err := one.Open(string(changed)); err == nil {
			t.Fatalf("opened with byte %d changed", i)
		}
	}
	for _, bad := range []string{"", "x", "€", strings.Repeat("A", 1000)} {
		if _, err := one.Open(bad); err == nil {
			t.Errorf("opened %q", bad)
		}
	}
	if _, err := one.Seal(Pending{}); err == nil {
		t.Error("sealed nothing")
	}
	var ce *auth.ConfigError
	if _, err := NewSealer(); !errors.As(err, &ce) {
		t.Errorf("no key: %v", err)
	}
	if _, err := NewSealer([]byte("short")); !errors.As(err, &ce) || strings.Contains(fmt.Sprint(err), "short:") {
		t.Errorf("a short key: %v", err)
	}
}

// A completed sign-in stays completed, whatever others are completed after it.
func TestACompletedSignInDoesNotCompleteAgainAfterAnother(t *testing.T) {
	s := newTokenServer()
	sealer, err := NewSealer(key('a'))
	if err != nil {
		t.Fatal(err)
	}
	var again []func() error
	for range 5 {
		u, p := begin(t, s)
		sealed, err := sealer.Seal(p)
		if err != nil {
			t.Fatal(err)
		}
		complete := func() error {
			p, err := sealer.Open(sealed)
			if err != nil {
				return err
			}
			_, err = Complete(t.Context(), s.endpoint(), testApp, p, answered(u))
			return err
		}
		if err := complete(); err != nil {
			t.Fatal(err)
		}
		again = append(again, complete)
		for i, complete := range again {
			if err := complete(); !errors.Is(err, errSpent) {
				t.Errorf("sign-in %d after sign-in %d: %v", i, len(again)-1, err)
			}
		}
	}
	if n := s.requests(); n != len(again) {
		t.Errorf("%d codes were sent, want %d", n, len(again))
	}
}

func TestALedgerForgetsWhatIsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l ledger
		for i := range 1000 {
			if !l.spend(fmt.Sprint(i), time.Now().Add(pendingLife)) {
				t.Fatal("spent already")
			}
			time.Sleep(time.Minute)
		}
		if len(l.spent) > 12 || len(l.order) > 12 {
			t.Errorf("%d are remembered, in %d places", len(l.spent), len(l.order))
		}
	})
}

// TestALedgerLooksAtFewEntries counts in place of timing: of a million that are
// remembered, a completed sign-in must not look at all.
func TestALedgerLooksAtFewEntries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l ledger
		until := time.Now().Add(pendingLife)
		for i := range 100_000 {
			l.spend(fmt.Sprint(i), until)
		}
		// Were the whole ledger looked at, those behind the first would go as well.
		l.spent[l.order[0]] = until.Add(time.Hour)
		time.Sleep(pendingLife + time.Second)
		if l.spend("the next", time.Now().Add(pendingLife)); len(l.order) != 100_001 {
			t.Errorf("%d entries are left", len(l.order))
		}
		l.spent[l.order[0]] = until
		if l.spend("one more", time.Now().Add(pendingLife)); len(l.order) != 2 {
			t.Errorf("%d entries are left, want 2", len(l.order))
		}
		l.unspend("one more")
		if !l.spend("one more", time.Now().Add(pendingLife)) {
			t.Error("what was taken back cannot be spent")
		}
		if l.spend("the next", until) {
			t.Error("spent twice")
		}
	})
}

// The server's description of a refused sign-in repeats the state.
func TestARefusedSignInRepeatsNoState(t *testing.T) {
	e := newTokenServer().endpoint()
	_, p, err := Begin(e, testApp, testRedirect)
	if err != nil {
		t.Fatal(err)
	}
	state := p.p.Get()
	state.State, state.Verifier = "abcd.efgh", "ijkl.mnop"
	_, err = Complete(context.Background(), e, testApp, p, map[string][]string{"state": {"abcd.efgh"}, "error": {"access_denied"}, "error_description": {"no abcd.efgh and ijkl.mnop today"}})
	if err == nil || !strings.Contains(err.Error(), "no [redacted] and [redacted] today") {
		t.Error(err)
	}
}

// TestAProxyThatStripsThePathStillDropsTheCookie: the program sees another
// path than the browser.
func TestAProxyThatStripsThePathStillDropsTheCookie(t *testing.T) {
	sealer, err := NewSealer(key('a'))
	if err != nil {
		t.Fatal(err)
	}
	u, p := begin(t, newTokenServer())
	c, err := sealer.Cookie(p)
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest(http.MethodGet, "/internal/in?"+answered(u).Encode(), nil)
	r.AddCookie(c)
	if _, drop, err := sealer.FromRequest(r); err != nil || drop.Path != c.Path || drop.Name != c.Name || !drop.Secure {
		t.Errorf("%+v, %v", drop, err)
	}
}

// TestAnErrorSaysWhatHappened reads the error as a person would.
func TestAnErrorSaysWhatHappened(t *testing.T) {
	err := &Error{Code: "access_denied", Description: "no", Problem: "the server refused"}
	if got := err.Error(); got != `auth: sign-in: the server refused (access_denied): no` {
		t.Error(got)
	}
}
