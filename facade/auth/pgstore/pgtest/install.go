package pgtest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/gofrs/flock"
)

// installBudget bounds the installation of a package.
const installBudget = 5 * time.Minute

var errMissing = errors.New("no PostgreSQL server is installed: install the package postgresql (or put initdb and postgres into PATH)")

func isMissing(err error) bool { return errors.Is(err, errMissing) }

// programs returns the folder of initdb, postgres and createdb, installing
// them where that can be done.
func programs() (string, error) {
	if bin, ok := find(); ok {
		return bin, nil
	}
	there := func() bool { _, ok := find(); return ok }
	if err := InstallDebian("postgresql", there); err != nil {
		return "", fmt.Errorf("%w: %w", errMissing, err)
	}
	if bin, ok := find(); ok {
		return bin, nil
	}
	return "", errMissing
}

// find looks for the newest installation.
func find() (bin string, ok bool) {
	var folders []string
	for _, pattern := range []string{
		"/usr/lib/postgresql/*/bin",             // Debian
		"/usr/pgsql-*/bin",                      // Red Hat
		"/opt/homebrew/opt/postgresql@*/bin",    // macOS
		"/usr/local/opt/postgresql@*/bin",       // macOS on Intel
		"/Applications/Postgres.app/*/*/*/bin*", // macOS
	} {
		found, _ := filepath.Glob(pattern)
		slices.SortFunc(found, func(a, b string) int { return version(b) - version(a) })
		folders = append(folders, found...)
	}
	if path, err := exec.LookPath("initdb"); err == nil {
		if real, err := filepath.EvalSymlinks(path); err == nil {
			folders = append(folders, filepath.Dir(real))
		}
	}
	for _, folder := range folders {
		if hasPrograms(folder) {
			return folder, true
		}
	}
	return "", false
}

func hasPrograms(folder string) bool {
	for _, program := range []string{"initdb", "postgres", "createdb"} {
		if _, err := os.Stat(filepath.Join(folder, program)); err != nil {
			return false
		}
	}
	return true
}

// version returns the first number in a path, 0 if there is none.
func version(path string) int {
	start := -1
	for i := range len(path) + 1 {
		digit := i < len(path) && path[i] >= '0' && path[i] <= '9'
		if digit && start < 0 {
			start = i
		} else if !digit && start >= 0 {
			n, _ := strconv.Atoi(path[start:i])
			return n
		}
	}
	return 0
}

// InstallDebian installs one of Debian's packages, which needs root, unless it
// is there already. One of several test binaries installs at a time, whatever
// it installs: the others wait for it.
func InstallDebian(name string, there func() bool) error {
	if os.Geteuid() != 0 {
		return errors.New("not root, so it was not installed")
	}
	if _, err := os.Stat("/etc/debian_version"); err != nil {
		return errors.New("not Debian, so it was not installed")
	}
	lock := flock.New(filepath.Join(os.TempDir(), "credkit-apt.lock"))
	if err := lock.Lock(); err != nil {
		return err
	}
	defer func() { _ = lock.Close() }()
	if there() {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), installBudget)
	defer cancel()
	for _, args := range [][]string{{"update"}, {"install", "-y", "--no-install-recommends", name}} {
		// Somebody else's apt-get is waited for, too.
		cmd := exec.CommandContext(ctx, "apt-get", append([]string{"-o", "DPkg::Lock::Timeout=240"}, args...)...)
		// In run level 1 a package starts no server of its own.
		cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive", "RUNLEVEL=1")
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("apt-get %s: %w\n%s", args[0], err, out)
		}
	}
	return nil
}
