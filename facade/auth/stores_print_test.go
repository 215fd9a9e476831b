package auth_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/credkit/credkit-go/facade/auth"
)

// TestStoresPrintNoSecret prints what holds records and keys, also
// with verbs that do not fit: fmt then follows a pointer that it otherwise
// prints as an address.
func TestStoresPrintNoSecret(t *testing.T) {
	const record = "Zk3-record"
	store := auth.NewMemoryStore()
	save(t, store, "k", record)
	secret := []byte(strings.Repeat("s", 32))
	key, err := auth.NewEncryptionKey(secret)
	if err != nil {
		t.Fatal(err)
	}
	encrypted, err := auth.NewEncryptedStore(store, key)
	if err != nil {
		t.Fatal(err)
	}
	sessions, err := auth.NewSessions(store, auth.App{ClientID: "app"})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = sessions.Close(context.Background()) }()
	credentials := auth.ClientCredentials("id", "secret", auth.WithTokenStore(store, "k"))
	inDecimal := strings.Trim(fmt.Sprint([]byte(record)), "[]")
	for _, v := range []any{store, key, &key, encrypted, sessions, credentials} {
		for _, x := range []any{v, []any{v}, struct{ X any }{v}, struct{ x any }{v}} {
			for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d", "%t", "%e"} {
				text := fmt.Sprintf(verb, x)
				if strings.Contains(text, record) || strings.Contains(text, inDecimal) || strings.Contains(text, fmt.Sprintf("%x", record)) || strings.Contains(text, "0x5a, 0x6b") {
					t.Errorf("%T with %s shows a record: %.200s", x, verb, text)
				}
				if strings.Contains(text, "GCM") {
					t.Errorf("%T with %s shows the schedule of a key: %.200s", x, verb, text)
				}
			}
		}
	}
}
