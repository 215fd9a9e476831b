package safehttp

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/iotest"
	"time"
	"unicode"
	"unicode/utf8"
)

func TestClientFollowsNoRedirectAndLeavesTheOriginalAlone(t *testing.T) {
	var reached bool
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/there" {
			reached = true
			return
		}
		http.Redirect(w, r, "/there", http.StatusTemporaryRedirect)
	}))
	defer srv.Close()
	base := &http.Client{Timeout: time.Minute}
	res, err := Client(base).Get(srv.URL)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != http.StatusTemporaryRedirect || reached {
		t.Errorf("status %d, redirect followed: %v", res.StatusCode, reached)
	}
	if base.CheckRedirect != nil {
		t.Error("the caller's client was changed")
	}
	if c := Client(nil); c == http.DefaultClient || c.CheckRedirect == nil || http.DefaultClient.CheckRedirect != nil {
		t.Error("nil must give a copy of http.DefaultClient")
	}
}

func TestParseBase(t *testing.T) {
	for raw, want := range map[string]string{
		"https://api.example.com":           "https://api.example.com",
		"https://API.example.com/":          "https://api.example.com",
		"HTTPS://api.example.com//":         "https://api.example.com",
		"https://api.example.com/prefix/a/": "https://api.example.com/prefix/a",
		"https://api.example.com:8443/x":    "https://api.example.com:8443/x",
		"https://h/a%2Fb/":                  "https://h/a%2Fb",
		"http://127.0.0.1:8080/":            "http://127.0.0.1:8080",
		"http://127.9.9.9":                  "http://127.9.9.9",
		"http://localhost:1":                "http://localhost:1",
		"http://[::1]:80":                   "http://[::1]",
		"http://[::ffff:127.0.0.1]:8080":    "http://[::ffff:127.0.0.1]:8080", // 127.0.0.1 as IPv6 (RFC 4291 section 2.5.5.2)
		"https://api.example.com:443/x":     "https://api.example.com/x",
		"https://api.example.com:/x":        "https://api.example.com/x",
		"https://api.example.com:80/x":      "https://api.example.com:80/x",
	} {
		u, err := ParseBase(raw)
		if err != nil || u.String() != want {
			t.Errorf("ParseBase(%q) = %v, %v; want %s", raw, u, err, want)
		}
	}
	for _, raw := range []string{
		"", " ", "api.example.com", "https://", "https:///x", "https:api.example.com", "ftp://a", "http://example.com",
		"http://127.0.0.1.example.com", "http://localhost.example.com", "http://1270.0.1", "https://u@h", "https://u:hunter2@h",
		"https://h?a=b", "https://h?", "https://h#f", "https://h#", "https://u:hunter2@h:port", "http://[fe80::1%25lo]", "http://[::1%25lo]", "http://[::ffff:10.0.0.1]", "//h", "http://0.0.0.0",
	} {
		u, err := ParseBase(raw)
		if err == nil {
			t.Errorf("ParseBase(%q) = %v, want an error", raw, u)
		} else if strings.Contains(err.Error(), "hunter2") {
			t.Errorf("the error repeats the password: %v", err)
		}
	}
}

func TestOrigin(t *testing.T) {
	for raw, want := range map[string]string{
		"https://Api.Example.com/x?y#z": "https://api.example.com",
		"https://h:443/":                "https://h",
		"HTTPS://h:80":                  "https://h:80",
		"http://h:80":                   "http://h",
		"http://[::1]:8080/a":           "http://[::1]:8080",
		"http://[::1]:80/a":             "http://[::1]",
		"https://h.":                    "https://h.",
		"/x":                            "",
		"mailto:a@b":                    "",
	} {
		u, err := url.Parse(raw)
		if err != nil {
			t.Fatal(err)
		}
		if got := Origin(u); got != want {
			t.Errorf("Origin(%q) = %q, want %q", raw, got, want)
		}
	}
	for raw, same := range map[string]bool{"https://h": true, "https://H:443/x": true, "HTTPS://h": true, "http://h": false, "https://h:80": false, "https://h.evil": false, "https://": false, "/h": false} {
		u, err := url.Parse(raw)
		if err != nil {
			t.Fatal(err)
		}
		if HasOrigin(u, "https://h") != same {
			t.Errorf("HasOrigin(%q) = %t", raw, !same)
		}
	}
	if HasOrigin(nil, "https://h") || HasOrigin(nil, "") || HasOrigin(&url.URL{}, "") || HasOrigin(&url.URL{}, "://") {
		t.Error("nothing has no origin")
	}
	if Origin(nil) != "" {
		t.Error("Origin(nil) must be empty")
	}
}

