package sandbox_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/credkit/credkit-go/api/cosmic"
	"github.com/credkit/credkit-go/facade/sandbox"
)

// each runs a test over sockets and in memory.
func each(t *testing.T, f func(*testing.T, func(...sandbox.Option) *sandbox.Sandbox)) {
	t.Run("over sockets", func(t *testing.T) {
		f(t, func(opts ...sandbox.Option) *sandbox.Sandbox { return start(t, opts...) })
	})
	t.Run("in memory", func(t *testing.T) {
		f(t, func(opts ...sandbox.Option) *sandbox.Sandbox { return inMemory(t, opts...) })
	})
}

func TestFaultsGivenOneAfterAnotherAreAScript(t *testing.T) {
	sb := inMemory(t)
	token := signIn(t, sb).AccessToken
	list := urlOf(t, sb, cosmic.OpListCertifications)
	fail(t, sb, sandbox.On(cosmic.OpListCertifications), sandbox.After(1), sandbox.Status(503), sandbox.Times(2))
	fail(t, sb, sandbox.On(cosmic.OpListCertifications), sandbox.After(1), sandbox.Status(429), sandbox.RetryAfter("7"), sandbox.Times(1))
	var got []int
	for range 5 {
		a := get(t, sb, list, token)
		got = append(got, a.StatusCode)
		if a.StatusCode == 429 && a.Header.Get("Retry-After") != "7" {
			t.Errorf("%v", a.Header)
		}
		wantStatus(t, get(t, sb, urlOf(t, sb, cosmic.OpGetMe), token), 200)
	}
	// The first passes both; the second and third meet the first fault.
	if fmt.Sprint(got) != "[200 503 503 429 200]" {
		t.Errorf("%v", got)
	}
	if c := sb.Counters(); c.Faults != 3 || c.Operations[cosmic.OpListCertifications] != 5 {
		t.Errorf("%+v", c)
	}
	if r := sb.RequestsOf(cosmic.OpListCertifications); r[1].Fault != "status 503" || r[1].Status != 503 || r[0].Fault != "" {
		t.Errorf("%+v", r)
	}
}

func TestCannedAnswers(t *testing.T) {
	sb := inMemory(t)
	token := signIn(t, sb).RefreshToken
	on := sandbox.On(sandbox.OpToken)
	fail(t, sb, on, sandbox.Times(1), sandbox.Status(200), sandbox.Body("text/html", []byte("<h1>Sign in</h1>")))
	a := refresh(t, sb, token)
	wantStatus(t, a, 200)
	if a.text() != "<h1>Sign in</h1>" || a.Header.Get("Content-Type") != "text/html" {
		t.Errorf("%v %s", a.Header, a.body)
	}
	fail(t, sb, on, sandbox.Times(1), sandbox.Body("application/json", []byte(`{}`)))
	if a := refresh(t, sb, token); a.StatusCode != 200 || a.text() != "{}" {
		t.Errorf("%s %s", a.Status, a.body)
	}
	fail(t, sb, on, sandbox.Times(1), sandbox.Redirect("https://elsewhere.test/x"))
	if a := refresh(t, sb, token); a.StatusCode != 302 || a.Header.Get("Location") != "https://elsewhere.test/x" {
		t.Errorf("%s %v", a.Status, a.Header)
	}
	fail(t, sb, on, sandbox.Times(1), sandbox.Status(307), sandbox.Redirect("https://elsewhere.test/x"))
	if a := refresh(t, sb, token); a.StatusCode != 307 {
		t.Errorf("%s", a.Status)
	}
	fail(t, sb, on, sandbox.Times(1), sandbox.Handle(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		w.WriteHeader(418)
		_, _ = fmt.Fprintf(w, "%s %d", r.URL.Path, len(b))
	}))
	if a := refresh(t, sb, token); a.StatusCode != 418 || !strings.HasPrefix(a.text(), "/auth/v1/oauth/token ") || strings.HasSuffix(a.text(), " 0") {
		t.Errorf("%s %s", a.Status, a.body)
	}
	if c := sb.Counters(); c.Refreshes != 0 || c.Rotations != 0 {
		t.Errorf("a canned answer processed the request: %+v", c)
	}
	fail(t, sb, on, sandbox.Times(1), sandbox.Header("X-Extra", "1"))
	if a := refresh(t, sb, token); a.StatusCode != 200 || a.Header.Get("X-Extra") != "1" || a.json(t)["access_token"] == nil {
		t.Errorf("%s %v", a.Status, a.Header)
	}
	fail(t, sb, on, sandbox.Times(1), sandbox.Processed(), sandbox.Status(503))
	wantStatus(t, refresh(t, sb, token), 503)
	if c := sb.Counters(); c.Rotations != 1 || c.Forgiven != 1 {
		t.Errorf("%+v", c)
	}
}

