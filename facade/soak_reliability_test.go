//go:build reliability

package facade_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"os"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/credkit/credkit-go/facade"
	"github.com/credkit/credkit-go/facade/auth"
	"github.com/credkit/credkit-go/facade/sandbox"
)

// 200,000 calls over loopback through 5 % faults: each is right, or a typed
// error, within its deadline; and nothing is left behind.
func TestReliabilitySoak(t *testing.T) {
	const calls, callers, deadline = 200_000, 64, 20 * time.Second
	sb, err := sandbox.Start(sandbox.WithCertificationCount(6), sandbox.WithPageSize(4), sandbox.WithCertnUserCount(5), sandbox.WithTokenLifetime(3*time.Second), sandbox.WithLogSize(1))
	if err != nil {
		t.Fatal(err)
	}
	defer sb.Close()
	seed := uint64(0)
	for _, fault := range [][]sandbox.Part{
		{sandbox.Status(429), sandbox.RetryAfter("0")},
		{sandbox.Status(503)},
		{sandbox.CutBefore(), sandbox.Reset()},
		{sandbox.Drip(40, 2*time.Millisecond)},
		{sandbox.CutAfter(100)},
	} {
		seed++
		if err := sb.Fail(append(fault, sandbox.On(facade.GetMe, facade.ListCertifications, facade.CreateCertification, facade.ListUsers), sandbox.Percent(1), sandbox.Seed(seed))...); err != nil {
			t.Fatal(err)
		}
	}
	store := auth.NewMemoryStore()
	sessions, err := auth.NewSessions(store, auth.App{ClientID: sb.App().ClientID})
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{MaxIdleConnsPerHost: callers}
	opts := []facade.Option{facade.WithHTTPClient(&http.Client{Transport: transport, Timeout: 5 * time.Second}), facade.WithRetry(facade.RetryPolicy{FirstDelay: 5 * time.Millisecond}), facade.WithLimiter(nil)}
	signIn(t, sb, sessions, "worker")
	cosmic, err := facade.NewCosmic(sessions.Key("worker"), append(opts, facade.WithBaseURL(sb.CosmicURL()))...)
	if err != nil {
		t.Fatal(err)
	}
	id, secret := sb.CertnClient()
	certn, err := facade.NewCertn(auth.ClientCredentials(id, secret), append(opts, facade.WithBaseURL(sb.CertnURL()))...)
	if err != nil {
		t.Fatal(err)
	}

	var next, right, failed, wrong, late atomic.Int64
	kinds := sync.Map{}
	work := func(dice *rand.Rand) error {
		ctx, cancel := context.WithTimeout(t.Context(), deadline)
		defer cancel()
		switch dice.IntN(10) {
		case 0, 1, 2, 3:
			me, err := cosmic.Me(ctx)
			if err == nil && me.User.Email != sb.User().Email {
				t.Errorf("the response of somebody else: %+v", me)
			}
			return err
		case 4, 5, 6:
			users, err := certn.Users().Collect(ctx, 100)
			if err == nil && len(users) != 5 {
				t.Errorf("%d users", len(users))
			}
			return err
		case 7, 8:
			certs, err := cosmic.Certifications().Collect(ctx, 100)
			if err == nil && len(certs) != 6 {
				t.Errorf("%d certifications", len(certs))
			}
			return err
		default:
			for _, err := range cosmic.Certifications().All(ctx) {
				if err != nil {
					return err
				}
				break // and leave
			}
			return nil
		}
	}
	run := func(until int64) {
		var wg sync.WaitGroup
		for caller := range callers {
			wg.Go(func() {
				dice := rand.New(rand.NewPCG(uint64(caller), uint64(until)))
				for next.Add(1) <= until {
					start := time.Now()
					err := work(dice)
					if time.Since(start) > deadline+time.Second {
						late.Add(1)
					}
					var typed *facade.Error
					switch {
					case err == nil:
						right.Add(1)
					case errors.As(err, &typed):
						failed.Add(1)
						kinds.LoadOrStore(typed.Error(), true)
					default:
						wrong.Add(1)
						t.Errorf("an error without a type: %v", err)
					}
				}
				next.Add(-1)
			})
		}
		wg.Wait()
		transport.CloseIdleConnections()
		time.Sleep(300 * time.Millisecond) // for connections to close; decides nothing but how flat the figures are
		runtime.GC()
	}
	run(calls / 10)
	goroutines, files, memory := footprint(t)
	start := time.Now()
	run(calls)
	took := time.Since(start)
	goroutinesAfter, filesAfter, memoryAfter := footprint(t)
	t.Logf("%d calls, %.0f a second: %d right, %d typed errors, %d untyped, %d late", calls, calls*0.9/took.Seconds(), right.Load(), failed.Load(), wrong.Load(), late.Load())
	t.Logf("goroutines %d → %d, descriptors %d → %d, heap %d → %d KiB", goroutines, goroutinesAfter, files, filesAfter, memory>>10, memoryAfter>>10)
	c := sb.Counters()
	t.Logf("the sandbox: %d requests, faults %v, %d refreshes, %d replays refused", c.Requests, c.Faults, c.Refreshes, c.ReplaysRefused)
	var texts []string
	kinds.Range(func(text, _ any) bool { texts = append(texts, text.(string)); return true })
	slices.Sort(texts)
	for _, text := range texts[:min(8, len(texts))] {
		t.Log("  ", text)
	}
	if late.Load() > 0 || right.Load()+failed.Load() < calls || right.Load() < calls*95/100 {
		t.Error("too many late or failed")
	}
	if goroutinesAfter > goroutines+20 || filesAfter > files+20 || memoryAfter > memory+16<<20 {
		t.Error("something was left behind")
	}
	if err := sessions.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

func footprint(t *testing.T) (goroutines, files int, heap uint64) {
	t.Helper()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Log("descriptors cannot be counted here:", err)
	}
	return runtime.NumGoroutine(), len(entries), m.HeapAlloc
}
