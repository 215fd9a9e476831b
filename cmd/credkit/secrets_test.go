package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/credkit/credkit-go/facade/sandbox"
)

// TestNoOutputHasASecret drives every command with -v and looks for whatever
// is secret, in what they print. That the search works is shown on the store,
// where the tokens have to be.
func TestNoOutputHasASecret(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sandbox.WithTokenLifetime(time.Second))
	var printed strings.Builder
	keep := func(r result) {
		printed.WriteString(r.stderr)
		// The authorize URL carries the state and the challenge, which are no
		// secrets; the code and the tokens come later.
		printed.WriteString(r.stdout)
	}
	keep(w.login(t, "-v").expect(t, exitOK))
	tokens := stored(t, w)
	time.Sleep(time.Second)
	for _, args := range [][]string{
		{"me"}, {"check"}, {"certs"}, {"certs", "-o", "table"}, {"users", "-o", "csv"}, {"drift", "-o", "table"}, {"version"},
	} {
		keep(w.run(t, append(args, "-v")...))
	}
	tokens = append(tokens, stored(t, w)...)
	if err := w.Fail(sandbox.On("getMe", "listCertifications"), sandbox.Status(500),
		sandbox.Body("text/html", []byte("<p>"+tokens[0]+" access_token="+tokens[len(tokens)-1]))); err != nil {
		t.Fatal(err)
	}
	keep(w.run(t, "me", "-v"))
	keep(w.run(t, "certs", "-v"))
	w.ClearFaults()
	w.env[envCosmicSecret], w.env[envCertnSecret] = "wrong-app-secret", "wrong-certn-secret"
	time.Sleep(time.Second)
	keep(w.run(t, "me", "-v"))
	keep(w.run(t, "users", "-v"))
	keep(w.login(t, "-v"))
	w.env[envCosmicToken] = "static-token-value"
	keep(w.run(t, "me", "-v"))
	keep(w.run(t, "logout", "-v"))

	_, certnSecret := w.CertnClient()
	secrets := append(tokens, "test-app-secret", certnSecret, "wrong-app-secret", "wrong-certn-secret", "static-token-value")
	if len(tokens) < 4 || printed.Len() < 10_000 {
		t.Fatalf("too little to search: %d tokens, %d bytes", len(tokens), printed.Len())
	}
	for _, secret := range secrets {
		if strings.Contains(printed.String(), secret) {
			t.Errorf("%.12s… was printed", secret)
		}
	}
	if jwt := regexp.MustCompile(`ey[\w-]{8,}\.[\w-]{8,}\.[\w-]+`).FindString(printed.String()); jwt != "" {
		t.Errorf("%.12s… was printed", jwt)
	}
}

// stored returns the tokens that the file store holds now.
func stored(t *testing.T, w *world) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(w.env[envStore], "*.record"))
	if err != nil || len(files) != 1 {
		t.Fatalf("%d records, %v", len(files), err)
	}
	record, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	var tokens []string
	for _, m := range regexp.MustCompile(`"(?:access|refresh)_token":"([^"]{20,})"`).FindAllSubmatch(record, -1) {
		tokens = append(tokens, string(m[1]))
	}
	if len(tokens) != 2 {
		t.Fatalf("the record has %d tokens", len(tokens))
	}
	return tokens
}

// A server that repeats the access token does not get it printed, whatever the
// token looks like and whatever is printed.
func TestNoFormOfATokenIsPrinted(t *testing.T) {
	for kind, token := range map[string]string{
		"short": "k7pq", "lower case": "sesame-opens-no-door", "dotted": "acme.users.ada.3", "a UUID": "3fa85f64-5717-4562-b3fc-2c963f66afa6",
		"base64": "ab/cd+ef/gh==", "one word": "correcthorsebatterystaple", "opaque": "q7Zk2mPx9Lw4Rb8Tn3Vc6Yd1Fg5Hj0",
	} {
		w := newWorld(t)
		w.env[envCosmicToken] = token
		for where, parts := range map[string][]sandbox.Part{
			"message":    {sandbox.Status(403), sandbox.Body("application/json", []byte(`{"detail":"`+token+`"}`))},
			"code":       {sandbox.Status(404), sandbox.Body("application/json", []byte(`{"code":"`+token+`"}`))},
			"field":      {sandbox.Status(400), sandbox.Body("application/json", []byte(`{"`+token+`":["is bad"]}`))},
			"page":       {sandbox.Status(404), sandbox.Body("text/html", []byte("<p>"+token))},
			"good page":  {sandbox.Status(200), sandbox.Body("text/html", []byte("<p>"+token))},
			"request id": {sandbox.Status(404), sandbox.Header("X-Request-Id", token)},
			"redirect":   {sandbox.Redirect("https://h/?x=" + token)},
			"shape":      {sandbox.Status(200), sandbox.Body("application/json", []byte(`{"`+token+`":1,"`+token+`":1}`))},
		} {
			w.ClearFaults()
			if err := w.Fail(append(parts, sandbox.On("getMe", "listCertifications"))...); err != nil {
				t.Fatal(err)
			}
			for _, command := range []string{"me", "certs", "check"} {
				got := w.run(t, command, "-v")
				if got.code == exitOK || strings.Contains(got.stdout+got.stderr, token) {
					t.Errorf("%s in the %s, %s: exit %d: %s", kind, where, command, got.code, got.stderr)
				}
			}
		}
	}
}
