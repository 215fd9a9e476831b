package auth

import (
	"bytes"
	"testing"
	"time"
)

// TestDecide goes down the state table of decide.go.
func TestDecide(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	base := func() *record {
		return &record{Format: 1, Kind: kindSession, Version: "v2", Issuer: "i", ClientID: "c", AccessToken: "a2", RefreshToken: "r2",
			ExpiresIn: 3600, IssuedAt: now.Add(-30 * time.Minute), ExpiresAt: now.Add(30 * time.Minute)}
	}
	with := func(change func(*record)) *record { r := base(); change(r); return r }
	due := func(r *record) { r.ExpiresAt = now.Add(30 * time.Second) }
	over := func(r *record) { r.ExpiresAt = now.Add(-time.Second) }
	none := func(r *record) { r.RefreshToken = "" }
	end := func(r *record) { *r = *r.end("x", "", now) }
	for _, c := range []struct {
		name           string
		r              *record
		held, rejected string
		want           action
	}{
		{"absent", nil, "", "", actAbsent},
		{"absent, but something is held", nil, "v1", "", actAbsent},
		{"good: nothing is held, the stored one is usable", base(), "", "", actAdopt},
		{"good: another version is stored, and usable", base(), "v1", "", actAdopt},
		{"good: another version is stored, and another token refused", base(), "v1", "a1", actAdopt},
		{"good: another version is stored, with the refused token", base(), "v1", "a2", actSend},
		{"good: the version held is due", base(), "v2", "", actSend},
		{"good: the version held is refused", base(), "v2", "a2", actSend},
		{"good: the stored one is in its mandatory window", with(due), "v1", "", actSend},
		{"good: the stored one is over", with(over), "v1", "", actSend},
		{"good: the stored one has no access token", with(func(r *record) { r.AccessToken = "" }), "v1", "", actSend},
		{"good: the stored one has no known end", with(func(r *record) { r.ExpiresIn = 0 }), "v1", "", actAdopt},
		{"good: the one held has no known end and is refused", with(func(r *record) { r.ExpiresIn = 0 }), "v2", "a2", actSend},
		{"no refresh token: usable to its very end", with(func(r *record) { due(r); none(r) }), "", "", actAdopt},
		{"no refresh token: over", with(func(r *record) { over(r); none(r) }), "", "", actStuck},
		{"no refresh token: refused", with(none), "v2", "a2", actStuck},
		{"ended: the access token lives", with(end), "", "", actAdopt},
		{"ended: the access token is over", with(func(r *record) { over(r); end(r) }), "", "", actEnded},
		{"ended: the access token is refused", with(end), "v1", "a2", actEnded},
		{"ended: the same record again", with(func(r *record) { end(r); r.Version = "v2" }), "v2", "", actEnded},
		{"another issuer", with(func(r *record) { r.Issuer = "j" }), "", "", actForeign},
		{"another app", with(func(r *record) { r.ClientID = "d" }), "", "", actForeign},
		{"another kind", with(func(r *record) { r.Kind = kindClient }), "", "", actForeign},
		{"another issuer, ended", with(func(r *record) { end(r); r.Issuer = "j" }), "", "", actForeign},
	} {
		t.Run(c.name, func(t *testing.T) {
			v := view{kind: kindSession, issuer: "i", clientID: "c", held: c.held, rejected: c.rejected, now: now}
			if got := decide(c.r, v); got != c.want {
				t.Errorf("decided %d, want %d", got, c.want)
			}
		})
	}
}

