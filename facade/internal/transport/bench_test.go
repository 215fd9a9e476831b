package transport

import (
	"bytes"
	"io"
	"net/http"
	"testing"

	"github.com/credkit/credkit-go/api/cosmic"
	"github.com/credkit/credkit-go/facade/auth"
)

// memory responds to every request with a small body.
type memory struct{ body []byte }

func (m memory) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: 200, Header: http.Header{"Content-Type": {"application/json"}}, ContentLength: int64(len(m.body)), Body: io.NopCloser(bytes.NewReader(m.body)), Request: r}, nil
}

// BenchmarkSmallCall is one small call over a transport in memory, by
// http.Client alone and through the chain.
func BenchmarkSmallCall(b *testing.B) {
	base := &http.Client{Transport: memory{bytes.Repeat([]byte(" "), 500)}}
	request := func() *http.Request {
		req, err := http.NewRequest(http.MethodGet, "https://a.test/v1/me", nil)
		if err != nil {
			b.Fatal(err)
		}
		req.Header.Set("Accept", "application/json")
		return req
	}
	b.Run("http.Client", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			req := request().WithContext(b.Context())
			req.Header.Set("Authorization", "Bearer the token")
			resp, err := base.Do(req)
			if err != nil {
				b.Fatal(err)
			}
			if body, err := io.ReadAll(resp.Body); err != nil || len(body) != 500 {
				b.Fatal(err)
			}
			_ = resp.Body.Close()
		}
	})
	source, err := auth.StaticToken("the-token").Source(auth.Endpoint{Service: "cosmic", Origin: "https://a.test"})
	if err != nil {
		b.Fatal(err)
	}
	op, _ := cosmic.Service.Operation(cosmic.OpGetMe)
	h := New(Config{Service: "cosmic", Origin: "https://a.test", Source: source, HTTPClient: base, Budget: NewBudget(0), MaxResponseBytes: 1 << 20, UserAgent: "credkit-go/1"})
	for name, stream := range map[string]bool{"a call": false, "a list": true} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				call := &Call{Operation: op, Request: request(), Stream: stream}
				resp, err := h(b.Context(), call)
				if err != nil {
					b.Fatal(err)
				}
				body := call.Body
				if stream {
					body, err = io.ReadAll(resp.Body)
				}
				if err != nil || len(body) != 500 {
					b.Fatal(err)
				}
				_ = resp.Body.Close()
			}
		})
	}
}
