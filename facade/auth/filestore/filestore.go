// Package filestore is an [auth.Store] in a directory of a local disk.
package filestore

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"strings"

	"github.com/credkit/credkit-go/facade/auth"
	"github.com/credkit/credkit-go/facade/auth/internal/keylock"
)

// The names of a key's files: the SHA-256 of the key in hexadecimal, and
const (
	recordSuffix = ".record" // the record, replaced in one step
	lockSuffix   = ".lock"   // locked during an Update, empty, never removed
	tempSuffix   = ".tmp"    // a record being written, under the lock
)

// minRoom is the least that is reserved for a new record.
const minRoom = 16 << 10

// relockWithin is how long a save waits for a lock whose file was removed: for
// longer than the token request of who has it now.
const relockWithin = 2 * auth.TokenTimeout

// Store is an [auth.Store] in a directory of a local disk, for any number of
// processes of one user on one machine. A record file a key is replaced in
// one durable step: write, fsync, rename, fsync of the directory. A process
// killed at any moment leaves the old record or the new one, and its lock
// ends with it. An Update first reserves the space for a new record, so that
// on a full or read-only file system it fails before f is called.
//
// The directory and its files belong to one user and nobody else may reach them
// (modes 0700 and 0600); anything else is refused. Records are as plain as
// the caller made them: wrap the store with [auth.NewEncryptedStore] to encrypt.
//
// Network file systems (NFS, SMB, and directories that a virtual machine or a
// container shares with another machine) are not supported: their locks are
// lost without notice. Use package pgstore for sessions shared by machines.
// On Windows the modes mean nothing; keep the directory under the user's own.
type Store struct {
	dir   string
	locks keylock.Set
}

var (
	_ auth.Deleter      = (*Store)(nil)
	_ auth.RecordReader = (*Store)(nil)
)

// errEmptyKey is the error for an empty key, as of the stores of package auth.
var errEmptyKey = errors.New("auth: the store key is empty")

// New opens the store in the directory dir, which is created with mode
// 0700 if it is missing. It removes what killed processes left half written.
// The error says what is wrong with the directory and what to do about it. A
// Store keeps nothing open and need not be closed.
func New(dir string) (*Store, error) {
	if dir == "" {
		return nil, errors.New("auth: the directory of the file store is empty")
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("auth: opening the file store: %w", err)
	}
	if err := makeDirectory(dir, syncDirectory); err != nil {
		return nil, fmt.Errorf("auth: opening the file store: %w%s", err, hint(err, dir))
	}
	s := &Store{dir: dir}
	if err := s.checkDirectory(); err != nil {
		return nil, fmt.Errorf("auth: opening the file store: %w", err)
	}
	if err := s.sweep(); err != nil {
		return nil, fmt.Errorf("auth: opening the file store: %w%s", err, hint(err, dir))
	}
	return s, nil
}

// Load reads the record of key without locking; see [auth.Store].
func (s *Store) Load(ctx context.Context, key string) ([]byte, error) {
	if key == "" {
		return nil, errEmptyKey
	}
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("auth: loading %q: %w", key, err)
	}
	record, err := s.read(key)
	if err != nil {
		return nil, fmt.Errorf("auth: loading %q: %w", key, err)
	}
	return record, nil
}

// Update runs f under the lock of key and replaces the record file; see
// [auth.Store]. A failed save names the file and leaves the old record in place.
func (s *Store) Update(ctx context.Context, key string, f func(ctx context.Context, current []byte) ([]byte, error)) error {
	lock, err := s.lock(ctx, key)
	if err != nil {
		return err
	}
	defer lock.unlock()

	current, err := s.readDurably(key)
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		return fmt.Errorf("auth: updating %q: %w", key, err)
	}
	// What cannot be saved must not be asked for: f may spend a refresh token.
	room, err := reserve(s.path(key, tempSuffix), roomFor(key, current))
	if err != nil {
		return fmt.Errorf("auth: making room for a record of %q: %w%s", key, err, hint(err, s.dir))
	}
	defer room.discard()
	next, err := f(context.WithoutCancel(ctx), bytes.Clone(current))
	if err != nil || next == nil {
		return err
	}
	if lock.lost() {
		again, err := s.relock(key, current)
		if err != nil {
			return fmt.Errorf("auth: saving %q: %w", key, err)
		}
		defer again.unlock()
		// The reserved file may be in another process's hands.
		room.forget()
		if room, err = reserve(s.path(key, tempSuffix), 0); err != nil {
			return fmt.Errorf("auth: saving %q: %w%s", key, err, hint(err, s.dir))
		}
		defer room.discard()
	}
	if len(next) == 0 {
		err = s.remove(key)
	} else {
		err = s.write(key, next, room)
	}
	if err != nil {
		return fmt.Errorf("auth: saving %q: %w%s", key, err, hint(err, s.dir))
	}
	return nil
}

