package safehttp

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"
	"unicode/utf8"
)

// kinds are access tokens of every form that a server may issue.
var kinds = map[string]string{
	"short":      "k7pq",
	"lower case": "sesame-opens-no-door",
	"dotted":     "acme.users.ada.3",
	"a UUID":     "3fa85f64-5717-4562-b3fc-2c963f66afa6",
	"a JWT":      aJWT,
	"opaque":     aRandom,
	"base64":     "ab/cd+ef/gh==",
	"one word":   "correcthorsebatterystaple",
	"digits":     "493827",
}

func TestSecretsFindsAValueInEveryForm(t *testing.T) {
	for kind, secret := range kinds {
		s := NewSecrets(secret)
		asJSON, _ := json.Marshal(secret)
		for form, text := range map[string]string{
			"as it is":        secret,
			"in capitals":     strings.ToUpper(secret),
			"in lower case":   strings.ToLower(secret),
			"in a query":      "?x=" + url.QueryEscape(secret) + "&y=1",
			"in a path":       "/v1/" + url.PathEscape(secret) + "/me",
			"in JSON":         `{"a":` + string(asJSON) + `}`,
			"in PHP's JSON":   strings.ReplaceAll(string(asJSON), "/", `\/`),
			"in Gson's JSON":  strings.NewReplacer("=", `\u003d`, "+", `\u002B`, "/", `\u002f`).Replace(secret),
			"in HTML":         html.EscapeString("<" + secret + ">"),
			"in HTML numbers": strings.NewReplacer("=", "&#61;", "+", "&#x2B;", "/", "&#x2f;", ".", "&#46;", "-", "&#x2d;").Replace(secret),
			"with a joiner":   secret[:2] + "\u200d" + secret[2:],
			"with controls":   secret[:2] + "\x00" + secret[2:],
			"within a word":   "x" + secret + "x",
		} {
			for way, got := range map[string]string{
				"Redact":      s.Redact("token " + text + " is bad"),
				"Snippet":     s.Snippet([]byte("token " + text + " is bad")),
				"RedactError": s.RedactError(errors.New("token " + text + " is bad")).Error(),
			} {
				if !strings.Contains(got, redacted) || strings.Contains(strings.ToLower(got), strings.ToLower(secret)) || strings.Contains(got, text) {
					t.Errorf("%s, %s, %s: %q", kind, form, way, got)
				}
				if form != "within a word" && got != "token "+redacted+" is bad" && kind != "a JWT" && strings.Contains(form, "as it is") {
					t.Errorf("%s, %s, %s took more than the token: %q", kind, form, way, got)
				}
			}
		}
	}
}

func TestSecretsFindsTheBeginningOfAValueWhereABodyWasCut(t *testing.T) {
	for kind, secret := range kinds {
		for n := leastSecret; n < len(secret); n++ {
			if got := NewSecrets(secret).Snippet([]byte("<p>bad token " + secret[:n])); got != "<p>bad token" {
				t.Fatalf("%s, the first %d bytes: %q", kind, n, got)
			}
		}
	}
}

func TestSecretsTakesTheLongestFirst(t *testing.T) {
	if got := NewSecrets("abcd", "", "abcdefgh", "xyz").Redact("abcdefgh abcd xyz"); got != "[redacted] [redacted] xyz" {
		t.Error(got)
	}
	if got := NewSecrets("", "abc").Redact("abc"); got != "abc" {
		t.Error(got)
	}
}

func TestSecretsHeader(t *testing.T) {
	h := http.Header{"X-Request-Id": {"r-1"}, "Location": {"/x"}}
	if got := NewSecrets("acme.ada").Header(h); fmt.Sprint(got) != fmt.Sprint(h) {
		t.Error(got)
	}
	h["X-Echo"] = []string{"a", "token acme.ada"}
	got := NewSecrets("acme.ada").Header(h)
	if got["X-Echo"][1] != "token "+redacted || got.Get("X-Request-Id") != "r-1" || h["X-Echo"][1] != "token acme.ada" {
		t.Errorf("%v, the original %v", got, h)
	}
}

func TestSecretsOfNothingAreNotPrinted(t *testing.T) {
	for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
		err := NewSecrets("acme.ada").RedactError(&verbose{Token: "acme.ada"})
		b, _ := json.Marshal(struct{ Err error }{err})
		if got := fmt.Sprintf(verb, struct{ err error }{err}) + fmt.Sprintf(verb, err) + string(b); strings.Contains(got, "acme.ada") {
			t.Errorf("%s: %s", verb, got)
		}
	}
}

// verbose is an error with a secret in a field.
type verbose struct{ Token string }

func (v verbose) Error() string { return "no" }

