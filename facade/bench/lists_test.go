package main_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"testing"

	"github.com/credkit/credkit-go/facade"
	"github.com/credkit/credkit-go/facade/bench/stock"
	"github.com/credkit/credkit-go/facade/sandbox"
)

// BenchmarkList decodes one whole list, in a call from memory.
func BenchmarkList(b *testing.B) {
	for _, rows := range []int{1, 10, 50, 10_000} {
		response := wholeList(b, rows)
		for _, c := range clients(target{"https://cosmic.test", "a-token", &http.Client{Transport: memory{response}}}) {
			b.Run(fmt.Sprintf("rows=%d/client=%s", rows, c.name), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if n, err := c.list(b.Context()); err != nil || n != rows {
						b.Fatal(n, err)
					}
				}
			})
		}
	}
}

// BenchmarkWrite writes one certification as JSON: by its method, and by
// json.Marshal, which checks and compacts what a method returns. What that
// costs is seen beside bytes that are ready.
func BenchmarkWrite(b *testing.B) {
	page := wholeList(b, 1)
	var ours struct{ Data []facade.Certification }
	var theirs struct{ Data []stock.Certification }
	if err := errors.Join(json.Unmarshal(page, &ours), json.Unmarshal(page, &theirs)); err != nil {
		b.Fatal(err)
	}
	ready, err := ours.Data[0].MarshalJSON()
	if err != nil {
		b.Fatal(err)
	}
	for _, c := range []struct {
		name  string
		write func() ([]byte, error)
	}{
		{"by=MarshalJSON/client=credkit", ours.Data[0].MarshalJSON},
		{"by=MarshalJSON/client=generated", func() ([]byte, error) { return json.Marshal(theirs.Data[0]) }}, // it has no method
		{"by=json.Marshal/client=credkit", func() ([]byte, error) { return json.Marshal(ours.Data[0]) }},
		{"by=json.Marshal/client=generated", func() ([]byte, error) { return json.Marshal(theirs.Data[0]) }},
		{"by=json.Marshal/client=ready", func() ([]byte, error) { return json.Marshal(json.RawMessage(ready)) }},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := c.write(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkCall makes the smallest call over loopback, to a server in a
// process of its own.
func BenchmarkCall(b *testing.B) {
	server, stop := start(b, task{Rows: 1})
	defer stop()
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	for _, c := range clients(target{server.Base, server.Token, &http.Client{Transport: transport}}) {
		b.Run("client="+c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := c.me(b.Context()); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// wholeList returns the sandbox's response to a list of so many certifications.
func wholeList(b *testing.B, rows int) []byte {
	b.Helper()
	box, err := sandbox.New(sandbox.WithCertificationCount(rows), sandbox.WithoutPaging(), sandbox.WithToday(today))
	if err != nil {
		b.Fatal(err)
	}
	defer box.Close()
	access, err := box.AccessToken("")
	if err != nil {
		b.Fatal(err)
	}
	req, err := http.NewRequestWithContext(b.Context(), http.MethodGet, box.CosmicURL()+"/v1/certifications", nil)
	if err != nil {
		b.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+access)
	resp, err := box.Client().Do(req)
	if err != nil {
		b.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		b.Fatal(resp.Status, err)
	}
	return body
}

// memory responds to every request with the same bytes, without a network.
type memory struct{ list []byte }

// RoundTrip implements http.RoundTripper.
func (m memory) RoundTrip(req *http.Request) (*http.Response, error) {
	const me = `{"user":{"id":"3c90c3cc-0d44-4b50-8888-8dd25736052a","email":"ada@example.com","display_name":"Ada Lovelace"},"scopes":["certification_records:read"]}`
	body := m.list
	if req.URL.Path == "/v1/me" {
		body = []byte(me)
	}
	return &http.Response{
		StatusCode: http.StatusOK, Status: "200 OK",
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header:        http.Header{"Content-Type": {"application/json"}},
		Body:          io.NopCloser(bytes.NewReader(body)),
		ContentLength: int64(len(body)),
		Request:       req,
	}, nil
}
