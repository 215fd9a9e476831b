package main

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/credkit/credkit-go/facade/auth/pgstore/pgtest"
	"github.com/credkit/credkit-go/facade/sandbox"
)

// database is the PostgreSQL of the tests that need one.
var database pgtest.Server

// asCommand makes this test binary the command, so that none has to be built.
const asCommand = "CREDKIT_TEST_AS_COMMAND"

func TestMain(m *testing.M) {
	if os.Getenv(asCommand) != "" {
		os.Exit(start())
	}
	code := m.Run()
	database.Stop()
	os.Exit(code)
}

// world is a sandbox and an environment that points the command at it.
type world struct {
	*sandbox.Sandbox
	env  map[string]string
	port int // of the registered redirect URI
}

func newWorld(t *testing.T, opts ...sandbox.Option) *world {
	t.Helper()
	port := freePort(t)
	app := sandbox.App{ClientID: "test-app", ClientSecret: "test-app-secret", RedirectURIs: []string{callbackAt(port)}}
	sb, err := sandbox.Start(append([]sandbox.Option{sandbox.WithApps(app)}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sb.Close)
	id, secret := sb.CertnClient()
	return &world{Sandbox: sb, port: port, env: map[string]string{
		envCosmicBase:   sb.CosmicURL(),
		envCosmicID:     "test-app",
		envCosmicSecret: "test-app-secret",
		envCertnBase:    sb.CertnURL(),
		envCertnID:      id,
		envCertnSecret:  secret,
		envStore:        filepath.Join(t.TempDir(), "sessions"),
	}}
}

func callbackAt(port int) string { return "http://127.0.0.1:" + strconv.Itoa(port) + "/callback" }

// nextPort is where freePort looks next.
var nextPort atomic.Uint32

// freePort returns a port that the test can listen on. A port that the system
// picks may be given to any other connection before the command has it; so it is
// one below those that it picks from (RFC 6335 section 6, and lower still), of a
// range of this process's own, and each is returned once.
func freePort(t *testing.T) int {
	t.Helper()
	const first, last, ofProcess = 10_000, 30_000, 200
	for range ofProcess {
		port := first + (os.Getpid()*ofProcess+int(nextPort.Add(1)))%(last-first)
		if l, err := net.Listen("tcp", "127.0.0.1:"+strconv.Itoa(port)); err == nil {
			_ = l.Close()
			return port
		}
	}
	t.Fatal("no port can be listened on")
	return 0
}

// ending fails the test if it is about to run out of time; until then a test
// waits for as long as it takes.
func ending(t *testing.T, format string, args ...any) {
	t.Helper()
	if deadline, ok := t.Deadline(); ok && time.Until(deadline) < 10*time.Second || t.Context().Err() != nil {
		t.Fatalf(format, args...)
	}
	time.Sleep(5 * time.Millisecond)
}

// withToken lets COSMIC's calls go out with an access token of these scopes
// (none: all), and without a session.
func (w *world) withToken(t *testing.T, scopes ...string) *world {
	t.Helper()
	token, err := w.AccessToken("", scopes...)
	if err != nil {
		t.Fatal(err)
	}
	w.env[envCosmicToken] = token
	return w
}

// result is what a command left.
type result struct {
	code           int
	stdout, stderr string
}

func (w *world) run(t *testing.T, args ...string) result {
	t.Helper()
	return w.runWith(t, t.Context(), "", args...)
}

func (w *world) runWith(t *testing.T, ctx context.Context, stdin string, args ...string) result { //nolint:revive // t comes first
	t.Helper()
	var stdout, stderr locked
	code := run(ctx, args, w.getenv, strings.NewReader(stdin), &stdout, &stderr)
	return result{code, stdout.String(), stderr.String()}
}

func (w *world) getenv(name string) string { return w.env[name] }

// expect fails the test if the command ended with another code.
func (r result) expect(t *testing.T, code int) result {
	t.Helper()
	if r.code != code {
		t.Fatalf("exit code %d, want %d\nstdout: %s\nstderr: %s", r.code, code, r.stdout, r.stderr)
	}
	return r
}

// contain fails the test if text lacks one of words.
func contain(t *testing.T, text string, words ...string) {
	t.Helper()
	for _, word := range words {
		if !strings.Contains(text, word) {
			t.Errorf("want %q in\n%s", word, text)
		}
	}
}

// login signs in as a person does, with the headless approval of the sandbox
// in the place of the browser.
func (w *world) login(t *testing.T, args ...string) result {
	t.Helper()
	return w.loginBy(t, w.Approve, args...)
}

func (w *world) loginBy(t *testing.T, answer func(ctx context.Context, authorizeURL string) (string, error), args ...string) result {
	t.Helper()
	ctx := t.Context()
	read, write := io.Pipe()
	defer func() { _ = read.Close() }()
	var stderr locked
	done := make(chan int, 1)
	go func() {
		args := append([]string{"login", "--no-browser", "--port", strconv.Itoa(w.port)}, args...)
		done <- run(ctx, args, w.getenv, strings.NewReader(""), write, &stderr)
		_ = write.Close()
	}()
	address := firstLine(read)
	if address == "" {
		return result{code: <-done, stderr: stderr.String()}
	}
	redirect, err := answer(ctx, address)
	if err != nil {
		t.Fatal(err)
	}
	if redirect != "" {
		visit(t, redirect)
	}
	return result{code: <-done, stdout: address + "\n", stderr: stderr.String()}
}

// visit opens an address as a browser would, and returns the page.
func visit(t *testing.T, address string) string {
	t.Helper()
	resp, err := http.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	page, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(page)
}

func firstLine(r io.Reader) string {
	var line []byte
	for b := make([]byte, 1); ; {
		if _, err := r.Read(b); err != nil || b[0] == '\n' {
			return string(line)
		}
		line = append(line, b[0])
	}
}

// locked is a buffer for several goroutines.
type locked struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *locked) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *locked) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func containsAny(text string, words ...string) bool {
	for _, word := range words {
		if strings.Contains(text, word) {
			return true
		}
	}
	return false
}
