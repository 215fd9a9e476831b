package filestore

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/credkit/credkit-go/facade/auth"
)

// The file that has to be removed is named, whatever its name looks like.
func TestAStoreErrorNamesTheFile(t *testing.T) {
	const key = "worker-7Zk2mPx9Lw4Rb8Tn3Vc6"
	store, err := New(filepath.Join(t.TempDir(), "q7Zk2mPx9Lw4Rb8Tn3Vc6Yd1"))
	if err != nil {
		t.Fatal(err)
	}
	sessions, err := auth.NewSessions(store, auth.App{ClientID: "app-1"})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = sessions.Close(t.Context()) }()
	record := store.path(key, recordSuffix)
	if err := os.WriteFile(record, []byte("damaged"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = sessions.Status(t.Context(), key)
	var failed *auth.StoreError
	if !errors.As(err, &failed) || !errors.Is(err, auth.ErrCorruptRecord) {
		t.Fatal(err)
	}
	for _, word := range []string{record, `loading "` + key + `"`, "forget the session and sign in again"} {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("want %q in %q", word, err)
		}
	}
	if strings.Contains(err.Error(), "[redacted]") {
		t.Errorf("%v", err)
	}
	for key, err := range sessions.Keys(t.Context()) {
		if err == nil || !strings.Contains(err.Error(), record) {
			t.Errorf("%q, %v", key, err)
		}
	}
}