func TestReadAll(t *testing.T) {
	if b, err := ReadAll(strings.NewReader("12345"), 5); string(b) != "12345" || err != nil {
		t.Errorf("at the limit: %q, %v", b, err)
	}
	b, err := ReadAll(strings.NewReader("123456"), 5)
	var tooLarge *TooLargeError
	if !errors.As(err, &tooLarge) || tooLarge.Limit != 5 || string(b) != "12345" {
		t.Errorf("past the limit: %q, %v", b, err)
	}
	if b, err := ReadAll(io.MultiReader(strings.NewReader("12"), iotest.ErrReader(io.ErrUnexpectedEOF)), 5); string(b) != "12" || err != io.ErrUnexpectedEOF {
		t.Errorf("cut: %q, %v", b, err)
	}
}

// Whatever size is said, what comes is what was sent, or an error past the limit.
func TestReadSized(t *testing.T) {
	for _, size := range []int64{-1, 0, 1, 4, 5, 6, 100, 1 << 50} {
		for _, r := range []io.Reader{strings.NewReader("12345"), iotest.OneByteReader(strings.NewReader("12345")), iotest.DataErrReader(strings.NewReader("12345"))} {
			if b, err := ReadSized(r, size, 5); string(b) != "12345" || err != nil {
				t.Errorf("size %d: %q, %v", size, b, err)
			}
		}
		var tooLarge *TooLargeError
		if b, err := ReadSized(strings.NewReader("123456"), size, 5); !errors.As(err, &tooLarge) || tooLarge.Limit != 5 || string(b) != "12345" {
			t.Errorf("size %d, past the limit: %q, %v", size, b, err)
		}
		if b, err := ReadSized(io.MultiReader(strings.NewReader("12"), iotest.ErrReader(io.ErrUnexpectedEOF)), size, 5); string(b) != "12" || err != io.ErrUnexpectedEOF {
			t.Errorf("size %d, cut: %q, %v", size, b, err)
		}
	}
}

// A server that only says how much is coming costs nothing.
func TestASizeThatIsOnlySaidCostsNothing(t *testing.T) {
	b, err := ReadSized(strings.NewReader("12345"), 1<<30, 1<<40)
	if string(b) != "12345" || err != nil || cap(b) > largestSize {
		t.Errorf("%q, %v: room for %d", b, err, cap(b))
	}
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	for v, want := range map[string]time.Duration{
		"0": 0, "7": 7 * time.Second, " 7 ": 7 * time.Second, "1.5": 1500 * time.Millisecond, "-3": 0, "-1e999": 0,
		"1e999": 24 * time.Hour, "99999999999999999999999": 24 * time.Hour, "86401": 24 * time.Hour, "Inf": 24 * time.Hour,
		"Wed, 04 Mar 2026 05:06:17 GMT":     10 * time.Second,
		"Wed, 04 Mar 2026 05:06:01 GMT":     0,
		"Wed, 04 Mar 2099 05:06:01 GMT":     24 * time.Hour,
		"Wednesday, 04-Mar-26 05:06:17 GMT": 10 * time.Second,
	} {
		if got, ok := RetryAfter(http.Header{"Retry-After": {v}}, now); !ok || got != want {
			t.Errorf("RetryAfter(%q) = %v, %v; want %v", v, got, ok, want)
		}
	}
	for _, v := range []string{"", "NaN", "soon", "7s", "Wed, 04 Mar"} {
		if got, ok := RetryAfter(http.Header{"Retry-After": {v}}, now); ok || got != 0 {
			t.Errorf("RetryAfter(%q) = %v, %v; want none", v, got, ok)
		}
	}
	if _, ok := RetryAfter(http.Header{}, now); ok {
		t.Error("no header must give none")
	}
}

func FuzzRetryAfter(f *testing.F) {
	for _, v := range []string{"1", "-1", "NaN", "1e309", "0x1p-2", "Wed, 04 Mar 2026 05:06:17 GMT", "9223372036854775808"} {
		f.Add(v, int64(0))
	}
	f.Fuzz(func(t *testing.T, v string, now int64) {
		d, ok := RetryAfter(http.Header{"Retry-After": {v}}, time.Unix(now, 0))
		if d < 0 || d > 24*time.Hour || (!ok && d != 0) {
			t.Errorf("RetryAfter(%q) = %v, %v", v, d, ok)
		}
	})
}

