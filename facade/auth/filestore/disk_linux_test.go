package filestore_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/credkit/credkit-go/facade/auth"
	"github.com/credkit/credkit-go/facade/auth/filestore"
)

// diskTest tells a child process which disk it is to make for itself.
const diskTest = "CREDKIT_DISK_TEST"

// TestStoreOnABadDisk saves on a disk that is full, and on one that is
// mounted read-only. The disks are mounted by a child in a namespace of its
// own. Where the system allows no such thing, the child limits the size of
// its files instead: the write fails half way, as on a full disk.
func TestStoreOnABadDisk(t *testing.T) {
	switch os.Getenv(diskTest) {
	case "mounted":
		saveOnMountedDisks(t)
		return
	case "limited":
		saveWithinALimit(t)
		return
	}
	child := func(disk string, attr *syscall.SysProcAttr) ([]byte, error) {
		cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
		cmd.Env = append(os.Environ(), diskTest+"="+disk)
		cmd.SysProcAttr = attr
		return cmd.CombinedOutput()
	}
	out, err := child("limited", nil)
	if err != nil {
		t.Errorf("with a limit: %v\n%s", err, out)
	}
	namespaces := &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
		UidMappings: []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}},
	}
	out, err = child("mounted", namespaces)
	if err != nil && (bytes.Contains(out, []byte(noMount)) || !errors.As(err, new(*exec.ExitError))) {
		t.Logf("no disk could be mounted, so only the limit was tested: %v\n%s", err, out)
	} else if err != nil {
		t.Errorf("with a mounted disk: %v\n%s", err, out)
	}
}

const noMount = "mounting is not allowed"

func saveOnMountedDisks(t *testing.T) {
	disk := t.TempDir()
	if err := syscall.Mount("tmpfs", disk, "tmpfs", 0, "size=128k"); err != nil {
		t.Fatalf("%s: %v", noMount, err)
	}
	defer func() { _ = syscall.Unmount(disk, syscall.MNT_DETACH) }()
	store, err := filestore.New(filepath.Join(disk, "store"))
	if err != nil {
		t.Fatal(err)
	}
	save(t, store, "a", "old")
	filler := filepath.Join(disk, "filler")
	if err := os.WriteFile(filler, make([]byte, 1<<20), 0o600); !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("the disk is not full: %v", err)
	}
	wantNoCall(t, store, disk, syscall.ENOSPC, "free some space")
	if err := store.Delete(t.Context(), "a"); err != nil { // which needs no space
		t.Error(err)
	}
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	save(t, store, "a", "old")
	// With what was made room for before it was asked, a full disk does no harm.
	err = store.Update(t.Context(), "a", func(context.Context, []byte) ([]byte, error) {
		if err := os.WriteFile(filler, make([]byte, 1<<20), 0o600); !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("the disk is not full: %v", err)
		}
		return bytes.Repeat([]byte("rotated!"), 1000), nil
	})
	if err != nil {
		t.Errorf("the save in the room that was made: %v", err)
	}
	wantRecord(t, store, "a", strings.Repeat("rotated!", 1000))
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	save(t, store, "a", "old")
	wantFailedSave(t, store, disk, syscall.ENOSPC, "free some space", 16_000)

	if err := syscall.Mount("", disk, "", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}
	wantNoCall(t, store, disk, syscall.EROFS, "read-only")
	if _, err := filestore.New(filepath.Join(disk, "another")); !errors.Is(err, syscall.EROFS) {
		t.Errorf("a new folder gave %v, want EROFS", err)
	}
	again, err := filestore.New(filepath.Join(disk, "store"))
	if err != nil {
		t.Fatal(err)
	}
	wantRecord(t, again, "a", "old")
	if err := syscall.Mount("", disk, "", syscall.MS_REMOUNT, ""); err != nil {
		t.Fatal(err)
	}
	save(t, store, "a", "new")
	wantRecord(t, store, "a", "new")
}

func saveWithinALimit(t *testing.T) {
	store, dir := newStore(t)
	save(t, store, "a", "old")
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: 32 << 10, Max: syscall.RLIM_INFINITY & (1<<63 - 1)}); err != nil {
		t.Fatal(err)
	}
	wantFailedSave(t, store, dir, syscall.EFBIG, "", 8000)
	save(t, store, "a", "new")
	wantRecord(t, store, "a", "new")
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: 4096, Max: syscall.RLIM_INFINITY & (1<<63 - 1)}); err != nil {
		t.Fatal(err)
	}
	wantNoCall(t, store, dir, syscall.EFBIG, "")
	wantRecord(t, store, "a", "new")
}

// wantNoCall has store find out that it cannot save, before it calls f.
func wantNoCall(t *testing.T, store auth.Store, dir string, want error, advice string) {
	t.Helper()
	err := store.Update(t.Context(), "a", func(context.Context, []byte) ([]byte, error) {
		t.Error("f was called")
		return nil, nil
	})
	if !errors.Is(err, want) || !strings.Contains(err.Error(), dir) || !strings.Contains(err.Error(), advice) {
		t.Errorf("Update gave %v, want %v, the path, and %q", err, want, advice)
	}
	if left, err := filepath.Glob(filepath.Join(dir, "*", "*.tmp")); err != nil || len(left) != 0 {
		t.Errorf("the failed Update left %v (%v)", left, err)
	}
}

// wantFailedSave has store fail to replace the record of "a" by one of so many
// times eight bytes, which is more than it has made room for.
func wantFailedSave(t *testing.T, store auth.Store, dir string, want error, advice string, eights int) {
	t.Helper()
	err := store.Update(t.Context(), "a", func(context.Context, []byte) ([]byte, error) {
		return bytes.Repeat([]byte("a secret"), eights), nil
	})
	if !errors.Is(err, want) || !strings.Contains(err.Error(), dir) || !strings.Contains(err.Error(), advice) {
		t.Errorf("the save gave %v, want %v, the path, and %q", err, want, advice)
	}
	wantRecord(t, store, "a", "old")
	left, err := filepath.Glob(filepath.Join(dir, "store", "*.tmp"))
	if err != nil || len(left) != 0 {
		t.Errorf("the failed save left %v (%v)", left, err)
	}
}
