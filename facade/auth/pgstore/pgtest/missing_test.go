package pgtest

import (
	"errors"
	"testing"
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
