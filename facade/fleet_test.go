package facade_test

import (
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/credkit/credkit-go/api/spec"
	"github.com/credkit/credkit-go/facade"
	"github.com/credkit/credkit-go/facade/auth"
	"github.com/credkit/credkit-go/facade/internal/safehttp"
	"github.com/credkit/credkit-go/facade/sandbox"
)

// A fleet fits any rate limit: every worker's call succeeds, and the only cost
// is time. The workers share one client by For.
func TestAFleetFitsARateLimitThatOnlyTheServerKnows(t *testing.T) {
	const workers = 2000
	limit := spec.RateLimit{Requests: 200, Window: time.Second}
	for _, test := range []struct {
		name    string
		atATime int
		opts    []sandbox.Option
	}{
		{"Retry-After", 16, nil},
		{"no Retry-After", 64, []sandbox.Option{sandbox.WithoutRetryAfter()}},
		{"Retry-After", 256, nil},
	} {
		t.Run(fmt.Sprintf("%s, %d at a time", test.name, test.atATime), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				sb, err := sandbox.New(append(test.opts, sandbox.WithCosmicRateLimits(limit), sandbox.WithLogSize(1), sandbox.WithCertificationCount(1))...)
				if err != nil {
					t.Fatal(err)
				}
				defer sb.Close()
				token, err := sb.AccessToken("")
				if err != nil {
					t.Fatal(err)
				}
				fleet, err := facade.NewCosmic(auth.StaticToken(token), facade.WithBaseURL(sb.CosmicURL()),
					facade.WithHTTPClient(&http.Client{Transport: safehttp.RoundTripFunc(func(r *http.Request) (*http.Response, error) {
						time.Sleep(2 * time.Millisecond) // that of the network
						return sb.Transport().RoundTrip(r)
					})}))
				if err != nil {
					t.Fatal(err)
				}
				start := time.Now()
				var next, failed atomic.Int64
				var wg sync.WaitGroup
				for range test.atATime {
					wg.Go(func() {
						for next.Add(1) <= workers {
							worker, err := fleet.For(auth.StaticToken(token))
							if err != nil {
								t.Error(err)
								return
							}
							if certs, err := worker.Certifications().Collect(t.Context(), 2); err != nil || len(certs) != 1 {
								if failed.Add(1) <= 3 {
									t.Errorf("%d certifications, %v", len(certs), err)
								}
							}
						}
					})
				}
				wg.Wait()
				counters := sb.Counters()
				// Each worker makes two requests, /v1/me and the list.
				allowed := time.Duration(2*workers/limit.Requests) * limit.Window
				took := time.Since(start)
				t.Logf("%d requests, %d of them refused, in %v; the limit allows them in %v", counters.Requests, counters.RateLimited, took, allowed)
				if failed.Load() > 0 || took > allowed*5/4 {
					t.Errorf("%d of %d workers failed; took %v", failed.Load(), workers, took)
				}
			})
		})
	}
}
