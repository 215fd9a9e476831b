package roster_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/credkit/credkit-go/facade/roster"
)

func text(s string) func(io.Writer) error {
	return func(w io.Writer) error { _, err := io.WriteString(w, s); return err }
}

func content(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func names(t *testing.T, dir string) (all []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return all
}

func TestWriteFileReplacesAFileInOneStep(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "roster.html")
	if err := os.WriteFile(path, []byte("old"), 0o644); err != nil { //nolint:gosec // that is what is tested
		t.Fatal(err)
	}
	err := roster.WriteFile(path, func(w io.Writer) error {
		if _, err := io.WriteString(w, "new"); err != nil || content(t, path) != "old" {
			t.Errorf("while it is written: %q, %v", content(t, path), err)
		}
		return nil
	})
	if err != nil || content(t, path) != "new" {
		t.Errorf("%q, %v", content(t, path), err)
	}
	if info, err := os.Stat(path); err != nil || runtime.GOOS != "windows" && info.Mode() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	failure := errors.New("failure")
	if err := roster.WriteFile(path, func(w io.Writer) error { return errors.Join(text("half")(w), failure) }); !errors.Is(err, failure) {
		t.Error(err)
	}
	if got := names(t, dir); content(t, path) != "new" || !slices.Equal(got, []string{"roster.html"}) {
		t.Errorf("%q: %q", got, content(t, path))
	}
}

func TestWriteFileRemovesWhatAKilledProcessLeft(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "roster.csv")
	old := time.Now().Add(-2 * time.Hour)
	for i, name := range []string{".roster.csv.1.tmp", ".roster.csv.2.tmp", ".other.csv.1.tmp"} {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if i != 1 { // that one is being written
			if err := os.Chtimes(file, old, old); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := roster.WriteFile(path, text("new")); err != nil {
		t.Fatal(err)
	}
	if got := names(t, dir); !slices.Equal(got, []string{".other.csv.1.tmp", ".roster.csv.2.tmp", "roster.csv"}) {
		t.Errorf("%q", got)
	}
}

func TestWriteFileFollowsALinkAndRefusesWhatIsNoFile(t *testing.T) {
	dir := t.TempDir()
	target, link := filepath.Join(dir, "target"), filepath.Join(dir, "link")
	if err := os.WriteFile(target, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(target, link); err != nil {
		t.Skip(err)
	}
	if err := roster.WriteFile(link, text("new")); err != nil || content(t, target) != "new" {
		t.Errorf("%q, %v", content(t, target), err)
	}
	if info, err := os.Lstat(link); err != nil || info.Mode()&os.ModeSymlink == 0 {
		t.Errorf("the link is one no more: %v", err)
	}
	for _, path := range []string{dir, os.DevNull, filepath.Join(dir, "nowhere", "file"), ""} {
		if err := roster.WriteFile(path, func(io.Writer) error { return fmt.Errorf("%q was opened", path) }); err == nil {
			t.Errorf("%q is written", path)
		} else if path == "" || path == dir || path == os.DevNull {
			continue
		} else if !errors.Is(err, os.ErrNotExist) {
			t.Error(err)
		}
	}
}
