package auth

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
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

var _ Deleter = (*EncryptedStore)(nil)

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

// open decrypts the record of key; no record stays none.
func (s *EncryptedStore) open(key string, sealed []byte) ([]byte, error) {
	if len(sealed) == 0 {
		return nil, nil
	}
	id, ok := sealedWith(sealed)
	if !ok {
		return nil, fmt.Errorf("auth: decrypting %q: %w: it is not encrypted: forget the session and sign in again", key, ErrCorruptRecord)
	}
	for _, candidate := range s.keys {
		if candidate.id != id {
			continue
		}
		record, ok := candidate.open(key, sealed)
		if !ok {
			return nil, fmt.Errorf("auth: decrypting %q: %w: it was damaged, changed, or copied from another name: forget the session and sign in again", key, ErrCorruptRecord)
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
