//go:build unix

package filestore_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/credkit/credkit-go/facade/auth/filestore"
)

func TestStoreKeepsItsFilesPrivate(t *testing.T) {
	store, dir := newStore(t)
	save(t, store, "worker-42", "record")
	for _, want := range []struct {
		path string
		mode os.FileMode
	}{{dir, 0o700}, {only(t, dir, ".record"), 0o600}, {only(t, dir, ".lock"), 0o600}} {
		info, err := os.Stat(want.path)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != want.mode {
			t.Errorf("%s has mode %v, want %v", want.path, info.Mode().Perm(), want.mode)
		}
	}
}

func TestStoreRefusesWhatOthersCanReach(t *testing.T) {
	store, dir := newStore(t)
	save(t, store, "a", "record")
	refused := func(what string, err error) {
		t.Helper()
		if err == nil || !strings.Contains(err.Error(), "chmod") || !strings.Contains(err.Error(), dir) {
			t.Errorf("%s: got %v, want an error that names the path and chmod", what, err)
		}
	}
	update := func() error {
		return store.Update(t.Context(), "a", func(context.Context, []byte) ([]byte, error) {
			t.Error("f was called")
			return nil, nil
		})
	}

	chmod(t, only(t, dir, ".record"), 0o640)
	_, err := store.Load(t.Context(), "a")
	refused("loading a readable record", err)
	refused("updating a readable record", update())
	chmod(t, only(t, dir, ".record"), 0o600)

	chmod(t, only(t, dir, ".lock"), 0o604)
	refused("updating under a readable lock", update())
	chmod(t, only(t, dir, ".lock"), 0o600)

	chmod(t, dir, 0o755)
	_, err = filestore.New(dir)
	refused("opening a readable folder", err)
	chmod(t, dir, 0o700)

	wantRecord(t, store, "a", "record")
}

func chmod(t *testing.T, path string, mode os.FileMode) {
	t.Helper()
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
}

func TestStoreRefusesAFolderOfSomebodyElse(t *testing.T) {
	dir := "/usr" // which belongs to root
	if os.Geteuid() == 0 {
		dir = filepath.Join(t.TempDir(), "store")
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.Chown(dir, 12345, 12345); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := filestore.New(dir); err == nil || !strings.Contains(err.Error(), "belongs to user") || !strings.Contains(err.Error(), dir) {
		t.Errorf("New gave %v, want an error that says whose it is", err)
	}
}

func TestStoreRefusesARecordThatIsNoFile(t *testing.T) {
	store, dir := newStore(t)
	save(t, store, "a", "record")
	path := only(t, dir, ".record")
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(path, 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := store.Load(t.Context(), "a"); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("Load gave %v, want an error that names the path", err)
	}
}

// A pipe in a record's place is refused, and not waited for.
func TestStoreRefusesAPipeInARecordsPlace(t *testing.T) {
	store, dir := newStore(t)
	save(t, store, "worker-42", "record")
	record := only(t, dir, ".record")
	if err := os.Remove(record); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(record, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := store.Load(t.Context(), "worker-42"); err == nil || !strings.Contains(err.Error(), "not a regular file") {
		t.Error(err)
	}
}

// A pipe in a lock's place is refused, and not waited for past any context.
func TestStoreRefusesAPipeInALocksPlace(t *testing.T) {
	store, dir := newStore(t)
	save(t, store, "worker-42", "record")
	lock := only(t, dir, ".lock")
	if err := os.Remove(lock); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(lock, 0o600); err != nil {
		t.Fatal(err)
	}
	err := store.Update(t.Context(), "worker-42", func(context.Context, []byte) ([]byte, error) {
		t.Error("f was called")
		return nil, nil
	})
	if err == nil || !strings.Contains(err.Error(), lock+": not a regular file: remove it") {
		t.Errorf("Update gave %v, want an error that names the file", err)
	}
	wantRecord(t, store, "worker-42", "record")
}