func TestFollow(t *testing.T) {
	now := time.Now()
	r := &record{Format: 1, Kind: kindSession, Version: "v1", Issuer: "i", ClientID: "c", AccessToken: "a1", RefreshToken: "r1", SignedInAt: now.Add(-time.Hour)}
	a := response{access: "a2", refresh: "r2", life: time.Hour}
	for _, o := range []outcome{unsent, throttled, ambiguous, misconfigured, rejected} {
		if next := successor(r, view{now: now}, a, &TokenError{outcome: o, Code: "x"}, now); next != nil {
			t.Errorf("outcome %d changes the record", o)
		}
	}
	next := successor(r, view{now: now}, a, nil, now)
	if next.Version == "v1" || next.AccessToken != "a2" || next.RefreshToken != "r2" || next.Cause != causeExpiry || !next.SignedInAt.Equal(r.SignedInAt) {
		t.Errorf("granted: %+v", next)
	}
	if next = successor(r, view{now: now, rejected: "a1"}, a, nil, now); next.Cause != causeRefused {
		t.Errorf("granted after a 401: cause %s", next.Cause)
	}
	if next = successor(r, view{now: now}, response{access: "a2"}, nil, now); next.RefreshToken != "r1" {
		t.Errorf("no refresh token in the answer: %q", next.RefreshToken)
	}
	next = successor(r, view{now: now}, response{}, &TokenError{outcome: dead, Code: "session_expired", reason: ReasonAge}, now)
	if next.Version == "v1" || next.RefreshToken != "" || next.AccessToken != "a1" || next.Ended == nil || next.Ended.Code != "session_expired" || next.Ended.Why != ReasonAge || r.Ended != nil {
		t.Errorf("dead: %+v", next)
	}
}

func TestDecideSave(t *testing.T) {
	for _, c := range []struct {
		stored *record
		want   saveAction
	}{
		{nil, saveMoved}, {&record{Version: "from"}, saveNow}, {&record{Version: "pending"}, saveDone}, {&record{Version: "other"}, saveMoved},
	} {
		if got := decideSave(c.stored, "from", "pending"); got != c.want {
			t.Errorf("%+v: %d, want %d", c.stored, got, c.want)
		}
	}
}

func TestRecordsAreReadCarefully(t *testing.T) {
	if r, err := parseRecord(nil); r != nil || err != nil {
		t.Errorf("no record: %v, %v", r, err)
	}
	r := issue(kindSession, "i", "c", causeSignIn, response{access: "a", refresh: "r", life: 90 * time.Second}, time.Now())
	data, err := r.encode()
	if err != nil {
		t.Fatal(err)
	}
	if got, err := parseRecord(data); err != nil || *got != *r {
		t.Errorf("round trip: %+v, %v; want %+v", got, err, r)
	}
	for _, bad := range []string{"x", "null", "[]", `"secret"`, "{}", `{"format":1}`, `{"format":2,"version":"v","kind":"session"}`, `{"format":1,"kind":"session","version":{"secret":1}}`} {
		if r, err := parseRecord([]byte(bad)); err == nil {
			t.Errorf("%s: read as %+v", bad, r)
		}
	}
}

func FuzzReadAnswer(f *testing.F) {
	f.Add([]byte(`{"access_token":"a","refresh_token":"r","expires_in":3600,"token_type":"bearer"}`), true)
	f.Add([]byte(`{"access_token":"a","refresh_token":"r","expires_in":36`), false)
	f.Add([]byte(`access_token=a&refresh_token=r`), true)
	f.Add([]byte(`{"error":{"x":1},"error_code":"e"}`), true)
	f.Fuzz(func(t *testing.T, body []byte, whole bool) {
		a := parseResponse(body, whole)
		if a.life < 0 || a.life > maxLifetime || len(a.code) > 64 {
			t.Errorf("%+v", a)
		}
		if a.whole && !whole && !bytes.ContainsRune(body, '}') {
			t.Error("a cut body is said to be whole")
		}
		// What was cut anywhere never gives another refresh token than the whole.
		if all := parseResponse(body, true); all.whole && all.refresh != "" && body[0] == '{' {
			for i := range body {
				if part := parseResponse(body[:i], false); part.refresh != "" && part.refresh != all.refresh && !twice(body) {
					t.Errorf("cut at %d: refresh token %q, whole %q", i, part.refresh, all.refresh)
				}
			}
		}
	})
}

// twice reports whether the member may stand in body more than once: then the
// last one counts, which a cut does not have.
func twice(body []byte) bool {
	n := 0
	for i := range body {
		if body[i] == '"' {
			n++
		}
	}
	return n > 8
}
