package main

import (
	"context"
	"fmt"
	"net/http"
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

// paging reads a list of many pages, of a slow server by a slow consumer.
func paging(ctx context.Context, _ int) ([]line, error) {
	box, err := sandbox.New(sandbox.WithCertificationCount(pages*pageRows), sandbox.WithPageSize(pageRows), sandbox.WithToday(today))
	if err != nil {
		return nil, err
	}
	defer box.Close()
	token, err := box.AccessToken("")
	if err != nil {
		return nil, err
	}
	through := func(opts ...facade.Option) (time.Duration, error) {
		c, err := facade.NewCosmic(auth.StaticToken(token), append(opts,
			facade.WithBaseURL(box.CosmicURL()), facade.WithHTTPClient(&http.Client{Transport: slow{box.Transport()}}))...)
		if err != nil {
			return 0, err
		}
		start, rows := time.Now(), 0
		for _, err := range c.Certifications().All(ctx) {
			if err != nil {
				return 0, err
			}
			if rows++; rows%pageRows == 0 {
				time.Sleep(pause)
			}
		}
		if rows != pages*pageRows {
			return 0, fmt.Errorf("%d rows came of %d", rows, pages*pageRows)
		}
		return time.Since(start), nil
	}
	// What sleeping takes on this machine, which is more than it was asked for.
	start := time.Now()
	for range pages {
		time.Sleep(pause)
	}
	larger := time.Since(start)
	ahead, err := through()
	if err != nil {
		return nil, err
	}
	lazy, err := through(facade.WithReadAhead(0, 0))
	if err != nil {
		return nil, err
	}
	what := fmt.Sprintf("%d pages, server and consumer %s a page each", pages, pause)
	return []line{
		{
			what: what, ours: short(ahead), peer: "the larger of the two alone", theirs: short(larger),
			ratio: fmt.Sprintf("%.2f × its time", ratio(ahead, larger)),
			reach: "≤ 1.15 ×", reached: ratio(ahead, larger) <= 1.15,
		},
		{what: what, peer: "the same without reading ahead", theirs: short(lazy), ratio: fmt.Sprintf("%.2f × its time", ratio(ahead, lazy))},
	}, nil
}
