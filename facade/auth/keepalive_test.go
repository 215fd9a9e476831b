package auth

import (
	"fmt"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// manyServer is a token endpoint of any number of sessions whose refresh tokens
// are "name.generation".
type manyServer struct {
	mu       sync.Mutex
	current  map[string]int
	sent     int
	replayed int
	refuse   map[string]string // name to the body of a 400 response
}

func (s *manyServer) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := r.ParseForm(); err != nil {
		return nil, err
	}
	var name string
	var g int
	if _, err := fmt.Sscanf(r.Form.Get("refresh_token"), "%s %d", &name, &g); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sent++
	if body := s.refuse[name]; body != "" {
		return jsonResponse(400, body), nil
	}
	if g != s.current[name] {
		s.replayed++
	}
	s.current[name] = g + 1
	return jsonResponse(200, fmt.Sprintf(`{"access_token":"a-%s-%d","refresh_token":"%s %d","expires_in":3600}`, name, g+1, name, g+1)), nil
}

func (s *manyServer) endpoint() Endpoint {
	e := newTokenServer().endpoint()
	e.HTTPClient = &http.Client{Transport: s}
	return e
}

func TestKeepAliveOfManyMachinesRenewsEachIdleSessionOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const count = 200
		s, store := &manyServer{current: map[string]int{}, refuse: map[string]string{}}, NewMemoryStore()
		for i := range count {
			saveRecord(t, store, fmt.Sprint(i), sessionRecord(fmt.Sprintf("n%d 0", i)))
		}
		s.refuse["n7"] = `{"error_code":"session_expired","msg":"Session Expired (Inactivity)"}`
		s.refuse["n8"] = `{"error_code":"something_else"}`
		time.Sleep(10 * time.Hour)
		saveRecord(t, store, "young", sessionRecord("young 0"))
		saveRecord(t, store, "ended", sessionRecord("x 0").end("x", ReasonUnknown, time.Now()))
		time.Sleep(12 * time.Hour)
		var wg sync.WaitGroup
		reports := make([]KeepAliveReport, 3)
		var mu sync.Mutex
		results := map[KeepAliveResult]int{}
		begin := time.Now()
		for i := range reports {
			p, err := NewSessions(store, testApp)
			if err != nil {
				t.Fatal(err)
			}
			defer p.Close(t.Context()) //nolint:errcheck // nothing is pending
			wg.Go(func() {
				var err error
				reports[i], err = p.KeepAlive(t.Context(), s.endpoint(), KeepAliveOptions{Report: func(key string, r KeepAliveResult, err error) {
					mu.Lock()
					defer mu.Unlock()
					results[r]++
					if (err != nil) != (r == KeepAliveFailed || r == KeepAliveEnded) {
						t.Errorf("%s: %s, %v", key, r, err)
					}
				}})
				if err != nil {
					t.Error(err)
				}
				if n := len(p.allOpen()); n != 0 {
					t.Errorf("%d sessions are kept in memory", n)
				}
			})
		}
		wg.Wait()
		took := time.Since(begin)
		if s.replayed != 0 {
			t.Errorf("%d refresh tokens were sent twice", s.replayed)
		}
		renewed := 0
		for _, r := range reports {
			renewed += r.Renewed
			// What another machine has ended is seen as ended, or not as due, here.
			if r.Checked != count+2 || r.NotDue < 2 || r.NotDue+r.Renewed+r.Elsewhere+r.Ended+r.Failed > count+2 {
				t.Errorf("%+v", r)
			}
		}
		if renewed != count-2 || results[KeepAliveRenewed] != renewed || results[KeepAliveEnded] == 0 || results[KeepAliveFailed] == 0 {
			t.Errorf("renewed %d, %v, %+v", renewed, results, reports)
		}
		if r := s.current["young"]; r != 0 {
			t.Error("a session that is not idle was renewed")
		}
		if took < 6*time.Second || took > 30*time.Second { // 3 machines at 10 a second
			t.Errorf("it took %s", took)
		}
	})
}

