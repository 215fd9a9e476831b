package roster_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/credkit/credkit-go/facade"
	"github.com/credkit/credkit-go/facade/auth"
	"github.com/credkit/credkit-go/facade/roster"
	"github.com/credkit/credkit-go/facade/sandbox"
)

// collect ranges over all workers and returns them by key; none may come twice.
func collect(t *testing.T, seq iter.Seq[roster.Worker]) map[string]roster.Worker {
	t.Helper()
	all := map[string]roster.Worker{}
	for w := range seq {
		if _, twice := all[w.Key]; twice {
			t.Errorf("worker %q came twice", w.Key)
		}
		all[w.Key] = w
	}
	return all
}

func TestWorkersYieldsEverySessionOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tm := newTeam(t, 150, teamSettings{expired: true})
		all := collect(t, roster.Workers(t.Context(), tm.cosmic, tm.sessions))
		if len(all) != len(tm.keys) {
			t.Fatalf("%d workers of %d", len(all), len(tm.keys))
		}
		for i, key := range tm.keys {
			w := all[key]
			if w.Err != nil || w.Email() != fmt.Sprintf("worker%d@example.com", i) || w.Name() != fmt.Sprintf("Worker %d", i) || len(w.Certifications) != 3 {
				t.Errorf("%s: %v %q, %d certifications", key, w.Err, w.Email(), len(w.Certifications))
			}
		}
		if n := tm.box.Count(sandbox.OpToken); n != 150 {
			t.Errorf("%d token requests for 150 sessions", n)
		}
	})
}

func TestOneWorkersTroubleStaysThatWorkers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tm := newTeam(t, 20, teamSettings{box: []sandbox.Option{sandbox.WithTokenLifetime(100 * time.Hour)}})
		tm.kill(t, 1)
		tm.signIn(t, "no-scope", teamUser(2).ID, false, "organizations:read")
		tm.strike(t, 3, facade.ListCertifications, sandbox.Status(503))
		tm.strike(t, 4, facade.GetMe, sandbox.Hang())
		tm.strike(t, 5, facade.ListCertifications, sandbox.Status(403))
		tm.strike(t, 6, facade.ListCertifications, sandbox.Status(200), sandbox.Body("text/html", []byte("<html>")))
		tm.strike(t, 7, facade.ListCertifications, sandbox.Status(200), sandbox.Body("application/json",
			[]byte(`{"data":[{"id":"8c1f0c9e-5a1d-4c3e-9d52-1f6a0e0f4b21"},{"id":7}]}`)))
		tm.strike(t, 8, facade.GetMe, sandbox.Status(401))
		if err := put(t, tm.store, tm.keys[9], []byte("damaged")); err != nil {
			t.Fatal(err)
		}
		tests := []struct {
			key     string
			problem roster.Problem
			says    string
			certs   int
		}{
			{tm.keys[0], "", "", 3},
			{tm.keys[1], roster.ProblemSignIn, "sign in again", 0},
			{"no-scope", roster.ProblemScope, "add the scope", 0},
			{tm.keys[3], roster.ProblemFailed, "503", 0},
			{tm.keys[4], roster.ProblemTimeout, "not finished after 30s", 0},
			{tm.keys[5], roster.ProblemForbidden, "membership", 0},
			{tm.keys[6], roster.ProblemData, "drift", 0},
			{tm.keys[7], roster.ProblemData, "1 of the worker's certifications could not be read", 1},
			{tm.keys[8], roster.ProblemForbidden, "account", 0},
			{tm.keys[9], roster.ProblemStore, "store", 0},
			{tm.keys[10], "", "", 3},
		}
		all := collect(t, roster.Workers(t.Context(), tm.cosmic, tm.sessions, roster.WithTimeout(30*time.Second)))
		if len(all) != len(tm.keys) {
			t.Errorf("%d workers of %d", len(all), len(tm.keys))
		}
		for _, test := range tests {
			w := all[test.key]
			if w.Problem() != test.problem || w.NeedsSignIn() != (test.problem == roster.ProblemSignIn) || len(w.Certifications) != test.certs {
				t.Errorf("%s: problem %q, want %q; %d certifications: %v", test.key, w.Problem(), test.problem, len(w.Certifications), w.Err)
			}
			var e *roster.Error
			switch {
			case test.problem == "" && w.Err == nil:
			case !errors.As(w.Err, &e) || e.Key != test.key:
				t.Errorf("%s: the error does not name the worker: %v", test.key, w.Err)
			case !strings.Contains(e.Error(), test.says) || !strings.Contains(e.Error(), test.key):
				t.Errorf("%s: %v, want it to say %q", test.key, e, test.says)
			}
		}
	})
}

