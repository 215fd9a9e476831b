package sandbox_test

import (
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/credkit/credkit-go/api/certn"
	"github.com/credkit/credkit-go/api/cosmic"
	"github.com/credkit/credkit-go/facade/sandbox"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestBothServicesAnswerOnPortsOfTheirOwn(t *testing.T) {
	sb := start(t)
	if sb.CosmicURL() == sb.CertnURL() || !strings.HasPrefix(sb.CosmicURL(), "http://127.0.0.1:") {
		t.Fatalf("%s and %s", sb.CosmicURL(), sb.CertnURL())
	}
	tokens := signIn(t, sb)
	wantStatus(t, get(t, sb, urlOf(t, sb, cosmic.OpGetMe), tokens.AccessToken), 200)
	wantStatus(t, get(t, sb, urlOf(t, sb, certn.OpListUsers), sb.CertnAccessToken()), 200)

	// A service does not know the other's paths, nor its tokens.
	wantStatus(t, get(t, sb, sb.CertnURL()+"/v1/me", sb.CertnAccessToken()), 404)
	wantStatus(t, get(t, sb, urlOf(t, sb, certn.OpListUsers), tokens.AccessToken), 401)
	wantStatus(t, get(t, sb, urlOf(t, sb, cosmic.OpGetMe), sb.CertnAccessToken()), 401)
}

func TestTransportCarriesBothServicesInFakeTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sb := inMemory(t, sandbox.WithTokenLifetime(time.Minute), sandbox.WithBasePath("/below"))
		tokens := signIn(t, sb)
		me := urlOf(t, sb, cosmic.OpGetMe)
		wantStatus(t, get(t, sb, me, tokens.AccessToken), 200)
		wantStatus(t, get(t, sb, urlOf(t, sb, certn.OpListUsers), sb.CertnAccessToken()), 200)
		time.Sleep(time.Minute - 1)
		wantStatus(t, get(t, sb, me, tokens.AccessToken), 200)
		time.Sleep(1)
		wantStatus(t, get(t, sb, me, tokens.AccessToken), 401)
		next := refresh(t, sb, tokens.RefreshToken)
		wantStatus(t, next, 200)
		wantStatus(t, get(t, sb, me, next.json(t)["access_token"].(string)), 200)
		sb.Close() // before the bubble ends
	})
}

func TestTransportReachesNothingElse(t *testing.T) {
	elsewhere := 0
	sb := inMemory(t, sandbox.WithHost("elsewhere.test", http.HandlerFunc(func(http.ResponseWriter, *http.Request) { elsewhere++ })))
	if _, err := try(sb, request(t, "GET", "https://api.example.com/", "", "", nil)); err == nil || !strings.Contains(err.Error(), "no such host") {
		t.Fatalf("error %v", err)
	}
	wantStatus(t, get(t, sb, "http://elsewhere.test/", ""), 200)
	wantStatus(t, get(t, sb, "https://elsewhere.test/", ""), 200)
	if elsewhere != 2 {
		t.Fatalf("%d requests elsewhere", elsewhere)
	}

	// The services are https: http is answered, so that it is seen.
	plain := strings.Replace(urlOf(t, sb, cosmic.OpGetMe), "https:", "http:", 1)
	wantStatus(t, get(t, sb, plain, signIn(t, sb).AccessToken), 400)
	if sb.Counters().Violations != 1 {
		t.Fatalf("%+v", sb.Counters())
	}
}

func TestTransportAlsoReachesAStartedSandbox(t *testing.T) {
	sb := start(t)
	req := request(t, "GET", urlOf(t, sb, cosmic.OpGetMe), signIn(t, sb).AccessToken, "", nil)
	resp, err := sb.Transport().RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != 200 {
		t.Fatal(resp.Status)
	}
}

func TestHandlersServeUnderAnyServer(t *testing.T) {
	sb := inMemory(t)
	ts := httptest.NewServer(sb.Handler())
	defer ts.Close()
	token := signIn(t, sb).AccessToken
	for path, token := range map[string]string{"/v1/me": token, "/v1/certifications": token, "/api/v1/users/": sb.CertnAccessToken()} {
		req := request(t, "GET", ts.URL+path, token, "", nil)
		resp, err := ts.Client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != 200 {
			t.Errorf("%s: %s", path, resp.Status)
		}
	}
	w := httptest.NewRecorder()
	sb.CosmicHandler().ServeHTTP(w, request(t, "GET", "/v1/me", token, "", nil))
	if w.Code != 200 {
		t.Fatal(w.Code)
	}
}

func TestAddrTakesThePortAndTheNext(t *testing.T) {
	var sb *sandbox.Sandbox
	var address string
	for sb == nil { // until a free port is followed by a free port
		taken, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		address = taken.Addr().String()
		if _, err := sandbox.Start(sandbox.WithAddr(address)); err == nil || !strings.Contains(err.Error(), "listening for COSMIC") {
			t.Fatalf("the address is taken: %v", err)
		}
		taken.Close()
		if sb, err = sandbox.Start(sandbox.WithAddr(address)); err != nil && !strings.Contains(err.Error(), "listening for") {
			t.Fatal(err)
		}
	}
	defer sb.Close()
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		t.Fatal(err)
	}
	next := netip.AddrPortFrom(at.Addr(), at.Port()+1)
	if sb.CosmicURL() != "http://"+address || sb.CertnURL() != "http://"+next.String() {
		t.Errorf("%s and %s, want %s and %s", sb.CosmicURL(), sb.CertnURL(), at, next)
	}
}

func TestAListenerOnEveryAddressIsReachedOnLoopback(t *testing.T) {
	sb := start(t, sandbox.WithAddr("0.0.0.0:0"))
	if !strings.HasPrefix(sb.CosmicURL(), "http://127.0.0.1:") {
		t.Errorf("%s", sb.CosmicURL())
	}
	wantStatus(t, get(t, sb, urlOf(t, sb, cosmic.OpGetMe), signIn(t, sb).AccessToken), 200)
}

func TestAClosedSandboxAnswersNothing(t *testing.T) {
	for _, sb := range []*sandbox.Sandbox{start(t), inMemory(t), inMemory(t)} {
		req := request(t, "GET", urlOf(t, sb, cosmic.OpGetMe), signIn(t, sb).AccessToken, "", nil)
		if sb.CosmicURL()[:5] == "http:" {
			wantStatus(t, do(t, sb, req), 200) // there is a connection to cut
		}
		sb.Close()
		if a, err := try(sb, req); err == nil {
			t.Errorf("%s", a.Status)
		}
	}
}

func TestCloseEndsWhatIsUnderWay(t *testing.T) {
	sb := start(t)
	fail(t, sb, sandbox.Hang())
	done := make(chan error)
	go func() {
		_, err := try(sb, request(t, "GET", urlOf(t, sb, cosmic.OpGetMe), "", "", nil))
		done <- err
	}()
	for sb.Counters().Requests == 0 {
		time.Sleep(time.Millisecond)
	}
	sb.Close()
	sb.Close()
	if err := <-done; err == nil {
		t.Fatal("the request was answered")
	}
}
