package auth_test

import (
	"context"
	"crypto/rand"
	"fmt"

	"github.com/credkit/credkit-go/facade/auth"
)

// A new key goes in front; the old one stays until every record was rewritten.
func ExampleNewEncryptedStore() {
	older, newer := make([]byte, 32), make([]byte, 32) // from the secret manager
	_, _ = rand.Read(older)
	_, _ = rand.Read(newer)
	var keys []auth.EncryptionKey
	for _, secret := range [][]byte{newer, older} {
		key, err := auth.NewEncryptionKey(secret)
		if err != nil {
			fmt.Println(err)
			return
		}
		keys = append(keys, key)
	}
	store, err := auth.NewEncryptedStore(auth.NewMemoryStore(), keys...)
	if err != nil {
		fmt.Println(err)
		return
	}
	record, err := store.Load(context.Background(), "worker-42")
	fmt.Println(len(record), err)
	// Output: 0 <nil>
}
