package auth_test

import (
	"bufio"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib"
	"golang.org/x/oauth2"

	"github.com/credkit/credkit-go/api/cosmic"
	"github.com/credkit/credkit-go/facade/auth"
	"github.com/credkit/credkit-go/facade/auth/filestore"
	"github.com/credkit/credkit-go/facade/auth/pgstore"
	"github.com/credkit/credkit-go/facade/auth/pgstore/pgtest"
	"github.com/credkit/credkit-go/facade/sandbox"
)

// These tests run sessions in real child processes: the test binary starts
// itself again with childEnv set, and the child runs TestFleetChild alone.
// What takes under a minute runs here; the build tag reliability adds the rest.

const (
	childEnv = "CREDKIT_TEST_FLEET_CHILD"
	fleetKey = "worker-42"
)

// order is what a child is to do.
type order struct {
	Store     string // "file:" and a folder, or a postgres URL
	URL       string // of the sandbox's COSMIC
	ClientID  string
	Rotations int // this many different tokens, then end; 0: until killed
}

// report is what a child has done.
type report struct {
	Tokens, Calls, Failed, Renewed, Refreshed int
	Longest                                   time.Duration // that a call waited for its token
	Errors                                    []string
}

// openStore opens the store of an order.
func openStore(spec string) (auth.Store, func() error, error) {
	if dir, ok := strings.CutPrefix(spec, "file:"); ok {
		s, err := filestore.New(dir)
		return s, func() error { return nil }, err
	}
	db, err := sql.Open("pgx", spec)
	if err != nil {
		return nil, nil, err
	}
	db.SetMaxOpenConns(4)
	s, err := pgstore.New(db)
	if err != nil {
		return nil, nil, errors.Join(err, db.Close())
	}
	return s, db.Close, nil
}

func (o order) endpoint() auth.Endpoint {
	return auth.Endpoint{Service: "cosmic", Origin: o.URL, TokenURL: o.URL + cosmic.Service.TokenPath, AuthorizeURL: o.URL + cosmic.Service.AuthorizePath, HTTPClient: &http.Client{}}
}

// open binds the session of an order.
func (o order) open(opts ...auth.SessionsOption) (*auth.Sessions, auth.Renewer, func() error, error) {
	store, closeStore, err := openStore(o.Store)
	if err != nil {
		return nil, nil, nil, err
	}
	sessions, err := auth.NewSessions(store, auth.App{ClientID: o.ClientID}, opts...)
	if err != nil {
		return nil, nil, nil, err
	}
	src, err := sessions.Key(fleetKey).Source(o.endpoint())
	if err != nil {
		return nil, nil, nil, err
	}
	return sessions, src.(auth.Renewer), closeStore, nil
}