// The cause of a failure survives redaction: 16 forms and more in which Go says
// that a request could not be made.
func TestRedactErrorKeepsTheCause(t *testing.T) {
	for _, cause := range []string{
		"EOF",
		"unexpected EOF",
		"dial tcp 10.0.0.1:443: connect: connection refused",
		"dial tcp [2001:db8:85a3::8a2e:370:7334]:443: connect: no route to host",
		"dial tcp: lookup api.natecosmic.com on 127.0.0.53:53: no such host",
		"dial tcp: lookup ip-10-0-12-34.compute-worker-pool-a1.internal: i/o timeout",
		"dial unix /run/user/1000/credkit-proxy-2026.sock: connect: no such file or directory",
		"tls: failed to verify certificate: x509: certificate signed by unknown authority",
		"tls: failed to verify certificate: x509: certificate is valid for *.c1abcdefghijklmnopqrst.eu-west-1.example.com, not api.natecosmic.com",
		"tls: first record does not look like a TLS handshake",
		"x509: certificate has expired or is not yet valid: current time 2026-11-25T08:09:26Z is after 2026-01-02T03:04:05Z",
		"x509: invalid basic constraints",
		"remote error: tls: handshake failure",
		"proxyconnect tcp: dial tcp 10.1.2.3:3128: connect: connection refused",
		"proxyconnect tcp: tls: first record does not look like a TLS handshake",
		"socks connect tcp 127.0.0.1:1080->api.natecosmic.com:443: username/password authentication failed",
		"Proxy Authentication Required",
		"read tcp 10.0.0.5:51234->34.117.59.81:443: read: connection reset by peer",
		"write tcp 10.0.0.5:51234->34.117.59.81:443: write: broken pipe",
		"net/http: TLS handshake timeout",
		"http: server gave HTTP response to HTTPS client",
		"http2: server sent GOAWAY and closed the connection; LastStreamID=1, ErrCode=PROTOCOL_ERROR, debug=\"\"",
		"stream error: stream ID 3; INTERNAL_ERROR; received from peer",
		"rpc error: code = Unavailable desc = status code=503",
	} {
		for _, to := range []string{"https://api.certn.co/token/", "https://api.natecosmic.com/auth/v1/oauth/token", "https://h/v1/me?access_token=x"} {
			err := &url.Error{Op: "Post", URL: to, Err: errors.New(cause)}
			if got := RedactError(err).Error(); got != cause {
				t.Errorf("%q became %q", cause, got)
			}
			if i := strings.Index(to, "?"); i < 0 {
				if got := Redact(err.Error()); got != err.Error() {
					t.Errorf("%q became %q", err, got)
				}
			}
		}
	}
}

