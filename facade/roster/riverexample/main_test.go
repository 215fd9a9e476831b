package main

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"golang.org/x/oauth2"

	"github.com/credkit/credkit-go/facade"
	"github.com/credkit/credkit-go/facade/auth"
	"github.com/credkit/credkit-go/facade/auth/pgstore"
	"github.com/credkit/credkit-go/facade/auth/pgstore/pgtest"
	"github.com/credkit/credkit-go/facade/sandbox"
)

var database pgtest.Server

// asCommand makes this test binary the command.
const asCommand = "RIVEREXAMPLE_TEST_AS_COMMAND"

func TestMain(m *testing.M) {
	if os.Getenv(asCommand) != "" {
		main()
		return
	}
	code := m.Run()
	database.Stop()
	os.Exit(code)
}

const (
	team      = 40
	dead      = 7  // its session has ended
	scopeless = 11 // its sign-in lacks the scope
)

// signedIn is a sandbox whose team has its sessions in the database at url.
func signedIn(t *testing.T, pool *pgxpool.Pool) *sandbox.Sandbox {
	t.Helper()
	var users []sandbox.User
	for i := range team {
		users = append(users, sandbox.User{ID: fmt.Sprintf("00000000-0000-4000-8000-%012d", i), Email: fmt.Sprintf("worker-%02d@example.com", i)})
	}
	box, err := sandbox.Start(sandbox.WithUsers(users...), sandbox.WithTokenLifetime(2*time.Second)) // so that there are refreshes
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(box.Close)
	store, err := pgstore.New(stdlib.OpenDBFromPool(pool))
	if err != nil {
		t.Fatal(err)
	}
	if err := createTables(t.Context(), pool, store); err != nil {
		t.Fatal(err)
	}
	sessions, err := auth.NewSessions(store, box.AuthApp())
	if err != nil {
		t.Fatal(err)
	}
	for i, u := range users {
		in := sandbox.SignIn{User: u.ID}
		if i == scopeless {
			in.Scopes = []string{"certification_types:read"}
		}
		grant, err := box.Grant(in)
		if i == dead {
			grant, err = ended(box, in)
		}
		if err == nil {
			err = sessions.SignIn(t.Context(), fmt.Sprintf("worker-%02d", i), grant)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := sessions.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	return box
}

// ended is a sign-in whose session has ended, and whose access token is over.
func ended(box *sandbox.Sandbox, in sandbox.SignIn) (auth.Grant, error) {
	tokens, err := box.SignInWith(in)
	if err == nil {
		err = box.EndSession(tokens.SessionID, sandbox.SessionNotFound)
	}
	if err != nil {
		return auth.Grant{}, err
	}
	endpoint, err := facade.CosmicEndpoint(box.CosmicOptions()...)
	if err != nil {
		return auth.Grant{}, err
	}
	return auth.NewGrant(endpoint, box.AuthApp(), &oauth2.Token{AccessToken: tokens.AccessToken, RefreshToken: tokens.RefreshToken, Expiry: time.Now().Add(-time.Hour)})
}

// process is one machine of several.
func process(t *testing.T, box *sandbox.Sandbox, url string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-parallel", "4", "-timeout", "4s")
	cmd.Env = append(os.Environ(), asCommand+"=1", "CREDKIT_STORE="+url, "COSMIC_BASE_URL="+box.CosmicURL(), "COSMIC_CLIENT_ID="+box.App().ClientID, "COSMIC_CLIENT_SECRET="+box.App().ClientSecret)
	var mu sync.Mutex
	var said bytes.Buffer
	cmd.Stdout = writer(func(p []byte) (int, error) { mu.Lock(); defer mu.Unlock(); return said.Write(p) })
	cmd.Stderr = cmd.Stdout
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it may have ended
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("process %d: %s", cmd.Process.Pid, said.String())
		}
	})
	return cmd
}

type writer func([]byte) (int, error)

func (w writer) Write(p []byte) (int, error) { return w(p) }

// count is the number that a query returns.
func count(t *testing.T, pool *pgxpool.Pool, query string, args ...any) (n int) {
	t.Helper()
	if err := pool.QueryRow(t.Context(), query, args...).Scan(&n); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return n
}

