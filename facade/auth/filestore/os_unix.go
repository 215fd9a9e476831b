//go:build unix

package filestore

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

// openNoWait opens a pipe without waiting for a writer.
const openNoWait = syscall.O_NONBLOCK

// checkPrivate refuses a file or directory that somebody else owns or can reach.
func checkPrivate(path string, info fs.FileInfo) error {
	if stat, ok := info.Sys().(*syscall.Stat_t); ok && int(stat.Uid) != os.Geteuid() {
		return &fs.PathError{Op: "open", Path: path, Err: fmt.Errorf("it belongs to user %d, but this process runs as user %d: give it to that user, or choose another directory",
			stat.Uid, os.Geteuid())}
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		want := 0o600
		if info.IsDir() {
			want = 0o700
		}
		return &fs.PathError{Op: "open", Path: path, Err: fmt.Errorf("it has mode %#o, so others can reach the tokens in it: run chmod %#o on it, or choose another directory",
			mode, want)}
	}
	return nil
}

// replaceFile puts the file at from in the place of the one at to, in one
// step: a reader sees the one or the other.
func replaceFile(from, to string) error { return os.Rename(from, to) }

// readWhole reads the file at path, checking the opened file and not its name.
func readWhole(path string) ([]byte, error) { return readPrivate(path) }

// syncDirectory makes the names in the directory durable, after a rename or removal.
func syncDirectory(path string) error {
	directory, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = directory.Close() }()
	// A file system that cannot sync a directory says EINVAL or ENOTSUP.
	if err := directory.Sync(); err != nil && !errors.Is(err, syscall.EINVAL) && !errors.Is(err, errors.ErrUnsupported) {
		return err
	}
	return nil
}

// hint says what to do about a failed write; it starts with a colon or is
// empty.
func hint(err error, path string) string {
	switch {
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return ": free some space on the file system of " + path
	case errors.Is(err, syscall.EROFS):
		return ": the file system of " + path + " is mounted read-only, mount it writable or choose another directory"
	case errors.Is(err, fs.ErrPermission):
		return fmt.Sprintf(": let user %d read and write the directory of %s", os.Geteuid(), path)
	}
	return ""
}
