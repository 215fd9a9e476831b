package main_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/credkit/credkit-go/facade"
	"github.com/credkit/credkit-go/facade/auth"
	"github.com/credkit/credkit-go/facade/sandbox"
)

const (
	pages    = 100
	pageRows = 50
	pause    = 20 * time.Millisecond // of the server, and of the consumer, for each page
)

// slow waits before each response to a list.
type slow struct{ next http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (s slow) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.URL.Path == "/v1/certifications" {
		time.Sleep(pause)
	}
	return s.next.RoundTrip(req)
}

// BenchmarkPaging reads a list of many pages, of a slow server by a slow
// consumer; beside it, what the sleep of one of them takes on this machine.
func BenchmarkPaging(b *testing.B) {
	box, err := sandbox.New(sandbox.WithCertificationCount(pages*pageRows), sandbox.WithPageSize(pageRows), sandbox.WithToday(today))
	if err != nil {
		b.Fatal(err)
	}
	defer box.Close()
	token, err := box.AccessToken("")
	if err != nil {
		b.Fatal(err)
	}
	read := func(opts ...facade.Option) func(*testing.B) {
		return func(b *testing.B) {
			c, err := facade.NewCosmic(auth.StaticToken(token), append(opts,
				facade.WithBaseURL(box.CosmicURL()), facade.WithHTTPClient(&http.Client{Transport: slow{box.Transport()}}))...)
			if err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				rows := 0
				for _, err := range c.Certifications().All(b.Context()) {
					if err != nil {
						b.Fatal(err)
					}
					if rows++; rows%pageRows == 0 {
						time.Sleep(pause)
					}
				}
				if rows != pages*pageRows {
					b.Fatalf("%d rows", rows)
				}
			}
		}
	}
	b.Run("client=credkit", read())
	b.Run("client=credkit-no-read-ahead", read(facade.WithReadAhead(0, 0)))
	b.Run("client=sleep", func(b *testing.B) {
		for b.Loop() {
			for range pages {
				time.Sleep(pause)
			}
		}
	})
}
