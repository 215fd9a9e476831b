package pgtest

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// superuser is the PostgreSQL user that owns every database.
const superuser = "credkit"

// startBudget bounds the wait for a server to take connections, so that a test
// says what is wrong and not that it timed out. A busy machine takes a while.
const startBudget = 5 * time.Minute

// Folders have a short path: the name of a unix socket has about a hundred
// bytes.
const (
	parent = "/tmp"
	prefix = "pgtest-"
)

// staleAfter is the age from which a folder without a server is left over
// from a killed test binary, and not about to get its server.
const staleAfter = time.Hour

// cluster is one data folder and the server that runs on it.
type cluster struct {
	bin  string // folder of the programs
	dir  string // folder of the data, the socket and the log
	as   *account
	proc *os.Process
	gone chan struct{} // closed once proc has ended
}

// startCluster makes a data folder and starts a server on it.
func startCluster() (*cluster, error) {
	bin, err := programs()
	if err != nil {
		return nil, err
	}
	as, err := serverAccount()
	if err != nil {
		return nil, err
	}
	sweep()
	dir, err := os.MkdirTemp(parent, prefix)
	if err != nil {
		return nil, err
	}
	c := &cluster{bin: bin, dir: dir, as: as}
	if err := c.create(); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	if err := c.launch(); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	return c, nil
}

func (c *cluster) create() error {
	if c.as != nil {
		if err := os.Chown(c.dir, int(c.as.uid), int(c.as.gid)); err != nil {
			return err
		}
	}
	return c.run("initdb", "--pgdata", c.data(), "--username", superuser, "--auth", "trust",
		"--encoding", "UTF8", "--locale", "C", "--no-sync", "--no-instructions")
}

func (c *cluster) data() string { return filepath.Join(c.dir, "data") }

// sweep removes the folders that killed test binaries have left. What cannot
// be removed is somebody else's.
func sweep() {
	folders, _ := filepath.Glob(filepath.Join(parent, prefix+"*"))
	for _, dir := range folders {
		info, err := os.Stat(dir)
		if err == nil && time.Since(info.ModTime()) > staleAfter && !alive(statusOf(filepath.Join(dir, "data"))) {
			_ = os.RemoveAll(dir)
		}
	}
}

// alive reports whether the process that wrote a status is still there.
func alive(status []string) bool {
	pid, err := strconv.Atoi(status[0])
	if err != nil {
		return false
	}
	process, err := os.FindProcess(pid)
	if err != nil {
		return false
	}
	err = process.Signal(syscall.Signal(0))
	return err == nil || errors.Is(err, os.ErrPermission)
}

// launch starts the server and waits until it takes connections. Its log is
// in the error if it does not.
func (c *cluster) launch() error {
	// fsync is of use when the machine fails, which no test can bring about.
	cmd := c.command("postgres", "-D", c.data(), "-k", c.dir, "-c", "listen_addresses=", "-c", "fsync=off",
		"-c", "max_connections=200", "-c", "shared_buffers=16MB", "-c", "log_min_messages=warning")
	log := new(bytes.Buffer)
	cmd.Stdout, cmd.Stderr = log, log
	started, gone := make(chan error, 1), make(chan struct{})
	go func() {
		defer close(gone)
		// The server dies with the thread that started it (dieWithParent):
		// so this thread does nothing else until the server has ended.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait()
		}
	}()
	if err := <-started; err != nil {
		return err
	}
	c.proc, c.gone = cmd.Process, gone
	for deadline := time.Now().Add(startBudget); time.Now().Before(deadline); {
		select {
		case <-gone:
			return fmt.Errorf("the server ended at once:\n%s", log)
		case <-time.After(10 * time.Millisecond):
		}
		if c.ready() {
			return nil
		}
	}
	c.halt()
	return fmt.Errorf("the server took no connections for %v:\n%s", startBudget, log)
}

// ready reports whether the server takes connections.
func (c *cluster) ready() bool {
	lines := statusOf(c.data())
	return len(lines) > 7 && lines[0] == fmt.Sprint(c.proc.Pid) && strings.TrimSpace(lines[7]) == "ready"
}

// statusOf returns the lines that a server keeps for pg_ctl, one at least: its
// process id comes first, its state eighth.
func statusOf(data string) []string {
	content, _ := os.ReadFile(filepath.Join(data, "postmaster.pid"))
	return strings.Split(string(content), "\n")
}

// halt ends the server at once: its connections are cut, its transactions are
// gone, what was committed is recovered by the next launch.
func (c *cluster) halt() {
	_ = c.proc.Signal(syscall.SIGQUIT)
	<-c.gone
}

// run runs one of the programs to its end.
func (c *cluster) run(program string, args ...string) error {
	if out, err := c.command(program, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", program, err, out)
	}
	return nil
}

func (c *cluster) command(program string, args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(c.bin, program), args...)
	cmd.Dir = c.dir
	cmd.Env = []string{"LC_ALL=C", "PATH=" + os.Getenv("PATH"), "HOME=" + c.dir}
	setProcess(cmd, c.as)
	return cmd
}
