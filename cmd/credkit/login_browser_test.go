//go:build unix

package main

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/credkit/credkit-go/facade"
	"github.com/credkit/credkit-go/facade/auth"
	"github.com/credkit/credkit-go/facade/auth/signin"
	"github.com/credkit/credkit-go/facade/sandbox"
)

// TestLoginInABrowser runs credkit login, which opens "the browser"; what
// opens is a real Chromium, in which Approve is clicked.
func TestLoginInABrowser(t *testing.T) {
	t.Parallel()
	page := chromium(t)
	w := newWorld(t)

	// The browser of this machine is a program that notes the address.
	bin := t.TempDir()
	noted := filepath.Join(bin, "address")
	script := "#!/bin/sh\nprintf '%s' \"$1\" >" + noted + ".part && mv " + noted + ".part " + noted + "\n"
	if err := os.WriteFile(filepath.Join(bin, "xdg-open"), []byte(script), 0o700); err != nil { //nolint:gosec // it is run
		t.Fatal(err)
	}
	cmd := process(t, w.env, "login", "--port", strconv.Itoa(w.port))
	cmd.Env = append(cmd.Env, "PATH="+bin+string(os.PathListSeparator)+os.Getenv("PATH"))
	stdout, stderr := started(t, cmd)
	address := waitForFile(t, noted, stderr)

	contain(t, opened(t, page, address), "certification_records:read", "Ada Lovelace", "Approve", "Deny")
	picture(t, page, "consent")
	contain(t, clicked(t, page, "approve"), "You are signed in")
	picture(t, page, "signed-in")
	line, _ := stdout.ReadString('\n')
	if err := cmd.Wait(); err != nil || line != "" {
		t.Fatalf("%v, stdout %q\n%s", err, line, stderr.String())
	}
	contain(t, stderr.String(), "Opening your browser", address, "Signed in as Ada Lovelace")
	contain(t, w.run(t, "me").expect(t, exitOK).stdout, "ada@example.com")
}

func TestLoginDeniedInABrowser(t *testing.T) {
	t.Parallel()
	page := chromium(t)
	w := newWorld(t)
	var last string
	got := w.loginBy(t, func(_ context.Context, address string) (string, error) {
		opened(t, page, address)
		last = clicked(t, page, "deny") // the browser itself goes to the redirect URI
		return "", nil
	}).expect(t, exitNotAllowed)
	contain(t, got.stderr, "access_denied")
	contain(t, last, "Sign-in failed", "access_denied")
	picture(t, page, "denied")
}

// TestAWebSignInInABrowser signs in through the handler of package signin, in a
// real browser, with its cookies.
func TestAWebSignInInABrowser(t *testing.T) {
	t.Parallel()
	page := chromium(t)
	mux := http.NewServeMux()
	site := httptest.NewServer(mux)
	defer site.Close()
	app := auth.App{ClientID: "acme"}
	sb, err := sandbox.Start(sandbox.WithApps(sandbox.App{ClientID: app.ClientID, RedirectURIs: []string{site.URL + "/cosmic/callback"}}))
	if err != nil {
		t.Fatal(err)
	}
	defer sb.Close()
	endpoint, err := facade.CosmicEndpoint(facade.WithBaseURL(sb.CosmicURL()))
	if err != nil {
		t.Fatal(err)
	}
	sealer, err := signin.NewSealer(bytes.Repeat([]byte("k"), 32))
	if err != nil {
		t.Fatal(err)
	}
	saved := make(chan auth.Grant, 1)
	handler, err := signin.NewHandler(endpoint, app, site.URL+"/cosmic/callback", sealer, func(_ *http.Request, g auth.Grant) error {
		saved <- g
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	mux.Handle("/cosmic/", handler)

	contain(t, opened(t, page, site.URL+"/cosmic/sign-in"), "Ada Lovelace", "Approve")
	contain(t, clicked(t, page, "approve"), "You are signed in", "You can close this window.")
	picture(t, page, "web-signed-in")
	if g := <-saved; !g.CanRenew() {
		t.Errorf("%v was saved", g)
	}
	if err := chromedp.Do(page, chromedp.Reload()); err != nil {
		t.Fatal(err)
	}
	contain(t, shown(t, page), "Please sign in again.")
	picture(t, page, "web-again")
}

// opened opens an address and returns the text of the page.
func opened(t *testing.T, page context.Context, address string) string { //nolint:revive // t comes first
	t.Helper()
	if err := chromedp.Do(page, chromedp.Navigate(address)); err != nil {
		t.Fatalf("in the browser: %v", err)
	}
	return shown(t, page)
}

// clicked clicks a button of the consent page and returns the text of the
// page that follows.
func clicked(t *testing.T, page context.Context, button string) string { //nolint:revive // t comes first
	t.Helper()
	if err := chromedp.Do(page,
		chromedp.Click(chromedp.CSS(`button[value="`+button+`"]`)),
		chromedp.WaitVisible(chromedp.CSS("main .mark")),
	); err != nil {
		t.Fatalf("in the browser: %v", err)
	}
	return shown(t, page)
}

func shown(t *testing.T, page context.Context) string { //nolint:revive // t comes first
	t.Helper()
	text, err := chromedp.Run(page, chromedp.Text(chromedp.CSS("main")))
	if err != nil {
		t.Fatalf("in the browser: %v", err)
	}
	return text
}

// picture keeps what the browser shows, where the environment names a folder
// for it in CREDKIT_PICTURES.
func picture(t *testing.T, page context.Context, name string) { //nolint:revive // t comes first
	t.Helper()
	if os.Getenv(picturesDir) == "" {
		return
	}
	png, err := chromedp.Run(page, chromedp.FullScreenshot(100))
	if err != nil {
		t.Error(err)
	}
	keep(t, name+".png", png)
}

const picturesDir = "CREDKIT_PICTURES"

// keep writes a file into the directory of pictures, if there is one.
func keep(t *testing.T, name string, data []byte) {
	t.Helper()
	if dir := os.Getenv(picturesDir); dir != "" {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Error(err)
		}
	}
}

// chromium starts a headless browser, which .ci/setup installs. Where there is
// none the test is skipped, or fails if the environment has CI=true.
func chromium(t *testing.T, options ...chromedp.ContextOption) context.Context {
	t.Helper()
	path := browserPath()
	switch {
	case path != "":
	case os.Getenv("CI") == "true":
		t.Fatal("no chromium, and CI=true: run .ci/setup")
	default:
		t.Skip("NOT TESTED IN A BROWSER: no chromium is installed; run .ci/setup")
	}
	opts := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.Flag("disable-dev-shm-usage", true))
	ctx, cancel := chromedp.NewExecAllocator(t.Context(), append(opts, chromedp.WSURLReadTimeout(10*time.Minute))...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx, options...)
	t.Cleanup(cancel)
	return ctx
}

func browserPath() string {
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	return ""
}

func waitForFile(t *testing.T, path string, stderr *locked) string {
	t.Helper()
	for {
		if content, err := os.ReadFile(path); err == nil {
			return strings.TrimSpace(string(content))
		}
		ending(t, "no browser was opened: %s", stderr.String())
	}
}
