package pgtest

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
)

var errOther = errors.New("initdb failed")

// recorder is a test that only notes how it ended.
type recorder struct {
	testing.TB
	skipped, failed bool
}

func (r *recorder) Helper()               {}
func (r *recorder) Skipf(string, ...any)  { r.skipped = true }
func (r *recorder) Fatalf(string, ...any) { r.failed = true }

func TestServerThatIsMissingSkipsButFailsInCI(t *testing.T) {
	for _, c := range []struct {
		ci      string
		err     error
		skipped bool
	}{{"", errMissing, true}, {"true", errMissing, false}, {"", errOther, false}} {
		t.Setenv("CI", c.ci)
		var s Server
		s.start.Do(func() { s.startErr = c.err })
		r := &recorder{TB: t}
		s.running(r)
		if r.skipped != c.skipped || r.failed == c.skipped {
			t.Errorf("CI=%q, %v: skipped %v, failed %v", c.ci, c.err, r.skipped, r.failed)
		}
	}
}

func TestNewestInstallationIsFirst(t *testing.T) {
	for path, want := range map[string]int{"/usr/lib/postgresql/15/bin": 15, "/usr/pgsql-9/bin": 9, "/usr/bin": 0} {
		if got := version(path); got != want {
			t.Errorf("version(%q) = %d, want %d", path, got, want)
		}
	}
}

func TestFoldersOfKilledTestsAreRemoved(t *testing.T) {
	folder := func(age time.Duration, pid int) string {
		dir, err := os.MkdirTemp(parent, prefix)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = os.RemoveAll(dir) })
		if err := os.Mkdir(filepath.Join(dir, "data"), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "data", "postmaster.pid"), fmt.Appendln(nil, pid), 0o600); err != nil {
			t.Fatal(err)
		}
		then := time.Now().Add(-age)
		if err := os.Chtimes(dir, then, then); err != nil {
			t.Fatal(err)
		}
		return dir
	}
	const nobody = 1 << 30
	stale, young, used := folder(2*time.Hour, nobody), folder(time.Minute, nobody), folder(2*time.Hour, os.Getpid())
	sweep()
	for dir, want := range map[string]bool{stale: false, young: true, used: true} {
		if _, err := os.Stat(dir); (err == nil) != want {
			t.Errorf("%s is there: %v, want %v", dir, err == nil, want)
		}
	}
}
