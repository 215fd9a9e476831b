package storetest_test

import (
	"path/filepath"
	"testing"

	"github.com/credkit/credkit-go/facade/auth"
	"github.com/credkit/credkit-go/facade/auth/filestore"
	"github.com/credkit/credkit-go/facade/auth/storetest"
)

func TestStoreInMemory(t *testing.T) {
	storetest.Run(t, func(*testing.T) (a, b auth.Store) {
		store := auth.NewMemoryStore()
		return store, store
	})
}

func TestStoreInFiles(t *testing.T) {
	storetest.Run(t, func(t *testing.T) (a, b auth.Store) {
		return openFolder(t)
	})
}

func TestStoreEncrypted(t *testing.T) {
	key, err := auth.NewEncryptionKey(make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	storetest.Run(t, func(t *testing.T) (a, b auth.Store) {
		one, two := openFolder(t)
		if a, err = auth.NewEncryptedStore(one, key); err != nil {
			t.Fatal(err)
		}
		if b, err = auth.NewEncryptedStore(two, key); err != nil {
			t.Fatal(err)
		}
		return a, b
	})
}

// openFolder opens two file stores on one new folder: they share nothing but
// the files, as two processes do.
func openFolder(t *testing.T) (a, b *filestore.Store) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "store")
	a, err := filestore.New(dir)
	if err != nil {
		t.Fatal(err)
	}
	b, err = filestore.New(dir)
	if err != nil {
		t.Fatal(err)
	}
	return a, b
}
