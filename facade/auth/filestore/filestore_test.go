package filestore_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/credkit/credkit-go/facade/auth"
	"github.com/credkit/credkit-go/facade/auth/filestore"
)

// newStore opens a file store in a new folder and returns both.
func newStore(t *testing.T) (*filestore.Store, string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "store")
	store, err := filestore.New(dir)
	if err != nil {
		t.Fatal(err)
	}
	return store, dir
}

// save puts record under key; the empty one deletes.
func save(t *testing.T, store auth.Store, key, record string) {
	t.Helper()
	err := store.Update(t.Context(), key, func(context.Context, []byte) ([]byte, error) { return append([]byte{}, record...), nil })
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

func TestStoreNeverOverwritesACorruptRecord(t *testing.T) {
	store, dir := newStore(t)
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

func TestStoreKeysGoesOnAfterACorruptRecord(t *testing.T) {
	store, dir := newStore(t)
	save(t, store, "bad", "record")
	path := only(t, dir, ".record")
	save(t, store, "good", "record")
	save(t, store, "better", "record")
	if err := os.WriteFile(path, []byte("damaged"), 0o600); err != nil {
		t.Fatal(err)
	}
	keys, errs := 0, 0
	for key, err := range store.Keys(t.Context()) {
		switch {
		case err == nil && errs == 0 && key != "bad":
			keys++
		case errors.Is(err, auth.ErrCorruptRecord) && key == "":
			errs++
		default:
			t.Errorf("Keys gave %q, %v", key, err)
		}
	}
	if keys != 2 || errs != 1 {
		t.Errorf("Keys gave %d keys and %d errors, want 2 and then 1", keys, errs)
	}
}

func TestStoreRefusesARecordUnderAnotherName(t *testing.T) {
	store, dir := newStore(t)
	save(t, store, "a", "record")
	content, err := os.ReadFile(only(t, dir, ".record"))
	if err != nil {
		t.Fatal(err)
	}
	save(t, store, "a", "")
	save(t, store, "b", "record")
	if err := os.WriteFile(only(t, dir, ".record"), content, 0o600); err != nil {
		t.Fatal(err)
	}
	for key, err := range store.Keys(t.Context()) {
		if key != "" || !errors.Is(err, auth.ErrCorruptRecord) {
			t.Errorf("Keys gave %q, %v, want ErrCorruptRecord", key, err)
		}
	}
	if _, err := store.Load(t.Context(), "b"); !errors.Is(err, auth.ErrCorruptRecord) || !strings.Contains(err.Error(), `"a"`) {
		t.Errorf("Load gave %v, want ErrCorruptRecord and whose record it is", err)
	}
}

// TestStoreTidiesUp finds what a killed process has left half written.
func TestStoreTidiesUp(t *testing.T) {
	store, dir := newStore(t)
	save(t, store, "a", "record")
	temp := strings.TrimSuffix(only(t, dir, ".record"), ".record") + ".tmp"
	leave := func() {
		if err := os.WriteFile(temp, []byte("half a rec"), 0o600); err != nil {
			t.Error(err)
		}
	}
	there := func() bool {
		content, err := os.ReadFile(temp)
		return err == nil && string(content) == "half a rec"
	}
	open := func() {
		if _, err := filestore.New(dir); err != nil {
			t.Error(err)
		}
	}

	leave()
	wantRecord(t, store, "a", "record")
	open()
	if there() {
		t.Error("opening the store leaves it")
	}
	leave()
	err := store.Update(t.Context(), "a", func(context.Context, []byte) ([]byte, error) {
		if there() {
			t.Error("an Update leaves it")
		}
		leave() // as if another process had the lock and was writing
		if open(); !there() {
			t.Error("opening the store removes what is being written")
		}
		return []byte("new"), nil
	})
	if err != nil || there() {
		t.Errorf("the save failed or left its file: %v", err)
	}
	wantRecord(t, store, "a", "new")
	leave()
	save(t, store, "a", "")
	if there() {
		t.Error("deleting the record leaves it")
	}
}

func TestStoreNoticesThatItsFolderIsGone(t *testing.T) {
	store, dir := newStore(t)
	save(t, store, "a", "record")
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if record, err := store.Load(t.Context(), "a"); err == nil {
		t.Errorf("Load gave %q, want an error: there is no store", record)
	}
	err := store.Update(t.Context(), "a", func(context.Context, []byte) ([]byte, error) {
		t.Error("f was called")
		return nil, nil
	})
	if err == nil || !strings.Contains(err.Error(), dir) {
		t.Errorf("Update gave %v, want an error that names the folder", err)
	}
}

func TestStoreRefusesWhatIsNoFolder(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{file, filepath.Join(file, "store")} {
		if _, err := filestore.New(dir); err == nil || !strings.Contains(err.Error(), file) {
			t.Errorf("New(%q) gave %v, want an error that names the file", dir, err)
		}
	}
	if _, err := filestore.New(""); err == nil {
		t.Error("an empty name was taken")
	}
}

// TestStoreNoticesThatItsLockWasRemoved: an administrator who tidies up
// lets a second process in; the first must not overwrite what that one saved.
func TestStoreNoticesThatItsLockWasRemoved(t *testing.T) {
	store, dir := newStore(t)
	other, err := filestore.New(dir)
	if err != nil {
		t.Fatal(err)
	}
	removes := func(meanwhile func()) error {
		return store.Update(t.Context(), "a", func(_ context.Context, current []byte) ([]byte, error) {
			clear(current) // it is ours
			if err := os.Remove(only(t, dir, ".lock")); err != nil {
				t.Error(err)
			}
			meanwhile()
			return []byte("the first's"), nil
		})
	}
	save(t, store, "a", "record")
	if err := removes(func() { save(t, other, "a", "the second's") }); !errors.Is(err, auth.ErrConflict) {
		t.Errorf("Update gave %v, want ErrConflict", err)
	}
	wantRecord(t, store, "a", "the second's")
	if err := removes(func() {}); err != nil {
		t.Errorf("Update with nobody else there: %v", err)
	}
	wantRecord(t, store, "a", "the first's")
}

// The second process has saved and its lock file was removed as well: that
// there is none must not pass for holding it.
func TestStoreNoticesThatItsLockWasRemovedAgain(t *testing.T) {
	store, dir := newStore(t)
	other, err := filestore.New(dir)
	if err != nil {
		t.Fatal(err)
	}
	save(t, store, "a", "record")
	err = store.Update(t.Context(), "a", func(context.Context, []byte) ([]byte, error) {
		for range 2 {
			if err := os.Remove(only(t, dir, ".lock")); err != nil {
				t.Error(err)
			}
			save(t, other, "a", "the second's")
		}
		if err := os.Remove(only(t, dir, ".lock")); err != nil {
			t.Error(err)
		}
		return []byte("the first's"), nil
	})
	if !errors.Is(err, auth.ErrConflict) {
		t.Errorf("Update gave %v, want ErrConflict", err)
	}
	wantRecord(t, store, "a", "the second's")
	if left, _ := filepath.Glob(filepath.Join(dir, "*.tmp")); len(left) > 0 {
		t.Errorf("%v is left", left)
	}
}

func TestStoreDeletesWhatCannotBeRead(t *testing.T) {
	store, dir := newStore(t)
	save(t, store, "a", "record")
	if err := os.WriteFile(only(t, dir, ".record"), []byte("damaged"), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 { // no record is no error
		if err := store.Delete(t.Context(), "a"); err != nil {
			t.Fatal(err)
		}
		wantRecord(t, store, "a", "")
	}
	save(t, store, "a", "record")
	err := store.Update(t.Context(), "a", func(ctx context.Context, _ []byte) ([]byte, error) {
		ended, cancel := context.WithCancel(ctx)
		cancel()
		if err := store.Delete(ended, "a"); !errors.Is(err, context.Canceled) {
			t.Errorf("Delete without the lock: %v", err)
		}
		return nil, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	wantRecord(t, store, "a", "record")
	if err := store.Delete(t.Context(), ""); err == nil {
		t.Error("an empty key was taken")
	}
}
