package filestore

import (
	"errors"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
)

// readPrivate reads the file at path if nobody else can. It looks at the
// opened file, so that nobody can swap it in between.
func readPrivate(path string) ([]byte, error) {
	// A pipe in a record's place must be refused, not waited for.
	file, err := os.OpenFile(path, os.O_RDONLY|openNoWait, 0)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, &fs.PathError{Op: "read", Path: path, Err: errors.New("not a regular file")}
	}
	if err := checkPrivate(path, info); err != nil {
		return nil, err
	}
	return io.ReadAll(file)
}

// A reserved file is the space for a record that is not known yet: written
// and synced, so that saving the record needs no more.
type reserved struct {
	file *os.File // nil once it is a record, or given up
	path string
}

// reserve makes a new file of size bytes at path, which only this user can
// read. On failure nothing is left there.
func reserve(path string, size int) (_ *reserved, err error) {
	if err := removeFile(path); err != nil {
		return nil, err
	}
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	r := &reserved{file, path}
	if size == 0 {
		return r, nil
	}
	// Zeros would take no space on a file system that compresses.
	filler := make([]byte, size)
	_, _ = rand.NewChaCha8([32]byte{}).Read(filler) // never fails
	_, err = file.Write(filler)
	if err == nil {
		err = file.Sync()
	}
	if err != nil {
		r.discard()
		return nil, err
	}
	return r, nil
}

// become puts content into the reserved file and the file in the place of the
// one at path, in one durable step but for the sync of the directory.
func (r *reserved) become(path string, content []byte) error {
	_, err := r.file.WriteAt(content, 0)
	if err == nil {
		err = r.file.Truncate(int64(len(content)))
	}
	if err == nil {
		err = r.file.Sync()
	}
	if closing := r.file.Close(); err == nil {
		err = closing
	}
	r.file = nil
	if err == nil {
		err = replaceFile(r.path, path)
	}
	if err != nil {
		_ = removeFile(r.path)
	}
	return err
}

// discard removes the file unless it has become a record.
func (r *reserved) discard() {
	if r.file != nil {
		r.forget()
		_ = removeFile(r.path)
	}
}

// forget gives the file up without touching what is at its path.
func (r *reserved) forget() {
	_ = r.file.Close() // its content counts for nothing
	r.file = nil
}

// makeDirectory creates dir with mode 0700, and its parents, if they are
// missing. Each parent that gets a new entry is synced: otherwise a power cut
// could take the whole store away.
func makeDirectory(dir string, sync func(dir string) error) error {
	var changed []string
	for at := dir; ; at = filepath.Dir(at) {
		if _, err := os.Lstat(at); !errors.Is(err, fs.ErrNotExist) || at == filepath.Dir(at) {
			break
		}
		changed = append(changed, filepath.Dir(at))
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	for _, parent := range changed {
		if err := sync(parent); err != nil {
			return err
		}
	}
	return nil
}

// removeFile removes the file at path; that there is none is no error.
func removeFile(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
