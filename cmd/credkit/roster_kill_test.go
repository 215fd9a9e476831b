//go:build unix

package main

import (
	"bytes"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/credkit/credkit-go/facade/sandbox"
)

func TestAKilledRosterRunAgainIsTheSame(t *testing.T) {
	t.Parallel()
	killRosters(t, 10)
}

// killRosters kills credkit roster at random moments: while it refreshes
// tokens and reads workers, and while it writes. Each file is then the old one
// or the new one, the state is new only if the output is, and another run
// leaves the bytes of a run that nothing has disturbed.
func killRosters(t *testing.T, kills int) {
	t.Helper()
	users := teamUsers(6)
	w := newWorld(t, sandbox.WithUsers(users...), sandbox.WithTokenLifetime(time.Second)) // each run refreshes
	w.signInTeam(t, users)
	// Each request is counted, and the one of killAt is told of.
	var requests, killAt atomic.Int64
	reached := make(chan struct{}, 1)
	if err := w.Fail(sandbox.When(func(*http.Request) bool {
		if requests.Add(1) == killAt.Load() {
			reached <- struct{}{}
		}
		return false
	}), sandbox.Status(http.StatusTeapot)); err != nil {
		t.Fatal(err)
	}

	dir := t.TempDir()
	state := filepath.Join(dir, "state")
	w.run(t, "roster", "--since", state).expect(t, exitPartial)
	oldState := daysAgo(t, state, 100)
	for _, format := range []string{"csv", "html"} {
		to := filepath.Join(dir, "roster."+format)
		args := []string{"roster", "--since", state, "--to", to}
		start := func(output []byte) {
			t.Helper()
			for path, data := range map[string][]byte{state: oldState, to: output} {
				if err := os.WriteFile(path, data, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			requests.Store(0)
		}
		old := []byte("the old file")
		start(old)
		ran(t, w.env, args...).expect(t, exitPartial)
		wantOutput, wantState, all := read(t, to), read(t, state), requests.Load()
		contain(t, string(wantOutput), "lapsed", "worker-001")

		done, begun := 0, 0
		for range kills / 2 {
			start(old)
			moment := 1 + rand.Int64N(2*all) // half of them while it writes
			delay := time.Duration(rand.Int64N(int64(20 * time.Millisecond)))
			if moment < all {
				delay /= 20
			}
			killAt.Store(min(moment, all))
			cmd := process(t, w.env, args...)
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			ended := make(chan struct{})
			go func() { _ = cmd.Wait(); close(ended) }()
			select {
			case <-reached:
				time.Sleep(delay)
				_ = cmd.Process.Kill() // it may have ended
				<-ended
			case <-ended: // it needed fewer requests, for its tokens are good
			}
			killAt.Store(0)

			output, after := read(t, to), read(t, state)
			switch newOutput, newState := bytes.Equal(output, wantOutput), bytes.Equal(after, wantState); {
			case newState && newOutput:
				done++ // and the next run is one of its own
				continue
			case newState, !newOutput && !bytes.Equal(output, old), !newState && !bytes.Equal(after, oldState):
				t.Errorf("%s, killed %v after request %d of %d: output %q, state %q", format, delay, moment, all, output, after)
			case newOutput:
				begun++
			}
			ran(t, w.env, args...).expect(t, exitPartial)
			if output, after := read(t, to), read(t, state); !bytes.Equal(output, wantOutput) || !bytes.Equal(after, wantState) {
				t.Errorf("%s, killed %v after request %d of %d and run again: output %q, want %q, state %q, want %q", format, delay, moment, all, output, wantOutput, after, wantState)
			}
		}
		t.Logf("%s: of %d runs killed, %d had written the output and not the state, %d both", format, kills/2, begun, done)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if info, err := e.Info(); err != nil || info.Mode() != 0o600 {
			t.Errorf("%s: %v, %v", e.Name(), info.Mode(), err)
		}
	}
	if n := w.Counters(); n.Rotations < kills || n.FamiliesRevoked > 0 {
		t.Errorf("%+v", n)
	}
}
