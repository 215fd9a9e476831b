package auth_test

import (
	"errors"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/credkit/credkit-go/facade/auth"
	"github.com/credkit/credkit-go/facade/sandbox"
)

func TestKilledProcessesLoseNoSession(t *testing.T) {
	eachStore(t, func(t *testing.T, store string) { killProcesses(t, store, 6, true) })
}

// killProcesses kills processes with kill -9 while they refresh without a
// pause, and looks after each kill whether the store can be read and the
// session is alive. It returns how many sessions were lost.
func killProcesses(t *testing.T, store string, kills int, forgiving bool) (lost int) {
	t.Helper()
	// Tokens that end after 20 ms for their clients, and requests that take 3:
	// a process is nearly always in the middle of a refresh.
	sb, o := setUp(t, store, sandbox.WithTokenLifetime(time.Hour), sandbox.WithExpiresIn("0.02"), sandbox.WithForgivenParent(forgiving))
	if err := sb.Fail(sandbox.On(sandbox.OpToken), sandbox.Delay(3*time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	sessions, src, closeStore, err := o.open()
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := errors.Join(sessions.Close(t.Context()), closeStore()); err != nil {
			t.Error(err)
		}
	}()
	o.signIn(t, sb, sessions)
	children := []*child{spawn(t, o), spawn(t, o)}
	defer func() {
		for _, c := range children {
			_ = c.cmd.Process.Kill()
			_ = c.cmd.Wait() // it was killed
		}
	}()
	begin := time.Now()
	for range kills {
		victim := children[0]
		if _, ok := victim.until("ready"); !ok {
			t.Fatalf("a child ended by itself:\n%s", victim.log)
		}
		time.Sleep(time.Duration(5+rand.IntN(40)) * time.Millisecond)
		if err := victim.cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = victim.cmd.Wait() // it was killed
		children = append(children[1:], spawn(t, o))

		if _, err := sessions.Status(t.Context(), fleetKey); err != nil {
			t.Fatalf("the store cannot be read: %v", err)
		}
		var re *auth.ReauthError
		switch _, err := src.Token(t.Context()); {
		case errors.As(err, &re) && !forgiving:
			lost++
			o.signIn(t, sb, sessions)
		case err != nil:
			t.Fatalf("the session is lost: %v", err)
		}
	}
	c := sb.Counters()
	t.Logf("%d processes killed in %s during %d refreshes: %d replays of a parent forgiven, %d refused, %d sessions lost (%.1f %% of the kills)",
		kills, time.Since(begin).Round(time.Millisecond), c.Refreshes, c.Forgiven, c.ReplaysRefused, c.FamiliesRevoked, 100*float64(c.FamiliesRevoked)/float64(kills))
	if forgiving && (c.FamiliesRevoked != 0 || c.ReplaysRefused != 0) {
		t.Errorf("a token older than the direct parent was sent: %+v", c)
	}
	return lost
}
