package roster_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/credkit/credkit-go/api/spec"
	"github.com/credkit/credkit-go/facade"
	"github.com/credkit/credkit-go/facade/roster"
	"github.com/credkit/credkit-go/facade/sandbox"
)

// Of 150 workers 3 % have dead sessions and one hangs; 2 % of the responses are
// 503, and the server allows 200 requests a second. Every worker comes once,
// with what was read or with the right error.
func TestWorkersOfATroubledFleet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const n, hanging = 150, 77
		tm := newTeam(t, n, teamSettings{box: []sandbox.Option{
			sandbox.WithCosmicRateLimits(spec.RateLimit{Requests: 200, Window: time.Second}), sandbox.WithTokenLifetime(100 * time.Hour),
		}})
		dead := map[string]bool{}
		for i := 5; i < n; i += 33 {
			tm.kill(t, i)
			dead[tm.keys[i]] = true
		}
		tm.strike(t, hanging, facade.ListCertifications, sandbox.Hang())
		if err := tm.box.Fail(sandbox.On(facade.GetMe, facade.ListCertifications), sandbox.Percent(2), sandbox.Status(503)); err != nil {
			t.Fatal(err)
		}
		all := collect(t, roster.Workers(t.Context(), tm.cosmic, tm.sessions, roster.WithParallel(64), roster.WithTimeout(2*time.Minute)))
		if len(all) != n {
			t.Errorf("%d workers of %d", len(all), n)
		}
		for i, key := range tm.keys {
			want := roster.Problem("")
			switch {
			case dead[key]:
				want = roster.ProblemSignIn
			case i == hanging:
				want = roster.ProblemTimeout
			}
			if w := all[key]; w.Problem() != want || want == "" && len(w.Certifications) != 3 {
				t.Errorf("%s: %q, want %q: %v", key, w.Problem(), want, w.Err)
			}
		}
		if len(dead) != 5 || tm.box.Counters().RateLimited == 0 {
			t.Errorf("%d dead sessions, %d responses of 429", len(dead), tm.box.Counters().RateLimited)
		}
	})
}