func TestCutBeforeProcessingLeavesTheSessionAlone(t *testing.T) {
	each(t, func(t *testing.T, build func(...sandbox.Option) *sandbox.Sandbox) {
		sb := build()
		token := signIn(t, sb).RefreshToken
		fail(t, sb, sandbox.On(sandbox.OpToken), sandbox.CutBefore(), sandbox.Times(1))
		_, err := try(sb, refreshRequest(t, sb, token))
		if err == nil || !errors.Is(err, io.EOF) {
			t.Fatalf("error %v", err)
		}
		if c := sb.Counters(); c.Rotations != 0 || c.Operations[sandbox.OpToken] != 1 {
			t.Errorf("%+v", c)
		}
		if r := sb.Requests(); r[0].Status != 0 || r[0].Fault != "cut before" {
			t.Errorf("%+v", r)
		}
		refreshed(t, sb, token)
	})
}

func refreshRequest(t *testing.T, sb *sandbox.Sandbox, token string) *http.Request {
	t.Helper()
	return request(t, "POST", tokenURL(sb), "", formEncoded, []byte(refreshForm(sb, token).Encode()))
}

func TestCutAfterProcessingHasRotated(t *testing.T) {
	each(t, func(t *testing.T, build func(...sandbox.Option) *sandbox.Sandbox) {
		sb := build()
		token := signIn(t, sb).RefreshToken
		fail(t, sb, sandbox.On(sandbox.OpToken), sandbox.CutAfterProcessing(), sandbox.Times(3))
		for range 3 {
			if _, err := try(sb, refreshRequest(t, sb, token)); err == nil {
				t.Fatal("the answer arrived")
			}
		}
		next := refreshed(t, sb, token) // forgiven, and so were the last two
		if c := sb.Counters(); c.Rotations != 1 || c.Forgiven != 3 {
			t.Errorf("%+v", c)
		}
		refreshed(t, sb, next)
	})
}

func TestResetIsATCPReset(t *testing.T) {
	sb := start(t)
	fail(t, sb, sandbox.CutBefore(), sandbox.Reset(), sandbox.Times(1))
	if _, err := try(sb, refreshRequest(t, sb, signIn(t, sb).RefreshToken)); !errors.Is(err, syscall.ECONNRESET) {
		t.Fatalf("error %v", err)
	}
}

func TestCutAfterSomeBytesOfTheBody(t *testing.T) {
	each(t, func(t *testing.T, build func(...sandbox.Option) *sandbox.Sandbox) {
		for _, rows := range []int{1, 3000} {
			sb := build(sandbox.WithCertificationCount(rows), sandbox.WithoutPaging())
			token := signIn(t, sb).AccessToken
			list := urlOf(t, sb, cosmic.OpListCertifications)
			whole := get(t, sb, list, token)
			for _, n := range []int{0, 1, 500, len(whole.body) - 1} {
				fail(t, sb, sandbox.On(cosmic.OpListCertifications), sandbox.CutAfter(int64(n)), sandbox.Times(1))
				a := get(t, sb, list, token)
				if a.StatusCode != 200 || !errors.Is(a.cut, io.ErrUnexpectedEOF) || a.text() != string(whole.body[:n]) {
					t.Errorf("cut after %d of %d: %s, %d bytes, %v", n, len(whole.body), a.Status, len(a.body), a.cut)
				}
			}
		}
		// A response with a length, and one that is canned.
		sb := build()
		fail(t, sb, sandbox.CutAfter(5), sandbox.Times(1))
		a := get(t, sb, urlOf(t, sb, cosmic.OpGetMe), signIn(t, sb).AccessToken)
		if a.text() != `{"sco` || !errors.Is(a.cut, io.ErrUnexpectedEOF) {
			t.Errorf("%s %v", a.body, a.cut)
		}
		fail(t, sb, sandbox.Body("text/plain", []byte("hello")), sandbox.CutAfter(2), sandbox.Times(1))
		if a := get(t, sb, sb.CosmicURL(), ""); a.text() != "he" || a.cut == nil {
			t.Errorf("%s %v", a.body, a.cut)
		}
	})
}

func TestHangEndsWhenTheClientLeaves(t *testing.T) {
	each(t, func(t *testing.T, build func(...sandbox.Option) *sandbox.Sandbox) {
		sb := build()
		fail(t, sb, sandbox.On(sandbox.OpToken), sandbox.Hang(), sandbox.Times(1))
		token := signIn(t, sb).RefreshToken
		ctx, leave := context.WithCancel(t.Context())
		left := errors.New("left")
		go func() {
			for sb.Counters().Faults == 0 {
				time.Sleep(time.Millisecond)
			}
			leave()
		}()
		if _, err := try(sb, refreshRequest(t, sb, token).WithContext(ctx)); !errors.Is(err, context.Canceled) {
			t.Fatalf("%v, not %v", err, left)
		}
		for sb.Requests()[0].Took == 0 { // the server sees it, too
			time.Sleep(time.Millisecond)
		}
		refreshed(t, sb, token)
	})
}

func TestDelaysStallsAndDripsInFakeTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sb := inMemory(t)
		defer sb.Close()
		me, token := urlOf(t, sb, cosmic.OpGetMe), signIn(t, sb).AccessToken
		took := func() (answer, time.Duration) {
			begin := time.Now()
			a := get(t, sb, me, token)
			return a, time.Since(begin)
		}
		whole, none := took()
		if none != 0 {
			t.Errorf("a call without a fault took %s", none)
		}
		fail(t, sb, sandbox.Delay(time.Minute), sandbox.Times(1))
		if a, d := took(); d != time.Minute || a.text() != whole.text() {
			t.Errorf("%s: %s", d, a.body)
		}
		fail(t, sb, sandbox.Delay(time.Minute), sandbox.Status(503), sandbox.Times(1))
		if a, d := took(); d != time.Minute || a.StatusCode != 503 {
			t.Errorf("%s: %s", d, a.Status)
		}
		fail(t, sb, sandbox.Drip(10, time.Second), sandbox.Times(1))
		pieces := (len(whole.body) + 9) / 10
		if a, d := took(); d != time.Duration(pieces-1)*time.Second || a.text() != whole.text() {
			t.Errorf("%s: %s", d, a.body)
		}
		fail(t, sb, sandbox.Delay(time.Hour), sandbox.Times(1))
		short, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := try(sb, request(t, "GET", me, token, "", nil).WithContext(short)); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v", err)
		}
		fail(t, sb, sandbox.Hang())
		if _, err := try(sb, request(t, "GET", me, token, "", nil).WithContext(short)); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v", err)
		}
		synctest.Wait()
		sb.ClearFaults()
		wantStatus(t, get(t, sb, me, signIn(t, sb).AccessToken), 200)
	})
}

func TestPercentIsDrawnFromASeed(t *testing.T) {
	draw := func(opts ...sandbox.Part) (script string) {
		sb := inMemory(t)
		fail(t, sb, append(opts, sandbox.Percent(30), sandbox.Status(503))...)
		token := signIn(t, sb).AccessToken
		for range 200 {
			script += fmt.Sprint(get(t, sb, urlOf(t, sb, cosmic.OpGetMe), token).StatusCode / 100)
		}
		return script
	}
	first, n := draw(), strings.Count(draw(), "5")
	if first != draw() || n < 30 || n > 90 {
		t.Errorf("%d of 200: %s", n, first)
	}
	if draw(sandbox.Seed(1)) != draw(sandbox.Seed(1)) || draw(sandbox.Seed(1)) == draw(sandbox.Seed(2)) {
		t.Error("the dice are not the fault's own")
	}
}

func TestWhenChoosesByRequest(t *testing.T) {
	sb := inMemory(t, sandbox.WithBasePath("/b"))
	fail(t, sb, sandbox.When(func(r *http.Request) bool {
		return r.URL.Path == "/v1/certifications" && r.URL.Query().Get("limit") == "2"
	}), sandbox.Status(500))
	token := signIn(t, sb).AccessToken
	list := urlOf(t, sb, cosmic.OpListCertifications)
	wantStatus(t, get(t, sb, list, token), 200)
	wantStatus(t, get(t, sb, list+"?limit=2", token), 500)
}

func TestFaultsThatMakeNoSenseAreRefused(t *testing.T) {
	sb := inMemory(t)
	for name, parts := range map[string][]sandbox.Part{
		"nothing":             {},
		"nothing happens":     {sandbox.On("token"), sandbox.Times(1)},
		"an unknown name":     {sandbox.On("tokens"), sandbox.Status(503)},
		"a status of 99":      {sandbox.Status(99)},
		"a status of 1000":    {sandbox.Status(1000)},
		"no times":            {sandbox.Status(500), sandbox.Times(0)},
		"after less than 0":   {sandbox.Status(500), sandbox.After(-1)},
		"no percent":          {sandbox.Status(500), sandbox.Percent(0)},
		"too many percent":    {sandbox.Status(500), sandbox.Percent(101)},
		"no delay":            {sandbox.Delay(0)},
		"a negative cut":      {sandbox.CutAfter(-1)},
		"a drip of nothing":   {sandbox.Drip(0, time.Second)},
		"When without a func": {sandbox.When(nil), sandbox.Status(500)},
		"no handler":          {sandbox.Handle(nil)},
		"a nameless header":   {sandbox.Header("", "x")},
	} {
		if err := sb.Fail(parts...); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	wantStatus(t, get(t, sb, urlOf(t, sb, cosmic.OpGetMe), signIn(t, sb).AccessToken), 200)
	if err := sb.Fail(nil, sandbox.Status(503)); err != nil {
		t.Error(err)
	}
}

func TestACutWithoutAConnectionAborts(t *testing.T) {
	sb := inMemory(t)
	fail(t, sb, sandbox.CutBefore())
	defer func() {
		if got := recover(); got != http.ErrAbortHandler {
			t.Errorf("recovered %v", got)
		}
	}()
	sb.Handler().ServeHTTP(struct{ http.ResponseWriter }{nil}, request(t, "GET", "/v1/me", "", "", nil))
	t.Error("not aborted")
}