func TestRedactErrorKeepsLocalPaths(t *testing.T) {
	const hash = "bf17718f357d0d1e7e1325792814bd5936c14edceff6b1498e69978b5346ae60"
	for name, err := range map[string]error{
		"a record":         fmt.Errorf("auth: saving: %w", &fs.PathError{Op: "open", Path: "/home/ada/.config/" + hash + ".record", Err: fs.ErrPermission}),
		"two files":        &os.LinkError{Op: "rename", Old: "/tmp/" + hash + ".tmp", New: "/tmp/" + hash + ".record", Err: fs.ErrExist},
		"several":          errors.Join(&fs.PathError{Op: "a", Path: hash + "1", Err: io.EOF}, &fs.PathError{Op: "b", Path: hash, Err: io.EOF}),
		"its directory":    fmt.Errorf("%w: write to /var/folders/zz/zyxvpxvq6csfxvn_n0000000000000/T", &fs.PathError{Op: "a", Path: "/var/folders/zz/zyxvpxvq6csfxvn_n0000000000000/T/" + hash, Err: io.EOF}),
		"Windows":          &fs.PathError{Op: "open", Path: `C:\Users\Ada\` + hash + `.record`, Err: fs.ErrPermission},
		"the root":         &fs.PathError{Op: "open", Path: "/", Err: fs.ErrPermission},
		"a key and a path": fmt.Errorf("session %q: %w", "worker-7Zk2mPx9Lw4Rb8Tn3", &fs.PathError{Op: "a", Path: "/x", Err: io.EOF}),
	} {
		got := RedactError(err, "worker-7Zk2mPx9Lw4Rb8Tn3").Error()
		if want := strings.ReplaceAll(err.Error(), "\n", " "); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	err := fmt.Errorf("token=hunter2-short: %w: %s", &fs.PathError{Op: "open", Path: "/x\x1b[31m/y", Err: io.EOF}, aRandom)
	if got, want := RedactError(err).Error(), "token=[redacted] open /x[31m/y: EOF: [redacted]"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestRedactErrorIsTheErrorStill(t *testing.T) {
	if RedactError(nil) != nil {
		t.Error("nil became an error")
	}
	err := RedactError(fmt.Errorf("x: %w", io.ErrUnexpectedEOF))
	if !errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) || RedactError(err) != err {
		t.Error(err)
	}
	var as *fs.PathError
	if !errors.As(RedactError(&fs.PathError{Op: "a", Path: "b", Err: io.EOF}), &as) || as.Op != "a" {
		t.Error(as)
	}
}

// No malformed URL gets its password printed.
func TestParseBaseRepeatsNothing(t *testing.T) {
	const user, password = "ada-user", "hunter2"
	for _, raw := range []string{
		"https://ada-user:hunter2@h", "ada-user:hunter2@h", "ada-user:hunter2@h:443/x", "//ada-user:hunter2@h", "https:ada-user:hunter2@h",
		"https:/ada-user:hunter2@h", "https:///ada-user:hunter2@h", "https//ada-user:hunter2@h", "https://ada-user:hunter2@h:port",
		"https://ada-user:hunter2/x@h", "https://ada-user:hunter2#x@h", "https://ada-user:hunter2?x@h", "https://ada-user?hunter2@h", "https://hunter2?x@h", "https://hunter2#x@h",
		"https://ada-user:hunter2%40h", "https://ada-user%3Ahunter2%40h?x", "https://ada-user:hunter2%zz@h", "https://ada-user:hun%hunter2@h", "https://ada-user:hunter2 @h", "https://ada-user hunter2@h",
		" https://ada-user:hunter2@h", "https://ada-user:hunter2@h\n", "https://ada-user:hunter2@[::1", "https://[ada-user:hunter2@::1]", "https://ada-user:hunter2@[::1]:x",
		"https://[hunter2]", "https://[::1%25hunter2]:x", "https://ada-user:hunter2@x@h:y", `https:\\ada-user:hunter2@h`, `https://ada-user:hunter2\@h`, "host=h user=ada-user password=hunter2",
		"hunter2", "hunter2://h", "hunter2:h", "http://hunter2", "ftp://ada-user:hunter2@h", "ftp://hunter2", "http://ada-user:hunter2@h", "https://h?password=hunter2", "https://h#hunter2", "https://h:hunter2",
		"postgres://ada-user:hunter2@h/db", "https://:hunter2@h", "https://@hunter2?", "http://hunter2.example.com", aJWT,
	} {
		u, err := ParseBase(raw)
		if err == nil {
			t.Errorf("ParseBase(%q) = %v, want an error", raw, u)
			continue
		}
		for _, print := range []string{err.Error(), fmt.Sprintf("%+v %#v", err, err)} {
			for _, secret := range []string{user, password, aJWT[:8]} {
				if strings.Contains(print, secret) {
					t.Errorf("ParseBase(%q): %s", raw, print)
				}
			}
		}
		if !strings.HasPrefix(err.Error(), "base URL ") {
			t.Error(err)
		}
	}
}

func TestRedactHidesUserInformationOfWhatIsNoURL(t *testing.T) {
	for text, want := range map[string]string{
		`invalid proxy address "ada:hunter2@proxy:x": parse "http://ada:hunter2@proxy:x": invalid port ":x" after host`: `invalid proxy address "[redacted]@proxy:x": parse "http://[redacted]@proxy:x": invalid port ":x" after host`,
		`invalid proxy address "http://ada:hun/ter2@proxy:80"`:                                                          `invalid proxy address "http://[redacted]@proxy:80"`,
		"https:/ada:hunter2@h": "https:/[redacted]@h",
		"https:ada:hunter2@h":  "[redacted]@h",
		"ask ada@example.com":  "ask ada@example.com",
		"at 08:09 by ada@h":    "at 08:09 by ada@h",
	} {
		if got := Redact(text); got != want {
			t.Errorf("Redact(%q) = %q, want %q", text, got, want)
		}
	}
}

func FuzzSecrets(f *testing.F) {
	f.Add("tok.en", "before", "after")
	f.Add("a/b+c==", `{"x":"`, `"}`)
	f.Add("eyJ", "eyJ.", "\u200b")
	f.Fuzz(func(t *testing.T, secret, before, after string) {
		if len(secret) < leastSecret || secret != printable(secret) || strings.ContainsAny(secret, "[]") || strings.Contains(redacted, strings.ToLower(secret)) {
			t.Skip()
		}
		s := NewSecrets(secret)
		basic := base64.StdEncoding.EncodeToString([]byte(before))
		for _, text := range []string{before + secret + after, before + url.QueryEscape(secret) + after, basic + secret} {
			got := s.Redact(text)
			if strings.Contains(got, secret) {
				t.Errorf("%q holds %q", got, secret)
			}
			if !utf8.ValidString(got) {
				t.Errorf("%q", got)
			}
		}
	})
}
