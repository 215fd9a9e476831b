package pgtest_test

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestServerEndsWithItsTestBinary kills a test binary that has a server, and
// waits for the server to end.
func TestServerEndsWithItsTestBinary(t *testing.T) {
	const role = "PGTEST_CHILD"
	if os.Getenv(role) != "" {
		var pid int
		if err := open(t).QueryRow("SELECT pg_backend_pid()").Scan(&pid); err != nil {
			t.Fatal(err)
		}
		fmt.Println("backend", pid)
		time.Sleep(time.Hour) // until killed
	}
	server.NewDatabase(t) // skips without PostgreSQL
	child := exec.Command(os.Args[0], "-test.run=^TestServerEndsWithItsTestBinary$")
	child.Env = append(os.Environ(), role+"=1")
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	backend := 0
	for lines := bufio.NewScanner(out); backend == 0 && lines.Scan(); {
		if rest, ok := strings.CutPrefix(lines.Text(), "backend "); ok {
			backend, _ = strconv.Atoi(rest)
		}
	}
	if backend == 0 {
		t.Fatalf("the child started no server: %v", child.Wait())
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", backend))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(status), "PPid:")
	postmaster, err := strconv.Atoi(strings.Fields(rest)[0])
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.Readlink(fmt.Sprintf("/proc/%d/cwd", postmaster))
	if err != nil {
		t.Fatal(err)
	}
	folder, ok := strings.CutSuffix(dir, "/data")
	if !ok || !strings.HasPrefix(folder, "/tmp/pgtest-") {
		t.Fatalf("the server runs in %s", dir)
	}
	t.Cleanup(func() { _ = os.RemoveAll(folder) })
	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = child.Wait()
	for _, pid := range []int{postmaster, backend} {
		for deadline := time.Now().Add(5 * time.Minute); ; time.Sleep(10 * time.Millisecond) {
			// A process that has ended has no folder, even before it is reaped.
			if cwd, err := os.Readlink(fmt.Sprintf("/proc/%d/cwd", pid)); err != nil || cwd != dir {
				break
			}
			if time.Now().After(deadline) {
				t.Fatalf("process %d of the server is still there", pid)
			}
		}
	}
}
