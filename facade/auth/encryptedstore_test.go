package auth_test

import (
	"bytes"
	"context"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"

	"github.com/credkit/credkit-go/facade/auth"
	"github.com/credkit/credkit-go/facade/auth/filestore"
)

// secretOf returns a secret of 32 bytes.
func secretOf(b byte) []byte { return bytes.Repeat([]byte{b}, 32) }

func encryptionKey(t *testing.T, b byte) auth.EncryptionKey {
	t.Helper()
	key, err := auth.NewEncryptionKey(secretOf(b))
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func encrypted(t *testing.T, store auth.Store, keys ...auth.EncryptionKey) *auth.EncryptedStore {
	t.Helper()
	s, err := auth.NewEncryptedStore(store, keys...)
	if err != nil {
		t.Fatal(err)
	}
	return s
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

// raw returns the record of key as it is in the wrapped store.
func raw(t *testing.T, store auth.Store, key string) string {
	t.Helper()
	record, err := store.Load(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	return string(record)
}

func TestEncryptedStoreHidesRecords(t *testing.T) {
	memory := auth.NewMemoryStore()
	store := encrypted(t, memory, encryptionKey(t, 1))
	save(t, store, "a", "a secret token")
	one := raw(t, memory, "a")
	save(t, store, "a", "a secret token")
	two := raw(t, memory, "a")
	if strings.Contains(one, "secret") || one == two {
		t.Errorf("the record is readable, or its nonce is not new: %q, %q", one, two)
	}
	wantRecord(t, store, "a", "a secret token")
}

func TestEncryptedStoreRotatesKeys(t *testing.T) {
	memory := auth.NewMemoryStore()
	older, newer := encryptionKey(t, 1), encryptionKey(t, 2)
	save(t, encrypted(t, memory, older), "a", "record")

	both := encrypted(t, memory, newer, older)
	wantRecord(t, both, "a", "record")
	sealedByOlder := raw(t, memory, "a")
	if err := both.Update(t.Context(), "a", func(context.Context, []byte) ([]byte, error) { return nil, nil }); err != nil {
		t.Fatal(err)
	}
	if raw(t, memory, "a") != sealedByOlder {
		t.Error("keeping the record has rewritten it")
	}
	save(t, both, "a", "refreshed")
	wantRecord(t, encrypted(t, memory, newer), "a", "refreshed")
}

func TestEncryptedStoreKeepsWhatItCannotOpen(t *testing.T) {
	newer := encryptionKey(t, 2)
	memory := auth.NewMemoryStore()
	save(t, encrypted(t, memory, encryptionKey(t, 1)), "older", "record")
	save(t, encrypted(t, memory, newer), "mine", "record")
	mine := raw(t, memory, "mine")
	save(t, memory, "copied", mine)
	save(t, memory, "cut", mine[:len(mine)-1])
	save(t, memory, "header", mine[:25])
	save(t, memory, "magic", mine[:17])
	for i := range mine {
		flipped := []byte(mine)
		flipped[i] ^= 1
		save(t, memory, fmt.Sprintf("flipped %d", i), string(flipped))
	}
	save(t, memory, "plain", `{"refresh_token":"a secret token"}`)

	store := encrypted(t, memory, newer)
	for key, err := range store.Keys(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		if key == "mine" {
			continue
		}
		t.Run(key, func(t *testing.T) {
			before := raw(t, memory, key)
			_, loading := store.Load(t.Context(), key)
			updating := store.Update(t.Context(), key, func(context.Context, []byte) ([]byte, error) {
				t.Error("f was called")
				return []byte("new"), nil
			})
			for what, err := range map[string]error{"Load": loading, "Update": updating} {
				switch {
				case err == nil || !strings.Contains(err.Error(), key):
					t.Errorf("%s gave %v, want an error that names the key", what, err)
				case strings.Contains(err.Error(), "secret"):
					t.Errorf("%s quotes the record: %v", what, err)
				case key == "older" && (errors.Is(err, auth.ErrCorruptRecord) || !strings.Contains(err.Error(), encryptionKey(t, 1).ID())):
					t.Errorf("%s gave %v, want the id of the missing key", what, err)
				}
			}
			if raw(t, memory, key) != before {
				t.Error("the record was changed")
			}
		})
	}
}

func TestEncryptedStoreRefusesBadKeys(t *testing.T) {
	key := encryptionKey(t, 1)
	for name, keys := range map[string][]auth.EncryptionKey{"no key": nil, "zero key": {key, {}}, "twice": {key, key}} {
		if _, err := auth.NewEncryptedStore(auth.NewMemoryStore(), keys...); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if _, err := auth.NewEncryptedStore(nil, key); err == nil {
		t.Error("a nil store: no error")
	}
	if _, err := auth.NewEncryptionKey([]byte("a secret that is short")); err == nil || strings.Contains(err.Error(), "that is") {
		t.Errorf("a short secret: %v, want an error without it", err)
	}
}

func TestEncryptedStoreKeyPrintsNoSecret(t *testing.T) {
	key, err := auth.NewEncryptionKey([]byte("0123456789abcdef0123456789abcdef"))
	if err != nil {
		t.Fatal(err)
	}
	store := encrypted(t, auth.NewMemoryStore(), key)
	var out strings.Builder
	hidden := struct {
		key  auth.EncryptionKey
		keys []auth.EncryptionKey
	}{key, []auth.EncryptionKey{key}}
	fmt.Fprintf(&out, "%v %+v %#v %v %+v %#v\n", hidden, hidden, hidden, *store, *store, *store)
	derived, err := hkdf.Key(sha256.New, []byte("0123456789abcdef0123456789abcdef"), nil, "credkit store: AES-256-GCM", 32)
	if err != nil {
		t.Fatal(err)
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		fmt.Fprintf(&out, verb+"\n"+verb+"\n"+verb+"\n", key, &key, []auth.EncryptionKey{key})
	}
	marshalled, err := json.Marshal(map[string]any{"key": key, "store": store})
	if err != nil {
		t.Fatal(err)
	}
	out.Write(marshalled)
	slog.New(slog.NewJSONHandler(&out, nil)).Info("key", "key", key, "store", store)
	slog.New(slog.NewTextHandler(&out, nil)).Info("key", "key", key, "store", store)
	printed := out.String()
	for _, secret := range []string{"0123456789abcdef", "30313233", "48 49 50 51", "0x30, 0x31",
		hex.EncodeToString(derived[:4]), fmt.Sprint(binary.LittleEndian.Uint32(derived)), fmt.Sprint(binary.BigEndian.Uint32(derived))} {
		if strings.Contains(printed, secret) {
			t.Errorf("the secret was printed as %q", secret)
		}
	}
	if !strings.Contains(printed, key.ID()) {
		t.Errorf("the id is not in what was printed:\n%s", printed)
	}
}

// A lost key, damage and a plain record must not stand in the way of a new
// sign-in for ever.
func TestEncryptedStoreDeletesWhatDoesNotOpen(t *testing.T) {
	files, err := filestore.New(filepath.Join(t.TempDir(), "store"))
	if err != nil {
		t.Fatal(err)
	}
	for name, inner := range map[string]auth.Store{"files": files, "a store that is no Deleter": auth.NewMemoryStore()} {
		t.Run(name, func(t *testing.T) {
			save(t, encrypted(t, inner, encryptionKey(t, 1)), "lost key", "record")
			save(t, inner, "plain", "record")
			store := encrypted(t, inner, encryptionKey(t, 2))
			for _, key := range []string{"lost key", "plain", "no record"} {
				if err := store.Delete(t.Context(), key); err != nil {
					t.Errorf("%s: %v", key, err)
				}
				save(t, store, key, "new")
				wantRecord(t, store, key, "new")
			}
		})
	}
}

// An older record of the same name opens: it is documented, and this is what
// the documentation says.
func TestEncryptedStoreDoesNotFindARollback(t *testing.T) {
	memory := auth.NewMemoryStore()
	store := encrypted(t, memory, encryptionKey(t, 1))
	save(t, store, "a", "older")
	older := raw(t, memory, "a")
	save(t, store, "a", "newer")
	save(t, memory, "a", older)
	wantRecord(t, store, "a", "older")
}
