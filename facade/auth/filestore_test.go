package auth_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/credkit/credkit-go/facade/auth"
)

// newFileStore opens a file store in a new folder and returns both.
func newFileStore(t *testing.T) (*auth.FileStore, string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "store")
	store, err := auth.NewFileStore(dir)
	if err != nil {
		t.Fatal(err)
	}
	return store, dir
}

// save puts record under key.
func save(t *testing.T, store auth.Store, key, record string) {
	t.Helper()
	err := store.Update(t.Context(), key, func(context.Context, []byte) ([]byte, error) { return []byte(record), nil })
	if err != nil {
		t.Fatal(err)
	}
}

// wantRecord fails the test unless record is what the store has under key.
func wantRecord(t *testing.T, store auth.Store, key, record string) {
	t.Helper()
	got, err := store.Load(t.Context(), key)
	if err != nil || string(got) != record {
		t.Errorf("Load(%q) = %q, %v, want %q", key, got, err, record)
	}
}

// only returns the one file in dir whose name ends with suffix.
func only(t *testing.T, dir, suffix string) string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, "*"+suffix))
	if err != nil || len(paths) != 1 {
		t.Fatalf("%s has %d files *%s, want 1 (%v)", dir, len(paths), suffix, err)
	}
	return paths[0]
}

func TestFileStoreKeepsItsFilesPrivate(t *testing.T) {
	store, dir := newFileStore(t)
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

func TestFileStoreRefusesWhatOthersCanReach(t *testing.T) {
	store, dir := newFileStore(t)
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
	_, err = auth.NewFileStore(dir)
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

func TestFileStoreNeverOverwritesACorruptRecord(t *testing.T) {
	store, dir := newFileStore(t)
	save(t, store, "a", "the record")
	path := only(t, dir, ".record")
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	flipped := []byte(string(whole))
	flipped[len(flipped)/2] ^= 1
	for name, content := range map[string][]byte{
		"empty":         {},
		"cut short":     whole[:len(whole)-1],
		"cut in magic":  whole[:5],
		"damaged":       flipped,
		"longer":        append(whole[:len(whole):len(whole)], 'x'),
		"other program": []byte(`{"access_token":"secret-token"}`),
		"newer release": []byte("credkit-record 2\nsecret-token"),
	} {
		t.Run(name, func(t *testing.T) {
			if err := os.WriteFile(path, content, 0o600); err != nil {
				t.Fatal(err)
			}
			_, loading := store.Load(t.Context(), "a")
			updating := store.Update(t.Context(), "a", func(context.Context, []byte) ([]byte, error) {
				t.Error("f was called")
				return []byte("new"), nil
			})
			var walking error
			for key, err := range store.Keys(t.Context()) {
				walking = err
				if key != "" {
					t.Errorf("Keys gave %q", key)
				}
			}
			for what, err := range map[string]error{"Load": loading, "Update": updating, "Keys": walking} {
				if !errors.Is(err, auth.ErrCorruptRecord) || !strings.Contains(err.Error(), path) {
					t.Errorf("%s: %v, want ErrCorruptRecord with the path", what, err)
				} else if strings.Contains(err.Error(), "secret-token") {
					t.Errorf("%s quotes the record: %v", what, err)
				}
			}
			if after, err := os.ReadFile(path); err != nil || string(after) != string(content) {
				t.Errorf("the file was changed (%v)", err)
			}
		})
	}
}
