package auth

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
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
		return nil, fmt.Errorf("%s is not a regular file", path)
	}
	if err := checkPrivate(path, info); err != nil {
		return nil, err
	}
	return io.ReadAll(file)
}

// writePrivate writes content to a new file at temp, which only this user can
// read, and makes it durable. On failure nothing is left at temp.
func writePrivate(temp string, content []byte) (err error) {
	if err := removeFile(temp); err != nil {
		return err
	}
	file, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer func() {
		if closing := file.Close(); err == nil {
			err = closing
		}
		if err != nil {
			_ = removeFile(temp)
		}
	}()
	if _, err := file.Write(content); err != nil {
		return err
	}
	return file.Sync()
}

// removeFile removes the file at path; that there is none is no error.
func removeFile(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