func TestRecordsThatAreNoSessionsAreNoWorkers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tm := newTeam(t, 3, teamSettings{})
		id, secret := tm.box.CertnClient()
		certn, err := facade.NewCertn(auth.ClientCredentials(id, secret, auth.WithTokenStore(tm.store, "certn")),
			facade.WithBaseURL(tm.box.CertnURL()), facade.WithHTTPClient(tm.box.Client()))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := certn.Users().First(t.Context()); err != nil {
			t.Fatal(err)
		}
		var last roster.Progress
		all := collect(t, roster.Workers(t.Context(), tm.cosmic, tm.sessions, roster.WithProgress(func(p roster.Progress) { last = p })))
		if _, there := all["certn"]; there || len(all) != 3 || last.Done != 3 {
			t.Errorf("%d workers, %+v: %v", len(all), last, all["certn"].Err)
		}
	})
}

func TestBreakingOutEndsEverything(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tm := newTeam(t, 40, teamSettings{})
		if err := tm.box.Fail(sandbox.On(facade.ListCertifications), sandbox.After(5), sandbox.Hang()); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		n := 0
		for w := range roster.Workers(t.Context(), tm.cosmic, tm.sessions, roster.WithParallel(8)) {
			if w.Err != nil {
				t.Error(w.Err)
			}
			if n++; n == 5 {
				break
			}
		}
		if elapsed := time.Since(began); elapsed > time.Second {
			t.Errorf("breaking out took %v", elapsed)
		}
		synctest.Wait()
		if stacks := stacksWith("roster.(*run"); stacks != "" {
			t.Errorf("goroutines are left:\n%s", stacks)
		}
	})
}

// stacksWith returns the stacks of all goroutines in which a function's name
// occurs.
func stacksWith(name string) string {
	buf := make([]byte, 1<<20)
	var found []string
	for _, stack := range strings.Split(string(buf[:runtime.Stack(buf, true)]), "\n\n") {
		if strings.Contains(stack, name) {
			found = append(found, stack)
		}
	}
	return strings.Join(found, "\n\n")
}

func TestAnEndedContextEndsTheRangeAndSaysSo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tm := newTeam(t, 40, teamSettings{})
		ctx, cancel := context.WithCancelCause(t.Context())
		defer cancel(nil)
		stopped := errors.New("the program is stopping")
		var last roster.Worker
		seen := 0
		for w := range roster.Workers(ctx, tm.cosmic, tm.sessions, roster.WithParallel(4)) {
			if last = w; w.Key != "" {
				if seen++; w.Err != nil {
					t.Error(w.Err)
				}
			}
			if seen == 10 {
				cancel(stopped)
			}
		}
		if seen < 10 || seen > 14 || last.Key != "" || !errors.Is(last.Err, roster.ErrIncomplete) || !errors.Is(last.Err, stopped) {
			t.Errorf("%d workers, at the end %q: %v", seen, last.Key, last.Err)
		}
	})
}

func TestACompleteRangeIsNotIncompleteWhenItsContextEndsLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tm := newTeam(t, 3, teamSettings{})
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		n := 0
		for w := range roster.Workers(ctx, tm.cosmic, tm.sessions, roster.WithParallel(8)) {
			if w.Err != nil {
				t.Error(w.Err)
			}
			synctest.Wait() // all are read and wait to be handed out
			cancel()
			n++
		}
		if n != 3 {
			t.Errorf("%d workers of 3", n)
		}
	})
}

// listed is sessions with keys of a test's own.
type listed struct {
	*auth.Sessions
	keys iter.Seq2[string, error]
}

func (l listed) Keys(context.Context) iter.Seq2[string, error] { return l.keys }

func TestAStoreThatCannotListEndsTheRangeAndSaysSo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tm := newTeam(t, 3, teamSettings{})
		broken := errors.New("the disk is gone")
		all := collect(t, roster.Workers(t.Context(), tm.cosmic, listed{tm.sessions, func(yield func(string, error) bool) {
			_ = yield(tm.keys[0], nil) && yield("", broken)
		}}))
		if len(all) != 2 || all[tm.keys[0]].Err != nil || !errors.Is(all[""].Err, broken) || !errors.Is(all[""].Err, roster.ErrIncomplete) {
			t.Errorf("%v", all)
		}
	})
}