// TestFleetChild is a child process, and nothing in any other.
func TestFleetChild(t *testing.T) {
	env := os.Getenv(childEnv)
	if env == "" {
		return
	}
	var o order
	if err := json.Unmarshal([]byte(env), &o); err != nil {
		t.Fatal(err)
	}
	r, err := o.work(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	out, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Printf("report %s\n", out)
}

// work calls COSMIC again and again, as a program would.
func (o order) work(ctx context.Context) (report, error) {
	var r report
	refreshed := make(chan struct{}, 1<<16)
	sessions, src, closeStore, err := o.open(auth.WithOnChange(func(c auth.Change) {
		if c.Kind == auth.ChangeRotated {
			refreshed <- struct{}{}
		}
	}))
	if err != nil {
		return r, err
	}
	seen := map[auth.Token]bool{}
	for o.Rotations == 0 || len(seen) <= o.Rotations {
		begin := time.Now()
		tok, err := src.Token(ctx)
		r.Longest = max(r.Longest, time.Since(begin))
		if r.Calls == 0 {
			fmt.Println("ready")
		}
		if err == nil {
			seen[auth.NewToken(tok.Value(), time.Time{})] = true
			err = o.call(ctx, src, tok, &r)
		}
		r.Calls++
		if err != nil {
			r.Failed++
			r.Errors = append(r.Errors, err.Error())
			if r.Failed > 20 && o.Rotations > 0 {
				return r, errors.New(strings.Join(r.Errors, "\n"))
			}
		}
		if o.Rotations == 0 {
			time.Sleep(time.Millisecond)
		} else {
			time.Sleep(20 * time.Millisecond)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	err = errors.Join(sessions.Close(ctx), closeStore())
	r.Tokens, r.Refreshed = len(seen), len(refreshed)
	return r, err
}

// call is one call of the API, replayed once after a 401. Children that are to
// be killed do nothing but renew.
func (o order) call(ctx context.Context, src auth.Renewer, tok auth.Token, r *report) error {
	if o.Rotations == 0 {
		return nil
	}
	status, err := o.me(ctx, tok)
	if err == nil && status == http.StatusUnauthorized {
		r.Renewed++
		if tok, err = src.Renew(ctx, tok); err == nil {
			status, err = o.me(ctx, tok)
		}
	}
	if err == nil && status != http.StatusOK {
		err = fmt.Errorf("HTTP %d", status)
	}
	return err
}

func (o order) me(ctx context.Context, tok auth.Token) (int, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, o.URL+"/v1/me", nil)
	if err != nil {
		return 0, err
	}
	req.Header.Set("Authorization", "Bearer "+tok.Value())
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	_, err = io.Copy(io.Discard, res.Body)
	return res.StatusCode, err
}

// child is a process that carries out an order.
type child struct {
	cmd *exec.Cmd
	out *bufio.Scanner
	log *strings.Builder
}

func spawn(t *testing.T, o order) *child {
	t.Helper()
	env, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	c := &child{cmd: exec.Command(os.Args[0], "-test.run=^TestFleetChild$", "-test.timeout=20m"), log: &strings.Builder{}}
	c.cmd.Env = append(os.Environ(), childEnv+"="+string(env))
	c.cmd.Stderr = c.log
	pipe, err := c.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	c.out = bufio.NewScanner(pipe)
	c.out.Buffer(nil, 1<<20)
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return c
}

// until reads the child's output up to a line that begins with word, and
// returns the rest of that line.
func (c *child) until(word string) (string, bool) {
	for c.out.Scan() {
		if rest, ok := strings.CutPrefix(c.out.Text(), word); ok {
			return strings.TrimSpace(rest), true
		}
		c.log.WriteString(c.out.Text() + "\n")
	}
	return "", false
}

// signIn puts a fresh session of sb into the order's store.
func (o order) signIn(t *testing.T, sb *sandbox.Sandbox, sessions *auth.Sessions) {
	t.Helper()
	tokens, err := sb.SignIn("")
	if err != nil {
		t.Fatal(err)
	}
	o.save(t, sessions, tokens)
}

// save puts a session into the order's store. Its access token is left out:
// everybody begins with a refresh.
func (o order) save(t *testing.T, sessions *auth.Sessions, tokens sandbox.Tokens) {
	t.Helper()
	g, err := auth.NewGrant(o.endpoint(), auth.App{ClientID: o.ClientID}, &oauth2.Token{RefreshToken: tokens.RefreshToken})
	if err != nil {
		t.Fatal(err)
	}
	if err := sessions.SignIn(t.Context(), fleetKey, g); err != nil {
		t.Fatal(err)
	}
}

// setUp starts a sandbox with a public app and makes the order for it.
func setUp(t *testing.T, store string, opts ...sandbox.Option) (*sandbox.Sandbox, order) {
	t.Helper()
	sb, err := sandbox.Start(opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sb.Close)
	id := ""
	for _, app := range sb.Apps() {
		if app.ClientSecret == "" {
			id = app.ClientID
		}
	}
	return sb, order{Store: store, URL: sb.CosmicURL(), ClientID: id}
}

// eachStore runs f on the file store and on PostgreSQL, side by side: such
// tests wait more than they work.
func eachStore(t *testing.T, f func(t *testing.T, store string)) {
	t.Helper()
	t.Run("file store", func(t *testing.T) {
		t.Parallel()
		f(t, "file:"+t.TempDir()+"/store")
	})
	t.Run("PostgreSQL", func(t *testing.T) {
		t.Parallel()
		var server pgtest.Server
		t.Cleanup(server.Stop)
		url := server.NewDatabase(t)
		db, err := sql.Open("pgx", url)
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		s, err := pgstore.New(db)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Migrate(t.Context()); err != nil {
			t.Fatal(err)
		}
		f(t, url)
	})
}

func TestProcessesRefreshOnceForEachExpiry(t *testing.T) {
	eachStore(t, func(t *testing.T, store string) { refreshTogether(t, store, 4, 5) })
}

// refreshTogether runs n processes on one session with one-second tokens
// until each has used that many of them.
func refreshTogether(t *testing.T, store string, n, rotations int) {
	t.Helper()
	sb, o := setUp(t, store, sandbox.WithTokenLifetime(time.Second))
	o.Rotations = rotations
	sessions, _, closeStore, err := o.open()
	if err != nil {
		t.Fatal(err)
	}
	o.signIn(t, sb, sessions)
	if err := errors.Join(sessions.Close(t.Context()), closeStore()); err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	children := make([]*child, n)
	for i := range children {
		children[i] = spawn(t, o)
	}
	var all report
	for i, c := range children {
		line, ok := c.until("report ")
		var r report
		if err := json.Unmarshal([]byte(line), &r); !ok || err != nil {
			t.Fatalf("child %d ended badly: %v\n%s", i, err, c.log)
		}
		if err := c.cmd.Wait(); err != nil {
			t.Errorf("child %d: %v", i, err)
		}
		if r.Failed > 0 {
			t.Errorf("child %d: %d of %d calls failed: %s", i, r.Failed, r.Calls, r.Errors)
		}
		all.Calls += r.Calls
		all.Failed += r.Failed
		all.Renewed += r.Renewed
		all.Refreshed += r.Refreshed
		all.Longest = max(all.Longest, r.Longest)
	}
	took, c := time.Since(begin), sb.Counters()
	t.Logf("%d processes × %d tokens of one second in %s: %d calls, %d failed, %d renewed after a 401; %d refreshes (%d in the processes' own count), %d replays of a parent, %d refused, %d sessions lost; longest wait for a token %s",
		n, rotations, took.Round(time.Millisecond), all.Calls, all.Failed, all.Renewed, c.Refreshes, all.Refreshed, c.Forgiven, c.ReplaysRefused, c.FamiliesRevoked, all.Longest.Round(time.Millisecond))
	if c.Forgiven != 0 || c.ReplaysRefused != 0 || c.FamiliesRevoked != 0 || c.Refreshes != all.Refreshed {
		t.Errorf("refreshes were sent twice: %+v", c)
	}
	// A token is renewed a quarter of a second before its end at the earliest.
	if most := int(took/(750*time.Millisecond)) + 1; c.Refreshes > most || c.Refreshes < rotations {
		t.Errorf("%d refreshes in %s: more than one for each expiry", c.Refreshes, took)
	}
}
