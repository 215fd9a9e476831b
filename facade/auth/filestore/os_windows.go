package filestore

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
	"time"
)

// Windows error codes that package syscall does not name.
const (
	errSharingViolation = syscall.Errno(32)
	errHandleDiskFull   = syscall.Errno(39)
	errDiskFull         = syscall.Errno(112)
)

// busyBudget bounds the wait for a reader that has a file open: Windows lets
// nobody rename over it meanwhile.
const busyBudget = 2 * time.Second

// openNoWait is for systems that have pipes in directories.
const openNoWait = 0

// checkPrivate does nothing: on Windows a file has the access list of its
// directory, and the user's configuration directory is the user's own.
func checkPrivate(string, fs.FileInfo) error { return nil }

// replaceFile puts the file at from in the place of the one at to.
func replaceFile(from, to string) error {
	return whileBusy(func() error { return os.Rename(from, to) })
}

// readWhole reads the file at path.
func readWhole(path string) (content []byte, err error) {
	err = whileBusy(func() error {
		content, err = readPrivate(path)
		return err
	})
	return content, err
}

func whileBusy(try func() error) error {
	for start := time.Now(); ; time.Sleep(5 * time.Millisecond) {
		err := try()
		busy := errors.Is(err, errSharingViolation) || errors.Is(err, syscall.ERROR_ACCESS_DENIED)
		if !busy || time.Since(start) > busyBudget {
			return err
		}
	}
}

// syncDirectory does nothing: Windows has no such call, NTFS journals names.
func syncDirectory(string) error { return nil }

// hint says what to do about a failed write; it starts with a colon or is
// empty.
func hint(err error, path string) string {
	switch {
	case errors.Is(err, errDiskFull), errors.Is(err, errHandleDiskFull):
		return ": free some space on the drive of " + path
	case errors.Is(err, fs.ErrPermission):
		return ": let the user of this process read and write the directory of " + path
	}
	return ""
}
