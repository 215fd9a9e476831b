package roster

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// WriteFile has write make the content of the file at path, and puts it there
// in one step: whoever reads the file sees the old content or the new, also if
// the process is killed or the machine stops. The file is readable by this
// user alone (mode 0600). A symbolic link is followed; what is not a
// regular file is refused. If write fails, the old file stays.
func WriteFile(path string, write func(io.Writer) error) (err error) {
	if target, err := filepath.EvalSymlinks(path); err == nil {
		path = target
	}
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return err
	case !info.Mode().IsRegular():
		return &fs.PathError{Op: "write", Path: path, Err: errors.New("not a regular file")}
	}
	dir, name := filepath.Split(path)
	dir = filepath.Clean(dir)
	prefix := "." + name + "."
	removeLeftovers(dir, prefix)
	temporary, err := os.CreateTemp(dir, prefix+"*"+leftover) // with mode 0600
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = temporary.Close() // a second time, perhaps
			_ = os.Remove(temporary.Name())
		}
	}()
	buffered := bufio.NewWriterSize(temporary, bufferSize)
	if err := write(buffered); err != nil {
		return err
	}
	if err := buffered.Flush(); err != nil {
		return err
	}
	if err := temporary.Sync(); err != nil {
		return err
	}
	if err := temporary.Close(); err != nil {
		return err
	}
	if err := os.Rename(temporary.Name(), path); err != nil {
		return fmt.Errorf("replace %s: %w", path, err)
	}
	if d, err := os.Open(dir); err == nil { // so that the new name is durable, where a directory can be synced
		_ = d.Sync()
		_ = d.Close()
	}
	return nil
}

const (
	bufferSize = 64 << 10

	leftover = ".tmp"
	// leftoverAge is when a temporary file is that of a process that was
	// killed, and not of one that is writing.
	leftoverAge = time.Hour
)

// removeLeftovers removes temporary files of processes that were killed: they
// hold people's data. Those that cannot be removed stay.
func removeLeftovers(dir, prefix string) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return
	}
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), prefix) || !strings.HasSuffix(e.Name(), leftover) {
			continue
		}
		if info, err := e.Info(); err == nil && info.Mode().IsRegular() && time.Since(info.ModTime()) > leftoverAge {
			_ = os.Remove(filepath.Join(dir, e.Name()))
		}
	}
}