// Delete deletes the record of key under its lock, whether it can be read or
// not; see [auth.Deleter].
func (s *Store) Delete(ctx context.Context, key string) error {
	lock, err := s.lock(ctx, key)
	if err != nil {
		return err
	}
	defer lock.unlock()
	err = removeFile(s.path(key, tempSuffix))
	if err == nil {
		err = s.remove(key)
	}
	if err != nil {
		return fmt.Errorf("auth: deleting %q: %w%s", key, err, hint(err, s.dir))
	}
	return nil
}

// lock locks key against the other goroutines of this process, then against
// other processes.
func (s *Store) lock(ctx context.Context, key string) (*fileLock, error) {
	if key == "" {
		return nil, errEmptyKey
	}
	release, err := s.locks.Lock(ctx, key)
	if err != nil {
		return nil, fmt.Errorf("auth: locking %q: %w", key, err)
	}
	lock, err := lockFile(ctx, s.path(key, lockSuffix))
	if err != nil {
		release()
		return nil, fmt.Errorf("auth: locking %q: %w", key, err)
	}
	lock.release = release
	return lock, nil
}

// roomFor is how many bytes are reserved for the record that follows current:
// rotated tokens may be longer than those before them.
func roomFor(key string, current []byte) int {
	return max(minRoom, 2*(len(recordMagic)+len(key)+len(current)+sha256.Size+8))
}

// relock takes the lock of key again after somebody has removed its file while
// f ran. Who has had the lock since may have changed the record.
func (s *Store) relock(key string, current []byte) (*fileLock, error) {
	ctx, cancel := context.WithTimeout(context.Background(), relockWithin)
	defer cancel()
	lock, err := lockFile(ctx, s.path(key, lockSuffix))
	if err != nil {
		return nil, fmt.Errorf("its lock file was removed: %w", err)
	}
	stored, err := s.read(key)
	if err == nil && !bytes.Equal(stored, current) {
		err = auth.ErrConflict
	}
	if err != nil {
		lock.unlock()
		return nil, err
	}
	return lock, nil
}

// Keys gives the keys of the records that were there at its start. Records that
// cannot be read are reported together, in the one error at its end.
func (s *Store) Keys(ctx context.Context) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for record, err := range s.Records(ctx) {
			if !yield(record.Key, err) {
				return
			}
		}
	}
}

// Records gives the records whose files were there at its start; see
// [auth.RecordReader]. Those that cannot be read are reported together, in the
// one error at its end: their keys are not known.
func (s *Store) Records(ctx context.Context) iter.Seq2[auth.Record, error] {
	return func(yield func(auth.Record, error) bool) {
		hashes, err := s.hashes(recordSuffix)
		if err != nil {
			yield(auth.Record{}, fmt.Errorf("auth: listing the keys: %w", err))
			return
		}
		var unreadable []error
		for _, hash := range hashes {
			if err := ctx.Err(); err != nil {
				yield(auth.Record{}, fmt.Errorf("auth: listing the keys: %w", err))
				return
			}
			key, data, err := s.readFile(s.pathOf(hash, recordSuffix))
			switch {
			case errors.Is(err, fs.ErrNotExist): // deleted since
			case err != nil:
				unreadable = append(unreadable, err)
			case !yield(auth.Record{Key: key, Data: data}, nil):
				return
			}
		}
		if err := errors.Join(unreadable...); err != nil {
			yield(auth.Record{}, fmt.Errorf("auth: listing the keys: %w", err))
		}
	}
}

