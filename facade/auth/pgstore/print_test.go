package pgstore_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/credkit/credkit-go/facade/auth/pgstore"
)

func TestStorePrintsNoPassword(t *testing.T) {
	config, err := pgx.ParseConfig("postgres://somebody:hunter2@127.0.0.1/db")
	if err != nil {
		t.Fatal(err)
	}
	db := stdlib.OpenDB(*config)
	defer func() { _ = db.Close() }()
	store, err := pgstore.New(db)
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range []any{store, []any{store}, struct{ X any }{store}, struct{ x any }{store}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			if text := fmt.Sprintf(verb, v); strings.Contains(text, "hunter2") {
				t.Errorf("%T with %s shows the password", v, verb)
			}
		}
	}
	if got := fmt.Sprint(store); got != "pgstore.Store(credkit_sessions)" {
		t.Errorf("printed: %s", got)
	}
}
