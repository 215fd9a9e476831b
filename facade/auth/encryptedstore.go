package auth

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"strings"

	"github.com/credkit/credkit-go/facade/auth/internal/opaque"
)

// EncryptedStore is a [Store] that keeps its records encrypted in another
// one, with AES-256-GCM (RFC 5116). Each record carries the id of its key and
// is bound to its name in the store: a record copied under another name, or
// changed in a single bit, does not open. The names themselves, and the sizes
// of the records, are as readable as before.
//
// What encryption does not find is a rollback: whoever can write to the wrapped
// store can put an older record of the same name back, and it opens. Its
// refresh token has been used since, so that the next refresh may end the
// session; no token comes out that was not saved under this name before.
//
// To change the encryption key, put the new one first and keep the old one
// behind it: every save uses the first key, every record opens with the key
// it names. Once each session has been refreshed, the old key can go.
type EncryptedStore struct {
	store Store
	keys  []EncryptionKey
}

var (
	_ Deleter      = (*EncryptedStore)(nil)
	_ RecordReader = (*EncryptedStore)(nil)
)

// NewEncryptedStore wraps store. The first key encrypts, all of them decrypt.
// No key, a zero key or the same key twice is an error. A record that is in
// store unencrypted already is refused, not adopted: anybody who can write to
// the store could have put it there.
func NewEncryptedStore(store Store, keys ...EncryptionKey) (*EncryptedStore, error) {
	if store == nil {
		return nil, errors.New("auth: encrypting a store: the store is nil")
	}
	if len(keys) == 0 {
		return nil, errors.New("auth: encrypting a store: no encryption key is given")
	}
	seen := make(map[keyID]bool)
	for i, key := range keys {
		if key.aead.Get() == nil {
			return nil, fmt.Errorf("auth: encrypting a store: encryption key %d is the zero key: make it with NewEncryptionKey", i+1)
		}
		if seen[key.id] {
			return nil, fmt.Errorf("auth: encrypting a store: encryption key %d is given twice", i+1)
		}
		seen[key.id] = true
	}
	return &EncryptedStore{store: store, keys: append([]EncryptionKey(nil), keys...)}, nil
}

// Load returns the decrypted record of key; see [Store].
func (s *EncryptedStore) Load(ctx context.Context, key string) ([]byte, error) {
	sealed, err := s.store.Load(ctx, key)
	if err != nil {
		return nil, err
	}
	return s.open(key, sealed)
}

// Update gives f the decrypted record and saves what it returns encrypted
// with the first key; see [Store]. A record that does not open is an error
// and is kept; f is not called.
func (s *EncryptedStore) Update(ctx context.Context, key string, f func(ctx context.Context, current []byte) ([]byte, error)) error {
	return s.store.Update(ctx, key, func(ctx context.Context, sealed []byte) ([]byte, error) {
		current, err := s.open(key, sealed)
		if err != nil {
			return nil, err
		}
		next, err := f(ctx, current)
		if err != nil || len(next) == 0 {
			return next, err
		}
		return s.keys[0].seal(key, next), nil
	})
}

// Delete deletes the record of key, whether it opens or not; see [Deleter].
func (s *EncryptedStore) Delete(ctx context.Context, key string) error {
	return deleteRecord(ctx, s.store, key)
}

// Keys gives the keys of the wrapped store, whether their records open or not.
func (s *EncryptedStore) Keys(ctx context.Context) iter.Seq2[string, error] {
	return s.store.Keys(ctx)
}

// Records walks the decrypted records of the wrapped store, as fast as that can;
// see [RecordReader].
func (s *EncryptedStore) Records(ctx context.Context) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		for r, err := range records(ctx, s.store) {
			if err == nil && r.Err == nil {
				r.Data, r.Err = s.open(r.Key, r.Data)
			}
			if !yield(r, err) {
				return
			}
		}
	}
}

// open decrypts the record of key; no record stays none.
func (s *EncryptedStore) open(key string, sealed []byte) ([]byte, error) {
	if len(sealed) == 0 {
		return nil, nil
	}
	id, ok := sealedWith(sealed)
	if !ok {
		return nil, fmt.Errorf("auth: decrypting %q: it is not encrypted: %w", key, ErrCorruptRecord)
	}
	for _, candidate := range s.keys {
		if candidate.id != id {
			continue
		}
		record, ok := candidate.open(key, sealed)
		if !ok {
			return nil, fmt.Errorf("auth: decrypting %q: it was damaged, changed, or copied from another key: %w", key, ErrCorruptRecord)
		}
		return record, nil
	}
	return nil, fmt.Errorf("auth: decrypting %q: the record was encrypted with key %v, but the store was given %s: add that key behind the first", key, id, s.ids())
}

func (s *EncryptedStore) ids() string {
	var ids []string
	for _, key := range s.keys {
		ids = append(ids, key.id.String())
	}
	return strings.Join(ids, ", ")
}

