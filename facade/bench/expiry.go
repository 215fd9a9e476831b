package main

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/credkit/credkit-go/facade/auth"
)

// expiry lets many goroutines use a token over its end, and tells how many
// tokens were asked for and whether anybody waited for one.
func expiry(ctx context.Context, _ int) ([]line, error) {
	const (
		goroutines = 10_000
		life       = 8 * time.Second
		until      = life + life/4 // the second token's advisory window is yet to come
	)
	server := &tokenServer{life: life}
	endpoint := server.endpoint()
	endpoint.AuthorizeURL = "" // of a service that has client credentials
	source, err := auth.ClientCredentials("bench", "secret").Source(endpoint)
	if err != nil {
		return nil, err
	}
	if _, err := source.Token(ctx); err != nil {
		return nil, err
	}
	server.delay = 300 * time.Millisecond // whoever waits for the next token waits this long
	start := time.Now()
	var mu sync.Mutex
	var waits []time.Duration
	err = together(goroutines, 1, func() error {
		var longest time.Duration
		for time.Since(start) < until {
			asked := time.Now()
			if _, err := source.Token(ctx); err != nil {
				return err
			}
			longest = max(longest, time.Since(asked))
			time.Sleep(300 * time.Millisecond)
		}
		mu.Lock()
		defer mu.Unlock()
		waits = append(waits, longest)
		return nil
	})
	if err != nil {
		return nil, err
	}
	waited := 0
	for _, w := range waits {
		if w >= server.delay*3/4 {
			waited++
		}
	}
	asked := server.asked.Load() - 1
	return []line{{
		what:  fmt.Sprintf("%s goroutines crossing an expiry", count(goroutines)),
		ours:  fmt.Sprintf("%d request, %d waited for it, the longest call %s", asked, waited, short(slices.Max(waits))),
		reach: "1 request, nobody waits", reached: asked == 1 && waited == 0,
	}}, nil
}