// until waits for a condition, as long as the test may run.
func until(t *testing.T, what string, reached func() bool) {
	t.Helper()
	for !reached() {
		if deadline, ok := t.Deadline(); ok && time.Until(deadline) < 10*time.Second {
			t.Fatalf("still not: %s", what)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// Two processes work on the jobs of one night. One is killed while it has jobs
// in hand; the other finishes them. Every worker is read once, and none is lost.
func TestAProcessIsKilled(t *testing.T) {
	url := database.NewDatabase(t)
	pool, err := pgxpool.New(context.Background(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	box := signedIn(t, pool)
	// Some calls fail, and are tried again by the client or the queue.
	if err := box.Fail(sandbox.On(facade.GetMe, facade.ListCertifications), sandbox.Percent(10), sandbox.Status(503)); err != nil {
		t.Fatal(err)
	}
	// The calls of one process hang once it has read some, so that it is killed
	// with jobs in hand.
	if err := box.Fail(sandbox.On(facade.ListCertifications), sandbox.After(10), sandbox.Times(8), sandbox.Hang()); err != nil {
		t.Fatal(err)
	}
	a, b := process(t, box, url), process(t, box, url)
	var victim *exec.Cmd
	inHand := func(cmd *exec.Cmd) int {
		return count(t, pool, `SELECT count(*) FROM river_job WHERE kind = 'roster_read' AND state = 'running' AND attempted_by[array_upper(attempted_by, 1)] LIKE '%-' || $1::text`, fmt.Sprint(cmd.Process.Pid))
	}
	until(t, "a process that has read workers has jobs in hand", func() bool {
		for _, cmd := range []*exec.Cmd{a, b} {
			if inHand(cmd) > 1 && count(t, pool, "SELECT count(*) FROM roster_result") > 5 {
				victim = cmd
				return true
			}
		}
		return false
	})
	if err := victim.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = victim.Wait() // killed
	lost := inHand(victim)

	until(t, "every worker has a result", func() bool {
		return count(t, pool, "SELECT count(*) FROM roster_result") == team &&
			count(t, pool, "SELECT count(*) FROM river_job WHERE kind = 'roster_read' AND state = 'completed'") == team
	})
	if lost == 0 || inHand(victim) > 0 {
		t.Errorf("killed with %d jobs in hand, of which %d still are", lost, inHand(victim))
	}
	if n := count(t, pool, "SELECT count(DISTINCT worker) FROM roster_result"); n != team {
		t.Errorf("%d workers", n)
	}
	if n := count(t, pool, "SELECT count(*) FROM river_job WHERE kind = 'roster_read'"); n != team {
		t.Errorf("%d jobs", n)
	}
	problems := map[string]string{}
	rows, err := pool.Query(t.Context(), "SELECT worker, row->'error'->>'problem' FROM roster_result WHERE row->'error' != 'null'")
	if err != nil {
		t.Fatal(err)
	}
	for rows.Next() {
		var worker, problem string
		if err := rows.Scan(&worker, &problem); err != nil {
			t.Fatal(err)
		}
		problems[worker] = problem
	}
	if want := map[string]string{"worker-07": "sign_in", "worker-11": "scope"}; rows.Err() != nil || !maps.Equal(problems, want) {
		t.Errorf("problems: %v, want %v; %v", problems, want, rows.Err())
	}
	if n := count(t, pool, "SELECT count(*) FROM roster_result WHERE jsonb_array_length(row->'certifications') = 12"); n != team-2 {
		t.Errorf("%d workers are complete", n)
	}
	if n := box.Counters(); n.FamiliesRevoked > 0 {
		t.Errorf("sessions were lost: %+v", n)
	}
}

func TestDaily(t *testing.T) {
	at := func(hour, minute int) time.Time { return time.Date(2026, 11, 25, hour, minute, 0, 0, time.UTC) }
	for now, want := range map[time.Time]time.Time{at(1, 59): at(2, 0), at(2, 0): at(26, 0), at(23, 0): at(26, 0)} {
		if got := daily(2).Next(now); !got.Equal(want) {
			t.Errorf("after %v: %v, want %v", now, got, want)
		}
	}
}
