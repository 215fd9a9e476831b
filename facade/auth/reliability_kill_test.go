package auth_test

import (
	"errors"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/credkit/credkit-go/facade/auth"
	"github.com/credkit/credkit-go/facade/sandbox"
)

// variant is a way in which the server keeps refresh tokens.
type variant struct {
	name    string
	opts    []sandbox.Option
	upgrade bool   // each session moves to algorithm 2 at its first refresh
	loses   string // why it can lose a session; empty if it must not
}

// forgivingVariants lose no session to a crash.
func forgivingVariants() []variant {
	interval := sandbox.WithReuseInterval(10 * time.Second)
	return []variant{
		{name: "algorithm 1"},
		{name: "algorithm 2", opts: []sandbox.Option{sandbox.WithAlgorithm(2)}},
		{name: "algorithm 1 with a reuse interval", opts: []sandbox.Option{interval}},
		{name: "algorithm 2 with a reuse interval", opts: []sandbox.Option{sandbox.WithAlgorithm(2), interval}},
		{name: "an upgrade with a reuse interval", opts: []sandbox.Option{interval}, upgrade: true},
	}
}

func TestKilledProcessesLoseNoSession(t *testing.T) {
	eachStore(t, func(t *testing.T, store string) {
		for _, v := range forgivingVariants()[:2] {
			killProcesses(t, store, 3, v)
		}
	})
}

// killProcesses kills processes with kill -9 while they refresh without a
// pause, and looks after each kill whether the store can be read and the
// session is alive.
func killProcesses(t *testing.T, store string, kills int, v variant) {
	t.Helper()
	// Tokens that end after 20 ms for their clients, and requests that take 3:
	// a process is nearly always in the middle of a refresh.
	sb, o := setUp(t, store, append(v.opts, sandbox.WithTokenLifetime(time.Hour), sandbox.WithExpiresIn("0.02"))...)
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
	signIn := func() { o.signIn(t, sb, sessions) }
	if v.upgrade { // of sessions that began before it, one for each kill
		var before []sandbox.Tokens
		for range 2*kills + 1 {
			tokens, err := sb.SignIn("")
			if err != nil {
				t.Fatal(err)
			}
			before = append(before, tokens)
		}
		sb.UpgradeAtNextRefresh()
		signIn = func() { o.save(t, sessions, before[0]); before = before[1:] }
	}
	signIn()
	children := []*child{spawn(t, o), spawn(t, o)}
	defer func() {
		for _, c := range children {
			_ = c.cmd.Process.Kill()
			_ = c.cmd.Wait() // it was killed
		}
	}()
	begin, lost := time.Now(), 0
	for range kills {
		victim := children[0]
		if _, ok := victim.until("ready"); !ok {
			t.Fatalf("a child ended by itself:\n%s", victim.log)
		}
		if v.upgrade {
			signIn()
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
		case errors.As(err, &re) && v.loses != "":
			lost++
			signIn()
		case err != nil:
			t.Fatalf("%s: the session is lost: %v", v.name, err)
		}
	}
	c := sb.Counters()
	t.Logf("%s: %d processes killed in %s during %d refreshes: %d replays forgiven, %d refused, %d branched, %d sessions lost (%.1f %% of the kills)",
		v.name, kills, time.Since(begin).Round(time.Millisecond), c.Refreshes, c.Forgiven, c.ReplaysRefused, c.Branched, lost, 100*float64(lost)/float64(kills))
	if lost > 0 {
		t.Logf("%s: sessions were lost because %s", v.name, v.loses)
	}
	if v.loses == "" && (c.FamiliesRevoked != 0 || c.ReplaysRefused != 0 || c.Branched != 0) {
		t.Errorf("%s: a token older than the direct parent was sent: %+v", v.name, c)
	}
}
