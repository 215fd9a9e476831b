package facade_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/credkit/credkit-go/facade/internal/memnet"
)

// exchange is one request that is expected, and how it is responded to. The
// README of testdata/conformance says what each member means.
type exchange struct {
	Request  string            `json:"request"`
	Header   map[string]string `json:"header"`
	Basic    string            `json:"basic"`
	Body     json.RawMessage   `json:"body"`
	Form     map[string]string `json:"form"`
	After    string            `json:"after"`
	Repeat   int               `json:"repeat"`
	Response struct {
		Status int               `json:"status"`
		Header map[string]string `json:"header"`
		JSON   json.RawMessage   `json:"json"`
		Text   *string           `json:"text"`
		Cut    bool              `json:"cut"`
		Close  bool              `json:"close"`
	} `json:"response"`
}

// played is a server that responds by a script and keeps what went wrong.
type played struct {
	mu       sync.Mutex
	script   []exchange
	at       int
	last     time.Time
	failures []string
}

func (p *played) failf(format string, args ...any) {
	p.failures = append(p.failures, fmt.Sprintf(format, args...))
}

// unrolled writes an exchange that is repeated as often as it says.
func unrolled(exchanges []exchange) (all []exchange) {
	for _, x := range exchanges {
		for range max(x.Repeat, 1) {
			all = append(all, x)
		}
	}
	return all
}

const conformanceBase = "/some/base"

func (p *played) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		p.failf("request %d: its body cannot be read: %v", p.at+1, err)
	}
	if p.at >= len(p.script) {
		p.failf("request %d, %s %s, is one too many", p.at+1, r.Method, r.URL)
		w.WriteHeader(http.StatusNotImplemented)
		return
	}
	x := p.script[p.at]
	p.at++
	for _, difference := range x.differences(r, body, time.Since(p.last)) {
		p.failf("request %d, %s: %s", p.at, x.Request, difference)
	}
	p.last = time.Now()
	x.reply(w)
}

// differences holds a request against what is expected.
func (x *exchange) differences(r *http.Request, body []byte, waited time.Duration) (all []string) {
	addf := func(format string, args ...any) { all = append(all, fmt.Sprintf(format, args...)) }
	method, address, _ := strings.Cut(x.Request, " ")
	path, ok := strings.CutPrefix(r.URL.EscapedPath(), conformanceBase)
	if !ok {
		addf("it left the base URL: %s", r.URL)
	}
	wantPath, rawQuery, _ := strings.Cut(address, "?")
	wantQuery, err := url.ParseQuery(rawQuery)
	if err != nil {
		addf("its query cannot be read: %v", err)
	}
	if r.Method != method || path != wantPath || cmp.Diff(wantQuery, r.URL.Query()) != "" {
		addf("it is %s %s, query %v", r.Method, path, r.URL.Query())
	}
	for name, want := range x.Header {
		if got := r.Header.Get(name); got != want {
			addf("header %s is %q, want %q", name, got, want)
		}
	}
	if id, secret, _ := r.BasicAuth(); x.Basic != "" && id+":"+secret != x.Basic {
		addf("basic authentication is %s:%s, want %s", id, secret, x.Basic)
	}
	if len(x.Body) > 0 {
		if diff := diffJSON(x.Body, body); diff != "" {
			addf("its body differs:\n%s", diff)
		}
	}
	if x.Form != nil {
		form, err := url.ParseQuery(string(body))
		got := map[string]string{}
		for name := range form {
			got[name] = form.Get(name)
			if x.Form[name] == "*" && got[name] != "" { // it is drawn at random
				got[name] = "*"
			}
		}
		if diff := cmp.Diff(x.Form, got); diff != "" || err != nil {
			addf("its form differs: %v\n%s", err, diff)
		}
	}
	if x.After != "" {
		if least, err := time.ParseDuration(x.After); err != nil || waited < least {
			addf("it came %s after the response before it, want at least %s (%v)", waited, x.After, err)
		}
	}
	return all
}

func (x *exchange) reply(w http.ResponseWriter) {
	a := x.Response
	if a.Close {
		panic(http.ErrAbortHandler)
	}
	text := string(a.JSON)
	if a.Text != nil {
		text = *a.Text
	}
	if text != "" {
		w.Header().Set("Content-Type", "application/json")
	}
	for name, value := range a.Header {
		w.Header().Set(name, value)
	}
	if a.Cut {
		w.Header().Set("Content-Length", fmt.Sprint(len(text)+1))
	}
	if a.Status == 0 {
		a.Status = http.StatusOK
	}
	w.WriteHeader(a.Status)
	_, _ = io.WriteString(w, text)
	if a.Cut {
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}
}

// diffJSON compares two JSON texts by what they say.
func diffJSON(want, got []byte) string {
	var w, g any
	if err := json.Unmarshal(want, &w); err != nil {
		return fmt.Sprintf("%v in %s", err, want)
	}
	if err := json.NewDecoder(bytes.NewReader(got)).Decode(&g); err != nil {
		return fmt.Sprintf("%v in %q", err, got)
	}
	return cmp.Diff(w, g)
}

// serve runs a server in memory until stop is called, so that a test can run in
// fake time.
func serve(handler http.Handler) (client *http.Client, stop func() error) {
	var network memnet.Network
	listener, _ := network.Listen("") // the first listener of a network cannot fail
	server := &http.Server{Handler: handler, ErrorLog: slogDiscard()}
	done := make(chan error, 1)
	go func() { done <- server.Serve(listener) }()
	transport := network.Transport()
	return &http.Client{Transport: transport}, func() error {
		transport.CloseIdleConnections()
		err := server.Close()
		if served := <-done; !errors.Is(served, http.ErrServerClosed) {
			err = errors.Join(err, served)
		}
		return err
	}
}