func TestAtMostParallelWorkersAreHeld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tm := newTeam(t, 60, teamSettings{})
		var begun atomic.Int64
		handed := int64(0)
		const parallel = 7
		for r := range roster.Each(t.Context(), tm.cosmic, tm.sessions, func(context.Context, *facade.Cosmic, string) (int64, error) {
			return begun.Add(1), nil
		}, roster.WithParallel(parallel)) {
			if r.Err != nil {
				t.Error(r.Err)
			}
			handed++
			synctest.Wait() // the slow consumer: everything that can be begun is
			if ahead := begun.Load() - handed; ahead > parallel {
				t.Fatalf("%d are held, at most %d are allowed", ahead, parallel)
			}
		}
		if handed != 60 {
			t.Errorf("%d of 60", handed)
		}
	})
}

func TestAPanicIsOneWorkersError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tm := newTeam(t, 5, teamSettings{})
		cause := errors.New("cause")
		results := map[string]error{}
		for r := range roster.Each(t.Context(), tm.cosmic, tm.sessions, func(_ context.Context, _ *facade.Cosmic, key string) (string, error) {
			switch key {
			case tm.keys[1]:
				panic(cause)
			case tm.keys[2]:
				runtime.Goexit()
			}
			return key, nil
		}) {
			results[r.Key] = r.Err
			if r.Err == nil && r.Value != r.Key {
				t.Errorf("%q has the value of %q", r.Key, r.Value)
			}
		}
		var p *auth.PanicError
		if len(results) != 5 || !errors.As(results[tm.keys[1]], &p) || !errors.Is(p, cause) || !strings.Contains(string(p.Stack), "workers_test.go") {
			t.Errorf("%d results, the panic's: %v", len(results), results[tm.keys[1]])
		}
		if err := results[tm.keys[2]]; err == nil || results[tm.keys[0]] != nil {
			t.Errorf("Goexit: %v, another: %v", err, results[tm.keys[0]])
		}
	})
}

func TestAPanicOfTheCallerLeavesNoGoroutine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tm := newTeam(t, 10, teamSettings{})
		func() {
			defer func() { _ = recover() }()
			for range roster.Workers(t.Context(), tm.cosmic, tm.sessions) {
				panic("in the loop")
			}
		}()
		synctest.Wait()
		if stacks := stacksWith("roster.(*run"); stacks != "" {
			t.Errorf("goroutines are left:\n%s", stacks)
		}
	})
}

func TestShardsAreTheWholeStoreEachKeyOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tm := newTeam(t, 90, teamSettings{})
		const shards = 4
		seen := map[string]int{}
		for i := range shards {
			n := 0
			for w := range roster.Workers(t.Context(), tm.cosmic, tm.sessions, roster.WithShard(i, shards)) {
				seen[w.Key]++
				n++
			}
			if n < 10 || n > 35 {
				t.Errorf("shard %d of %d has %d of 90", i, shards, n)
			}
		}
		for _, key := range tm.keys {
			if seen[key] != 1 {
				t.Errorf("%s is in %d shards", key, seen[key])
			}
		}
	})
}

func TestTheShardOfAKeyNeverChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tm := newTeam(t, 0, teamSettings{})
		keys := []string{"worker-000", "worker-001", "worker-002", "worker-003", "worker-004", "worker-005", "worker-006", "worker-007", "größe", "a/b"}
		var got []string
		for w := range roster.Workers(t.Context(), tm.cosmic, tm.sessions, roster.WithKeys(keys...), roster.WithShard(0, 3)) {
			got = append(got, w.Key)
		}
		slices.Sort(got)
		if want := []string{"größe", "worker-000", "worker-003", "worker-006"}; !slices.Equal(got, want) {
			t.Errorf("shard 0 of 3 has %q, want %q", got, want)
		}
	})
}

func TestWithKeysReadsEachOfThemOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tm := newTeam(t, 5, teamSettings{})
		all := collect(t, roster.Workers(t.Context(), tm.cosmic, tm.sessions, roster.WithKeys(tm.keys[3], "new", tm.keys[3])))
		if len(all) != 2 || all[tm.keys[3]].Err != nil || !all["new"].NeedsSignIn() {
			t.Errorf("%v", all)
		}
		if all := collect(t, roster.Workers(t.Context(), tm.cosmic, tm.sessions, roster.WithKeys())); len(all) != 0 {
			t.Errorf("no keys gave %d workers", len(all))
		}
	})
}

func TestWithMatchFiltersCertifications(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tm := newTeam(t, 2, teamSettings{})
		for w := range roster.Workers(t.Context(), tm.cosmic, tm.sessions, roster.WithMatch(facade.TypeSlug("epa-608-universal"))) {
			if w.Err != nil || len(w.Certifications) != 1 || w.Certifications[0].CertificationType.Slug != "epa-608-universal" {
				t.Errorf("%s: %v, %d certifications", w.Key, w.Err, len(w.Certifications))
			}
		}
	})
}

func TestProgressCountsUpToTheTotal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tm := newTeam(t, 30, teamSettings{})
		tm.kill(t, 4)
		if err := tm.box.Fail(sandbox.On(facade.GetMe), sandbox.Delay(100*time.Millisecond)); err != nil {
			t.Fatal(err)
		}
		var steps []roster.Progress
		for range roster.Workers(t.Context(), tm.cosmic, tm.sessions, roster.WithParallel(5),
			roster.WithProgress(func(p roster.Progress) { steps = append(steps, p) })) { //nolint:revive // the steps count
		}
		last := steps[len(steps)-1]
		if len(steps) != 31 || steps[0].Done != 0 || last.Done != 30 || last.Failed != 1 || last.Total != 30 || steps[10].Total != 30 {
			t.Errorf("%d steps: %+v … %+v", len(steps), steps[0], last)
		}
		// 29 workers of 100 ms, 5 at a time
		if last.Elapsed < 500*time.Millisecond || last.Rate() < 20 || last.Rate() > 60 {
			t.Errorf("%v, %v a second", last.Elapsed, last.Rate())
		}
	})
}

func TestWrongOptionsAreTheOnlyResult(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tm := newTeam(t, 3, teamSettings{})
		tests := map[string]struct {
			option roster.Option
			says   string
		}{
			"none at a time": {roster.WithParallel(0), "WithParallel: must be at least 1, got 0"},
			"no time":        {roster.WithTimeout(0), "WithTimeout: must be positive, got 0s"},
			"an empty key":   {roster.WithKeys("a", ""), "WithKeys: a key is empty"},
			"a part too far": {roster.WithShard(3, 3), "WithShard: part 3 of 3 does not exist"},
			"no function":    {roster.WithProgress(nil), "WithProgress: the function is nil"},
		}
		for name, test := range tests {
			all := collect(t, roster.Workers(t.Context(), tm.cosmic, tm.sessions, roster.WithParallel(2), test.option))
			if err := all[""].Err; len(all) != 1 || !errors.Is(err, roster.ErrIncomplete) || !strings.Contains(err.Error(), test.says) {
				t.Errorf("%s: %d workers, %v", name, len(all), err)
			}
		}
		if all := collect(t, roster.Workers(t.Context(), nil, tm.sessions)); !errors.Is(all[""].Err, roster.ErrIncomplete) {
			t.Errorf("no client: %v", all)
		}
	})
}

func TestEachRangesOfItAreIndependent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tm := newTeam(t, 12, teamSettings{})
		workers := roster.Workers(t.Context(), tm.cosmic, tm.sessions)
		var all sync.WaitGroup
		for range 3 {
			all.Go(func() {
				n := 0
				for w := range workers {
					if w.Err != nil {
						t.Error(w.Err)
					}
					n++
				}
				if n != 12 {
					t.Errorf("%d of 12", n)
				}
			})
		}
		all.Wait()
	})
}

func TestAListWithoutAnEndIsThatWorkersTrouble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tm := newTeam(t, 1, teamSettings{box: []sandbox.Option{sandbox.WithCertificationCount(1 << 30), sandbox.WithPageSize(100)}})
		w := collect(t, roster.Workers(t.Context(), tm.cosmic, tm.sessions))[tm.keys[0]]
		if w.Problem() != roster.ProblemData || len(w.Certifications) != 10_000 {
			t.Errorf("%d certifications, %v", len(w.Certifications), w.Err)
		}
	})
}
