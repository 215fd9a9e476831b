package auth

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"log/slog"

	"github.com/credkit/credkit-go/facade/auth/internal/opaque"
)

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
