package filestore

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// A new directory is in its parent only once that is synced.
func TestStoreSyncsTheParentsOfANewDirectory(t *testing.T) {
	root := t.TempDir()
	var synced []string
	sync := func(dir string) error {
		synced = append(synced, dir)
		return nil
	}
	a := filepath.Join(root, "a")
	for _, c := range []struct {
		dir    string
		synced []string
	}{
		{filepath.Join(a, "b", "c"), []string{filepath.Join(a, "b"), a, root}},
		{filepath.Join(a, "b", "c"), nil},
		{filepath.Join(a, "d"), []string{a}},
	} {
		synced = nil
		if err := makeDirectory(c.dir, sync); err != nil || !slices.Equal(synced, c.synced) {
			t.Errorf("%s: synced %v, %v, want %v", c.dir, synced, err, c.synced)
		}
		if info, err := os.Stat(c.dir); err != nil || !info.IsDir() || info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s: %v, %v", c.dir, info, err)
		}
	}
	failed := errors.New("a bad disk")
	if err := makeDirectory(filepath.Join(root, "e"), func(string) error { return failed }); !errors.Is(err, failed) {
		t.Errorf("the failed sync was not reported: %v", err)
	}
}