func TestKeepAliveRenewsBeforeIdleIsReached(t *testing.T) {
	k := &keepAlive{KeepAliveOptions: KeepAliveOptions{Idle: 20 * time.Hour}}
	for _, c := range []struct {
		age    time.Duration
		jitter float64
		due    bool
	}{{19 * time.Hour, 1, false}, {19*time.Hour + 50*time.Minute, 1, true}, {19*time.Hour + 50*time.Minute, 0, false}, {21 * time.Hour, 0, true}} {
		if got := k.due(time.Now().Add(-c.age), c.jitter); got != c.due {
			t.Errorf("age %s, jitter %v: due %t", c.age, c.jitter, got)
		}
	}
}

func TestIssuedAtIsThatOfTheWholeRecord(t *testing.T) {
	r := sessionRecord(`"issued_at":"2001-01-01T00:00:00Z"`)
	for name, change := range map[string]func(){
		"a token that looks like the member": func() {},
		"a failure":                          func() { r.Failure = &failure{At: time.Now(), Problem: `"issued_at":"x"`} },
		"the end":                            func() { r = r.end(`issued_at`, ReasonUnknown, time.Now().Add(time.Hour)) },
		"another zone":                       func() { r.IssuedAt = time.Now().In(time.FixedZone("", 3600)) },
	} {
		change()
		data, err := r.encode()
		if err != nil {
			t.Fatal(err)
		}
		parsed, err := parseRecord(data)
		if err != nil {
			t.Fatal(err)
		}
		if at, ok := issuedAt(data); !ok || !at.Equal(parsed.IssuedAt) {
			t.Errorf("%s: %v, %t, want %v", name, at, ok, parsed.IssuedAt)
		}
	}
	for _, data := range []string{"", "{}", `{"issued_at": "2026-01-01T00:00:00Z"}`, `{"issued_at":"yesterday"}`, `{"issued_at":"2026-01-01T00:00:00Z`} {
		if at, ok := issuedAt([]byte(data)); ok {
			t.Errorf("%s: %v", data, at)
		}
	}
}

func TestKeepAliveKeepsInMemoryWhatIsNotSaved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, store := &manyServer{current: map[string]int{}}, &faultyStore{Store: NewMemoryStore(), saveErr: errDisk}
		saveRecord(t, store, "k", sessionRecord("n 0"))
		time.Sleep(24 * time.Hour)
		p, err := NewSessions(store, testApp)
		if err != nil {
			t.Fatal(err)
		}
		store.set(func(f *faultyStore) { f.saveFails = 1 })
		report, err := p.KeepAlive(t.Context(), s.endpoint(), KeepAliveOptions{})
		if err != nil || report.Renewed != 1 || len(p.allOpen()) != 1 {
			t.Errorf("%+v, %v", report, err)
		}
		if err := p.Close(t.Context()); err != nil || stored(t, store).RefreshToken != "n 1" {
			t.Errorf("Close: %v, stored %q", err, stored(t, store).RefreshToken)
		}
	})
}

func TestStatsCountWhatSessionsDid(t *testing.T) {
	bubble(t, func(t *testing.T, s *tokenServer, store *faultyStore, p *process) {
		mustToken(t, p.src) // adopted
		time.Sleep(2 * time.Hour)
		s.then(rotatesThen(func(res *http.Response) (*http.Response, error) {
			res.Header.Set(reuseCauseHeader, "fail-to-save")
			return res, nil
		}))
		store.set(func(f *faultyStore) { f.saveFails = 1 })
		mustToken(t, p.src) // rotated, pending, saved
		time.Sleep(time.Minute)
		time.Sleep(2 * time.Hour)
		s.then(says(403, "application/json", `{}`))
		if _, err := p.src.Token(t.Context()); err == nil {
			t.Error("no error")
		}
		time.Sleep(time.Minute)
		s.then(says(400, "application/json", `{"error_code":"session_not_found"}`))
		if _, err := p.src.Token(t.Context()); err == nil {
			t.Error("no error")
		}
		synctest.Wait()
		got := p.Stats()
		got.LockWait = 0
		want := `{"renewed":1,"pending":1,"saved":1,"adopted":1,"failed":{"rejected":1},"ended":{"signed_out":1},"signed_in":0,"forgotten":0,"forgiven":1,"locks":3,"lock_wait_ns":0,"busy":0}`
		if got.String() != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	})
}