// path returns the path of one of key's files.
func (s *Store) path(key, suffix string) string { return s.pathOf(sha256.Sum256([]byte(key)), suffix) }

// pathOf returns the path of one of the files of the key with the given hash.
func (s *Store) pathOf(hash [sha256.Size]byte, suffix string) string {
	return filepath.Join(s.dir, hex.EncodeToString(hash[:])+suffix)
}

// read returns the record of key, nil if there is none.
func (s *Store) read(key string) ([]byte, error) {
	path := s.path(key, recordSuffix)
	_, record, err := s.readFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		// The directory itself may be gone, which is no empty store.
		return nil, s.checkDirectory()
	}
	return record, err
}

// readDurably reads the record of key under its lock. A process killed
// between its rename and its fsync leaves a record that a power cut could
// still undo; whoever acts upon the record needs it durable first.
func (s *Store) readDurably(key string) ([]byte, error) {
	// What a killed process left half written holds a token. A failure here
	// shows again, and counts, once something is saved.
	_ = removeFile(s.path(key, tempSuffix))
	record, err := s.read(key)
	if err != nil || record == nil {
		return nil, err
	}
	return record, syncDirectory(s.dir)
}

// readFile reads the record file at path, which has to be in its own place.
func (s *Store) readFile(path string) (key string, record []byte, err error) {
	content, err := readWhole(path)
	if err != nil {
		return "", nil, err
	}
	key, record, err = decodeRecord(content)
	if err != nil {
		return "", nil, &fs.PathError{Op: "read", Path: path, Err: fmt.Errorf("%w: %w", err, auth.ErrCorruptRecord)}
	}
	if path != s.path(key, recordSuffix) {
		return "", nil, &fs.PathError{Op: "read", Path: path, Err: fmt.Errorf("it is a copy of the record of %q: %w", key, auth.ErrCorruptRecord)}
	}
	return key, record, nil
}

func (s *Store) write(key string, record []byte, room *reserved) error {
	content, err := encodeRecord(key, record)
	if err != nil {
		return err
	}
	if err := room.become(s.path(key, recordSuffix), content); err != nil {
		return err
	}
	return syncDirectory(s.dir)
}

func (s *Store) remove(key string) error {
	if err := removeFile(s.path(key, recordSuffix)); err != nil {
		return err
	}
	return syncDirectory(s.dir)
}

// checkDirectory refuses a directory that is missing or not private.
func (s *Store) checkDirectory() error {
	info, err := os.Stat(s.dir)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return &fs.PathError{Op: "open", Path: s.dir, Err: errors.New("not a directory")}
	}
	return checkPrivate(s.dir, info)
}

// sweep removes what killed processes left half written. A file whose key is
// locked is being written right now and is left alone.
func (s *Store) sweep() error {
	hashes, err := s.hashes(tempSuffix)
	if err != nil {
		return err
	}
	for _, hash := range hashes {
		lock, err := tryLockFile(s.pathOf(hash, lockSuffix))
		if err != nil {
			return err
		}
		if lock == nil {
			continue
		}
		err = removeFile(s.pathOf(hash, tempSuffix))
		lock.unlock()
		if err != nil {
			return err
		}
	}
	return nil
}

// hashes returns those of the keys that have a file with the given suffix. There
// may be many: they are a third of the memory of their names.
func (s *Store) hashes(suffix string) ([][sha256.Size]byte, error) {
	dir, err := os.Open(s.dir)
	if err != nil {
		return nil, err
	}
	defer func() { _ = dir.Close() }()
	var hashes [][sha256.Size]byte
	for {
		names, err := dir.Readdirnames(1024)
		for _, name := range names {
			base, ok := strings.CutSuffix(name, suffix)
			hash, bad := hex.DecodeString(base)
			if ok && bad == nil && len(hash) == sha256.Size && hex.EncodeToString(hash) == base {
				hashes = append(hashes, [sha256.Size]byte(hash))
			}
		}
		switch {
		case errors.Is(err, io.EOF):
			return hashes, nil
		case err != nil:
			return nil, err
		}
	}
}
