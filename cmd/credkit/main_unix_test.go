//go:build unix

package main

import (
	"bufio"
	"bytes"
	"html"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/credkit/credkit-go/facade/sandbox"
)

// process is the command as a process, with nothing in its environment but env.
func process(t *testing.T, env map[string]string, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self, args...)
	cmd.Env = []string{asCommand + "=1", "HOME=" + t.TempDir(), "PATH=" + os.Getenv("PATH")}
	for name, value := range env {
		if name != "unset" {
			cmd.Env = append(cmd.Env, name+"="+value)
		}
	}
	return cmd
}

// ran runs the command to its end.
func ran(t *testing.T, env map[string]string, args ...string) result {
	t.Helper()
	cmd := process(t, env, args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	_ = cmd.Run() // the exit code says it
	return result{cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()}
}

// started starts the command; its stdout is at hand, its stderr is kept.
func started(t *testing.T, cmd *exec.Cmd) (stdout *bufio.Reader, stderr *locked) {
	t.Helper()
	stderr = new(locked)
	cmd.Stderr = stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() }) // most have ended by then
	return bufio.NewReader(out), stderr
}

func signalled(t *testing.T, cmd *exec.Cmd, s os.Signal) {
	t.Helper()
	if err := cmd.Process.Signal(s); err != nil {
		t.Fatal(err)
	}
}

// TestTwoProcesses is what a newcomer does: the sandbox in one terminal, the
// other commands, each a process of its own, in another.
func TestTwoProcesses(t *testing.T) {
	t.Parallel()
	port := freePort(t)
	serving := process(t, nil, "sandbox", "--addr", "127.0.0.1:0", "--login-port", strconv.Itoa(port))
	out, said := started(t, serving)
	env := readEnvironment(out)
	env[envStore] = t.TempDir() + "/sessions"

	login := process(t, env, "login", "--no-browser", "--port", strconv.Itoa(port))
	out, loginSaid := started(t, login)
	address, err := out.ReadString('\n')
	if err != nil {
		t.Fatalf("no address: %v\n%s", err, loginSaid.String())
	}
	contain(t, approve(t, strings.TrimSpace(address)), "You are signed in")
	if err := login.Wait(); err != nil {
		t.Fatalf("%v\n%s", err, loginSaid.String())
	}
	contain(t, loginSaid.String(), "Signed in as Ada Lovelace")

	contain(t, ran(t, env, "me").expect(t, exitOK).stdout, "ada@example.com")
	if got := ran(t, env, "certs").expect(t, exitOK).stdout; strings.Count(got, "\n") != 12 {
		t.Errorf("certs: %s", got)
	}
	contain(t, ran(t, env, "users", "-o", "csv").expect(t, exitOK).stdout, "ada.lovelace@example.com")
	ran(t, env, "check").expect(t, exitOK)
	ran(t, env, "drift").expect(t, exitOK)
	contain(t, ran(t, env, "logout").expect(t, exitOK).stderr, "Signed out")
	ran(t, env, "me").expect(t, exitNotAllowed)

	signalled(t, serving, syscall.SIGTERM)
	if err := serving.Wait(); err != nil {
		t.Errorf("the sandbox ended with %v", err)
	}
	contain(t, said.String(), "Sandbox ended after")
}

// approve goes through the consent page as curl would, and returns the last
// page.
func approve(t *testing.T, authorizeURL string) string {
	t.Helper()
	page := visit(t, authorizeURL)
	id := regexp.MustCompile(`name="request_id" value="([^"]*)"`).FindStringSubmatch(page)
	action := regexp.MustCompile(`<form method="post" action="([^"]*)"`).FindStringSubmatch(page)
	at, err := url.Parse(authorizeURL)
	if err != nil || id == nil || action == nil {
		t.Fatalf("no consent page: %v\n%s", err, page)
	}
	to, err := at.Parse(html.UnescapeString(action[1]))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.PostForm(to.String(), url.Values{"request_id": {html.UnescapeString(id[1])}, "decision": {"approve"}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	last, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(last)
}

func TestHeadEndsAListQuietly(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sandbox.WithCertificationCount(20_000)).withToken(t)
	for _, f := range []format{formatJSONL, formatTable} {
		cmd := process(t, w.env, "certs", "-o", string(f))
		read, write, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		var stderr locked
		cmd.Stdout, cmd.Stderr = write, &stderr
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		_ = write.Close() // the process has its own
		if _, err := bufio.NewReader(read).ReadString('\n'); err != nil {
			t.Error(err)
		}
		_ = read.Close() // while most is yet to come
		if err := cmd.Wait(); err != nil || stderr.String() != "" {
			t.Errorf("%s: %v, stderr %q", f, err, stderr.String())
		}
	}
}

// renewing is a command that waits for an access token, which the sandbox gives
// once release is closed.
func renewing(t *testing.T) (w *world, cmd *exec.Cmd, stderr *locked, release chan struct{}) {
	t.Helper()
	w = newWorld(t, sandbox.WithTokenLifetime(time.Second))
	w.login(t).expect(t, exitOK)
	time.Sleep(time.Second) // by then the token has expired
	renewal := make(chan struct{})
	release = make(chan struct{})
	if err := w.Fail(sandbox.On(sandbox.OpToken), sandbox.Times(1), sandbox.Handle(func(to http.ResponseWriter, r *http.Request) {
		close(renewal)
		<-release
		w.CosmicHandler().ServeHTTP(to, r)
	})); err != nil {
		t.Fatal(err)
	}
	cmd = process(t, w.env, "me")
	_, stderr = started(t, cmd)
	for {
		select {
		case <-renewal:
			return w, cmd, stderr, release
		default:
			ending(t, "no renewal began: %s", stderr.String())
		}
	}
}

const stillSaving = "credkit: saving a token that is being renewed; Ctrl-C again ends at once\n"

func TestInterruptSavesWhatIsBeingRenewed(t *testing.T) {
	t.Parallel()
	for _, s := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
		w, cmd, stderr, release := renewing(t)
		signalled(t, cmd, s)
		waitFor(t, stderr, stillSaving) // it has heard
		close(release)
		_ = cmd.Wait()
		if code := cmd.ProcessState.ExitCode(); code != exitInterrupted || stderr.String() != stillSaving+"credkit: interrupted\n" {
			t.Errorf("%v: exit %d, stderr %q", s, code, stderr.String())
		}
		// The rotation was received and saved: the next command needs no
		// forgiveness.
		w.run(t, "me").expect(t, exitOK)
		if n := w.Counters(); n.Forgiven+n.ReplaysRefused > 0 || n.Rotations == 0 {
			t.Errorf("%v: %+v", s, n)
		}
	}
}

func TestASecondInterruptEndsTheCommandAtOnce(t *testing.T) {
	t.Parallel()
	_, cmd, stderr, release := renewing(t)
	defer close(release)
	signalled(t, cmd, syscall.SIGINT)
	waitFor(t, stderr, stillSaving)
	ended := make(chan struct{})
	go func() { _ = cmd.Wait(); close(ended) }()
	for again := true; again; { // until the first was heard of by all who have to
		_ = cmd.Process.Signal(syscall.SIGINT) // it may have ended
		select {
		case <-ended:
			again = false
		default:
			ending(t, "it goes on")
		}
	}
	if status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); !ok || !status.Signaled() || status.Signal() != syscall.SIGINT {
		t.Errorf("it ended with %v: %s", cmd.ProcessState, stderr.String())
	}
}
