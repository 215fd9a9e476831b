package main_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/credkit/credkit-go/api/spec"
	"github.com/credkit/credkit-go/facade"
	"github.com/credkit/credkit-go/facade/auth/pgstore/pgtest"
	"github.com/credkit/credkit-go/facade/sandbox"
)

// postgres starts with the first benchmark that needs it.
var postgres pgtest.Server

// processes are what runs beside the benchmark: servers, and readers whose
// memory counts. Each is this program once more, with its name as the argument
// and its task as standard input.
var processes = map[string]func(task){
	"server": serve, "list": readList, "roster": readRoster, "plain": readPlain, "statuses": readStatuses,
}

func TestMain(m *testing.M) {
	if len(os.Args) == 2 && processes[os.Args[1]] != nil {
		var t task
		must(json.NewDecoder(os.Stdin).Decode(&t))
		processes[os.Args[1]](t)
		return
	}
	code := m.Run()
	postgres.Stop()
	os.Exit(code)
}

// must ends the process at an error.
func must(err error) {
	if err != nil {
		log.Output(2, err.Error())
		os.Exit(1)
	}
}

// task is what a process is to do.
type task struct {
	// Of a server.
	Rows    int           // certifications of each worker
	Workers int           // that are signed in; 0 for one, whose token it returns
	Limit   int           // requests a second; 0 for no limit
	Delay   time.Duration // before each response
	// Of a reader.
	Server   endpoint
	Client   string // whose list
	Store    string // a directory, or a URL of PostgreSQL
	Parallel int
}

// endpoint is a server that runs.
type endpoint struct {
	Base, ClientID, Token string
	Sessions              []session // the workers'
}

type session struct{ Access, Refresh string }

// outcome is what a reader has found.
type outcome struct {
	Rows        int
	Connections int64
	Elapsed     time.Duration
	Peak        uint64 // most bytes resident
}

// run runs a reader to its end.
func run(b *testing.B, name string, t task) (o outcome) {
	b.Helper()
	cmd := command(b, name, t)
	out, err := cmd.Output()
	if err == nil {
		err = json.Unmarshal(out, &o)
	}
	if err != nil {
		b.Fatalf("%s: %v", name, err)
	}
	return o
}

func command(b *testing.B, name string, t task) *exec.Cmd {
	b.Helper()
	self, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	input, err := json.Marshal(t)
	if err != nil {
		b.Fatal(err)
	}
	cmd := exec.CommandContext(b.Context(), self, name)
	cmd.Stdin, cmd.Stderr = bytes.NewReader(input), os.Stderr
	return cmd
}

// report prints the outcome of a reader that began at a time.
func report(o outcome, start time.Time) {
	o.Elapsed = time.Since(start)
	status, err := os.ReadFile("/proc/self/status")
	must(err)
	_, rest, _ := strings.Cut(string(status), "VmHWM:")
	_, err = fmt.Sscan(rest, &o.Peak)
	must(err)
	o.Peak <<= 10
	must(json.NewEncoder(os.Stdout).Encode(o))
}

// start starts a server. stop ends it and returns what it has counted.
func start(b *testing.B, t task) (e endpoint, stop func() sandbox.Counters) {
	b.Helper()
	cmd := command(b, "server", t)
	end, stopped := io.Pipe()
	cmd.Stdin = io.MultiReader(cmd.Stdin, end)
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		b.Fatal(err)
	}
	lines := json.NewDecoder(out)
	if err := lines.Decode(&e); err != nil {
		b.Fatal(err)
	}
	return e, func() (n sandbox.Counters) {
		stopped.Close()
		if err := lines.Decode(&n); err != nil {
			b.Fatal(err)
		}
		if err := cmd.Wait(); err != nil {
			b.Fatal(err)
		}
		return n
	}
}

// today makes every run decode the same bytes.
var today = time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)

// serve runs a sandbox until its standard input ends.
func serve(t task) {
	opts := []sandbox.Option{
		sandbox.WithCertificationCount(t.Rows), sandbox.WithoutPaging(), sandbox.WithToday(today),
		sandbox.WithTokenLifetime(24 * time.Hour), sandbox.WithLogSize(1),
	}
	if t.Limit > 0 {
		opts = append(opts, sandbox.WithCosmicRateLimits(spec.RateLimit{Requests: t.Limit, Window: time.Second}))
	}
	users := make([]sandbox.User, max(1, t.Workers))
	for i := range users {
		users[i] = sandbox.User{ID: fmt.Sprintf("00000000-0000-4000-8000-%012x", i+1), Email: fmt.Sprintf("worker-%d@example.com", i), DisplayName: fmt.Sprint("Worker ", i)}
	}
	box, err := sandbox.Start(append(opts, sandbox.WithUsers(users...))...)
	must(err)
	e := endpoint{Base: box.CosmicURL(), ClientID: box.App().ClientID}
	for _, u := range users {
		tokens, err := box.SignIn(u.ID)
		must(err)
		e.Token = tokens.AccessToken
		e.Sessions = append(e.Sessions, session{tokens.AccessToken, tokens.RefreshToken})
	}
	if t.Delay > 0 {
		must(box.Fail(sandbox.On(sandbox.OpToken, facade.GetMe, facade.ListCertifications), sandbox.Delay(t.Delay)))
	}
	must(json.NewEncoder(os.Stdout).Encode(e))
	_, err = io.Copy(io.Discard, os.Stdin)
	must(err)
	must(json.NewEncoder(os.Stdout).Encode(box.Counters()))
	box.Close()
}
