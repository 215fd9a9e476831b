package filestore

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"time"

	"github.com/gofrs/flock"
)

// How long a process waits between two looks at a lock that another one
// holds. The wait doubles from the first to the last and is jittered.
const (
	firstLockPoll = 2 * time.Millisecond
	lastLockPoll  = 50 * time.Millisecond
)

// lockFile locks the file at path, which it creates if need be, against every
// other process, until it is unlocked. If ctx ends first, its error comes back.
// The file is never removed: a process that locks a removed file excludes
// nobody. Should somebody else have removed it, the lock of the old file is
// given up for that of the new one.
func lockFile(ctx context.Context, path string) (*fileLock, error) {
	poll := firstLockPoll
	for {
		held, err := tryLockFile(path)
		if held != nil || err != nil {
			return held, err
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(poll/2 + rand.N(poll/2)):
			poll = min(2*poll, lastLockPoll)
		}
	}
}

// A fileLock is the lock of a file that is held.
type fileLock struct {
	lock    *flock.Flock
	path    string
	release func() // of the lock within this process, nil if there is none
}

func (l *fileLock) unlock() {
	_ = l.lock.Close()
	if l.release != nil {
		l.release()
	}
}

// lost reports whether somebody has removed the file since, so that others may
// hold a lock at its path.
func (l *fileLock) lost() bool { return errors.Is(checkLocked(l.lock, l.path), errLockReplaced) }

// tryLockFile locks the file at path. It returns nil if another process holds
// the lock.
func tryLockFile(path string) (*fileLock, error) {
	// A pipe in the lock's place must be refused, not waited for.
	lock := flock.New(path, flock.SetFlag(os.O_RDWR|os.O_CREATE|openNoWait))
	ok, err := lock.TryLock()
	if err != nil {
		return nil, fmt.Errorf("%w%s", err, hint(err, path))
	}
	if !ok {
		return nil, nil
	}
	held := &fileLock{lock: lock, path: path}
	if err := checkLocked(lock, path); err != nil {
		held.unlock()
		if errors.Is(err, errLockReplaced) {
			return nil, nil
		}
		return nil, err
	}
	return held, nil
}

var errLockReplaced = errors.New("the lock file was replaced")

// checkLocked makes sure that the locked file is private and still the one at
// path.
func checkLocked(lock *flock.Flock, path string) error {
	locked, err := lock.Stat()
	if err != nil {
		return err
	}
	if !locked.Mode().IsRegular() {
		return &fs.PathError{Op: "lock", Path: path, Err: errors.New("not a regular file: remove it")}
	}
	if err := checkPrivate(path, locked); err != nil {
		return err
	}
	there, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) || err == nil && !os.SameFile(locked, there) {
		return errLockReplaced
	}
	return err
}