// A sealed record of version 1 is
//
//	"credkit-sealed 1\n"   17 bytes
//	id of the key          8 bytes
//	nonce                  12 bytes, random
//	ciphertext and tag     the record's length and 16 bytes
//
// Authenticated along with it are the bytes before the nonce and the key that
// the store has the record under.
const sealedMagic = "credkit-sealed 1\n"

const sealedHeader = len(sealedMagic) + len(keyID{})

// minSecret is the least length of an encryption secret in bytes: 256 bits.
const minSecret = 32

// keyID names an encryption key in records and errors and tells nothing of it.
type keyID [8]byte

func (id keyID) String() string { return hex.EncodeToString(id[:]) }

// EncryptionKey encrypts the records of an [EncryptedStore]. Every way of
// printing it shows its id at most. The zero EncryptionKey is no key. One key
// should seal no more than 2^32 records (NIST SP 800-38D section 8.3): ten
// thousand sessions refreshed each hour take 49 years to get there.
type EncryptionKey struct {
	id   keyID
	aead opaque.Value[cipher.AEAD]
}

// NewEncryptionKey makes a key of a secret of at least 32 bytes, which must
// come from a random source (crypto/rand, or a secret manager) and not be a
// password. The key and its id are both derived from it with HKDF-SHA-256
// (RFC 5869), so the same secret gives the same key everywhere. The secret is
// not kept.
func NewEncryptionKey(secret []byte) (EncryptionKey, error) {
	if len(secret) < minSecret {
		return EncryptionKey{}, fmt.Errorf("auth: an encryption key needs a secret of at least %d random bytes, got %d", minSecret, len(secret))
	}
	var key EncryptionKey
	id, err := hkdf.Key(sha256.New, secret, nil, "credkit store: key id", len(key.id))
	if err != nil {
		return EncryptionKey{}, fmt.Errorf("auth: deriving an encryption key: %w", err)
	}
	copy(key.id[:], id)
	derived, err := hkdf.Key(sha256.New, secret, nil, "credkit store: AES-256-GCM", 32)
	if err != nil {
		return EncryptionKey{}, fmt.Errorf("auth: deriving an encryption key: %w", err)
	}
	block, err := aes.NewCipher(derived)
	if err != nil {
		return EncryptionKey{}, fmt.Errorf("auth: deriving an encryption key: %w", err)
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return EncryptionKey{}, fmt.Errorf("auth: deriving an encryption key: %w", err)
	}
	key.aead = opaque.Of(&aead)
	return key, nil
}

// ID returns the name that records and errors call the key by: 16 hexadecimal
// digits, derived from the secret and telling nothing of it.
func (k EncryptionKey) ID() string { return k.id.String() }

// String returns the id of the key, never the secret.
func (k EncryptionKey) String() string { return "encryption key " + k.ID() }

// GoString returns the id of the key, never the secret.
func (k EncryptionKey) GoString() string { return "auth.EncryptionKey(" + k.ID() + ")" }

// Format prints the id of the key for every verb, never the secret.
func (k EncryptionKey) Format(state fmt.State, verb rune) {
	text := k.String()
	if verb == 'v' && state.Flag('#') {
		text = k.GoString()
	}
	_, _ = fmt.Fprint(state, text)
}

// MarshalText writes the id of the key, never the secret.
func (k EncryptionKey) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// LogValue logs the id of the key, never the secret.
func (k EncryptionKey) LogValue() slog.Value { return slog.StringValue(k.String()) }

// seal encrypts record for its place under name.
func (k EncryptionKey) seal(name string, record []byte) []byte {
	aead := *k.aead.Get()
	sealed := make([]byte, 0, sealedHeader+aead.Overhead()+len(record))
	sealed = append(sealed, sealedMagic...)
	sealed = append(sealed, k.id[:]...)
	return aead.Seal(sealed, nil, record, additionalData(sealed, name))
}

// open decrypts a record that is under name.
func (k EncryptionKey) open(name string, sealed []byte) (record []byte, ok bool) {
	header, ciphertext := sealed[:sealedHeader], sealed[sealedHeader:]
	record, err := (*k.aead.Get()).Open(nil, nil, ciphertext, additionalData(header, name))
	// A record is never empty: [Store] deletes those.
	return record, err == nil && len(record) > 0
}

// sealedWith returns the id of the key that sealed a record.
func sealedWith(sealed []byte) (id keyID, ok bool) {
	if len(sealed) < sealedHeader || !bytes.HasPrefix(sealed, []byte(sealedMagic)) {
		return keyID{}, false
	}
	return keyID(sealed[len(sealedMagic):sealedHeader]), true
}

// additionalData is the header, whose length is fixed, and the name.
func additionalData(header []byte, name string) []byte {
	return append(header[:len(header):len(header)], name...)
}