const (
	aJWT    = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhZGEifQ.c2lnbmF0dXJl"
	anOther = "hunter2-short"
	aRandom = "q7Zk2mPx9Lw4Rb8Tn3Vc6Yd1Fg5Hj0"
)

func TestRedactHidesSecrets(t *testing.T) {
	for _, s := range []string{
		"token " + aJWT + " is bad", "Authorization: Bearer " + anOther, "authorization: bearer\t" + anOther, "Basic " + anOther,
		"Bearer%20" + anOther, "bearer=" + anOther,
		`{"access_token":"` + anOther + `","x":1}`, `{"access_token" : "` + anOther, `{"ACCESS_TOKEN":"a\"` + anOther + `"}`,
		`{"body":"{\"refresh_token\":\"` + anOther + `\",\"x\":1}"}`, `{"clientSecret":"` + anOther + `"}`, `{"api_key":"` + anOther + `"}`,
		"https://h/cb?code=" + anOther + "&x=1", "?state=" + anOther, "refresh_token=" + anOther + "&grant_type=refresh_token", "client_secret = " + anOther,
		"password='" + anOther + "'", "https://user:" + anOther + "@host/", "https://" + anOther + "@host/", "Set-Cookie: sid=" + anOther + "; Path=/",
		"no such token: " + aRandom, "no such token " + strings.Repeat("aB", 12), "acc\x00ess_to\u200bken=" + anOther, "Bear\x1ber " + anOther,
	} {
		got := Redact(s)
		for _, secret := range []string{aJWT, "c2lnbmF0dXJl", anOther, aRandom, strings.Repeat("aB", 12)} {
			if strings.Contains(got, secret) {
				t.Errorf("Redact(%q) = %q holds %q", s, got, secret)
			}
		}
		if !strings.Contains(got, redacted) {
			t.Errorf("Redact(%q) = %q redacts nothing", s, got)
		}
	}
}

func TestRedactKeepsWhatHelps(t *testing.T) {
	for _, s := range []string{
		`{"error":"invalid_grant","error_description":"refresh token is expired"}`,
		`{"code":400,"error_code":"refresh_token_already_used","msg":"Invalid Refresh Token"}`,
		"The bearer token has expired", "Basic authentication is required", "certification_records:read is missing",
		"organization 3fa85f64-5717-4562-b3fc-2c963f66afa6 not found", "dial tcp 127.0.0.1:8080: connect: connection refused",
	} {
		if got := Redact(s); got != s {
			t.Errorf("Redact(%q) = %q", s, got)
		}
	}
	if got, want := Redact("a\r\nb\tc\x1b[31md\u202ee\xff"), "a  b c[31mde\uFFFD"; got != want {
		t.Errorf("control characters: %q, want %q", got, want)
	}
}

func TestSnippet(t *testing.T) {
	for name, body := range map[string]string{
		"a long page":                  strings.Repeat("<p>Über uns</p>\n", 1000),
		"a token across the old cut":   strings.Repeat("x ", 95) + aRandom,
		"a token across the input cut": strings.Repeat(" ", snippetInput-7) + aRandom,
		"one endless word":             strings.Repeat("aB3", 10000),
		"nothing":                      "",
	} {
		got := Snippet([]byte(body))
		if len(got) > 200 || !utf8.ValidString(got) || strings.ContainsAny(got, "\r\n") {
			t.Errorf("%s: %d bytes, %q", name, len(got), got)
		}
		if strings.Contains(got, aRandom[:6]) || strings.Contains(got, "aB3aB3") {
			t.Errorf("%s: %q holds a part of the token", name, got)
		}
	}
	if got := Snippet([]byte(" short\n")); got != "short" {
		t.Errorf("short body: %q", got)
	}
}

func FuzzRedact(f *testing.F) {
	f.Add("before ", " after")
	f.Add(`{"access_token":"`, `"}`)
	f.Add("?code=", "&x=%3d")
	f.Add("Bearer \\\"", "\xff")
	f.Fuzz(func(t *testing.T, before, after string) {
		got := Redact(before + " " + aRandom + " " + after)
		if strings.Contains(got, aRandom) {
			t.Errorf("the secret stands in %q", got)
		}
		if !utf8.ValidString(got) || strings.ContainsFunc(got, unicode.IsControl) {
			t.Errorf("not printable: %q", got)
		}
		if s := Snippet([]byte(before + aRandom + after)); len(s) > 200 || !utf8.ValidString(s) {
			t.Errorf("snippet: %q", s)
		}
	})
}
