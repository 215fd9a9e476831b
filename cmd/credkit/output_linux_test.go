package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/credkit/credkit-go/facade/sandbox"
)

// onTerminal runs a command whose stdout is a terminal of the given width,
// and returns what the terminal was sent.
func onTerminal(t *testing.T, cmd *exec.Cmd, columns uint16) string {
	t.Helper()
	ours, theirs := terminal(t, columns)
	var stderr locked
	cmd.Stdout, cmd.Stderr = theirs, &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_ = theirs.Close() // the process has its own
	var sent strings.Builder
	for b := make([]byte, 4096); ; {
		n, err := ours.Read(b)
		sent.Write(b[:n])
		if err != nil {
			if !errors.Is(err, syscall.EIO) { // how a terminal says that nobody is there any more
				t.Error(err)
			}
			break
		}
	}
	if err := cmd.Wait(); err != nil {
		t.Fatalf("%v: %s", err, stderr.String())
	}
	return strings.ReplaceAll(sent.String(), "\r\n", "\n")
}

// terminal makes a pseudo-terminal and returns its two ends (pty(7)).
func terminal(t *testing.T, columns uint16) (ours, theirs *os.File) {
	t.Helper()
	ours, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ours.Close() })
	fd := int(ours.Fd()) //nolint:gosec // a descriptor fits
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	number, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	theirs, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: columns}); err != nil {
		t.Fatal(err)
	}
	return ours, theirs
}

func TestATerminalGetsATableInColourThatFits(t *testing.T) {
	w := newWorld(t, sandbox.WithCertifications(fullCert, bareCert)).withToken(t)
	const wide = 120
	got := onTerminal(t, process(t, w.env, "certs"), wide)
	contain(t, got, "\x1b[1mEXPIRES\x1b[0m", "\x1b[31m2020-02-29\x1b[0m", "EPA 608, Universal", "ESCO <Institute>")

	w.env["NO_COLOR"] = "1"
	got = onTerminal(t, process(t, w.env, "certs"), 80)
	contain(t, got, "EXPIRES     LEFT", "2020-02-29  expired  EPA 608")
	if strings.Contains(got, "\x1b") {
		t.Errorf("colour in spite of NO_COLOR: %q", got)
	}
	for line := range strings.Lines(got) {
		if n := len([]rune(line)) - 1; n > 80 {
			t.Errorf("%d columns: %s", n, line)
		}
	}

	delete(w.env, "NO_COLOR")
	w.env["TERM"] = "dumb"
	if got := onTerminal(t, process(t, w.env, "certs"), 80); strings.Contains(got, "\x1b") {
		t.Errorf("colour on a dumb terminal: %q", got)
	}
	contain(t, onTerminal(t, process(t, w.env, "certs", "-o", "jsonl"), 80), `{"certification_type":`)
}

// Who waits at a terminal is told why, although stdout is a pipe; a script is
// not.
func TestALongWaitIsToldOfOnATerminal(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	if err := w.Fail(sandbox.On("listUsers"), sandbox.Times(1), sandbox.Status(429), sandbox.RetryAfter("2")); err != nil {
		t.Fatal(err)
	}
	ours, theirs := terminal(t, 80)
	cmd := process(t, w.env, "users", "-o", "csv")
	cmd.Stderr = theirs
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	_ = theirs.Close()
	said, _ := io.ReadAll(ours) // ends in EIO
	contain(t, string(said), "credkit: ", "(listUsers): ")

	if err := w.Fail(sandbox.On("listUsers"), sandbox.Times(1), sandbox.Status(429), sandbox.RetryAfter("2")); err != nil {
		t.Fatal(err)
	}
	if got := ran(t, w.env, "users", "-o", "csv").expect(t, exitOK); got.stderr != "" {
		t.Errorf("a script is told: %q", got.stderr)
	}
}

// Of a roster that could not be written, the changes are shown again.
func TestRosterOnAFullDiskKeepsTheState(t *testing.T) {
	t.Parallel()
	users := teamUsers(4)
	w := newWorld(t, sandbox.WithUsers(users...))
	w.signInTeam(t, users)
	state := filepath.Join(t.TempDir(), "state")
	w.run(t, "roster", "--since", state).expect(t, exitPartial)
	old := daysAgo(t, state, 100)
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip(err)
	}
	defer func() { _ = full.Close() }()
	for _, format := range []string{"table", "jsonl", "csv", "html"} {
		cmd := process(t, w.env, "roster", "--since", state, "-o", format)
		var stderr locked
		cmd.Stdout, cmd.Stderr = full, &stderr
		_ = cmd.Run() // the exit code says it
		if code := cmd.ProcessState.ExitCode(); code != exitFailed || !strings.Contains(stderr.String(), "no space left") {
			t.Errorf("%s: exit %d: %s", format, code, stderr.String())
		}
	}
	if !bytes.Equal(read(t, state), old) {
		t.Error("the state is that of changes that nobody has seen")
	}
}
