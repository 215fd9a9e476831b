package pgtest

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
)

var errMissing = errors.New("no PostgreSQL server is installed: run .ci/setup, or put initdb and postgres into PATH")

func isMissing(err error) bool { return errors.Is(err, errMissing) }

// programs returns the directory of initdb, postgres and createdb.
func programs() (string, error) {
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
