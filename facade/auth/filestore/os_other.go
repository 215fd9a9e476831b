//go:build !unix && !windows

package filestore

import (
	"errors"
	"io/fs"
	"os"
)

// openNoWait is for systems that have pipes in directories.
const openNoWait = 0

// checkPrivate does nothing where files have no owner and mode that Go knows.
func checkPrivate(string, fs.FileInfo) error { return nil }

// replaceFile puts the file at from in the place of the one at to.
func replaceFile(from, to string) error { return os.Rename(from, to) }

// readWhole reads the file at path.
func readWhole(path string) ([]byte, error) { return readPrivate(path) }

// syncDirectory makes the names in the directory durable where that can be asked for.
func syncDirectory(string) error { return nil }

// hint says what to do about a failed write; it starts with a colon or is
// empty.
func hint(err error, path string) string {
	if errors.Is(err, fs.ErrPermission) {
		return ": let the user of this process read and write the directory of " + path
	}
	return ""
}
