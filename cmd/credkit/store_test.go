package main

import (
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/credkit/credkit-go/facade/sandbox"
)

func TestAStoreThatOthersCanReadIsRefused(t *testing.T) {
	w := newWorld(t)
	if err := os.Mkdir(w.env[envStore], 0o755); err != nil { //nolint:gosec // that is the test
		t.Fatal(err)
	}
	contain(t, w.run(t, "me").expect(t, exitFailed).stderr, envStore, w.env[envStore])
}

func TestTheDefaultStoreIsInTheUsersConfiguration(t *testing.T) {
	home := t.TempDir()
	t.Setenv("XDG_CONFIG_HOME", home)
	t.Setenv("HOME", home)
	t.Setenv("AppData", home)
	w := newWorld(t)
	delete(w.env, envStore)
	w.login(t).expect(t, exitOK)
	config, err := os.UserConfigDir()
	if err != nil {
		t.Fatal(err)
	}
	records, err := filepath.Glob(filepath.Join(config, "credkit", "sessions", "*.record"))
	if err != nil || len(records) != 1 {
		t.Errorf("%d records, %v", len(records), err)
	}
}

func TestASessionInPostgreSQL(t *testing.T) {
	t.Parallel()
	address := database.NewDatabase(t)
	w := newWorld(t, sandbox.WithTokenLifetime(time.Second))
	w.env[envStore] = address

	contain(t, w.run(t, "me").stderr, "credkit: ") // nothing is there, not even the table
	contain(t, w.login(t).expect(t, exitOK).stderr, "Signed in as Ada", "in the database test_")
	time.Sleep(time.Second)
	contain(t, w.run(t, "-v", "me").expect(t, exitOK).stderr, "session rotated")
	w.login(t).expect(t, exitOK) // the table is there already
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	w.env[envStore] = fmt.Sprintf("host=%s user=%s password=hush-hush dbname=%s",
		u.Query().Get("host"), u.Query().Get("user"), strings.TrimPrefix(u.Path, "/"))
	w.run(t, "me").expect(t, exitOK) // the same database, said in keywords
	contain(t, w.run(t, "logout").expect(t, exitOK).stderr, "Signed out")
	contain(t, w.run(t, "me").expect(t, exitNotAllowed).stderr, "nobody has signed in")
}

func TestADatabaseThatIsNotThere(t *testing.T) {
	w := newWorld(t)
	t.Chdir(t.TempDir())
	for _, place := range []string{
		"postgres://me:hush-hush@127.0.0.1:1/none?connect_timeout=2",
		"host=127.0.0.1 port=1 user=me password=hush-hush dbname=none connect_timeout=2",
		"password = hush-hush host=127.0.0.1 port=1 user=me",
	} {
		w.env[envStore] = place
		got := w.run(t, "me").expect(t, exitFailed)
		contain(t, got.stderr, "credkit: ", "store")
		if got := w.run(t, "login").expect(t, exitFailed); got.stdout != "" {
			t.Errorf("login began all the same: %s", got.stdout)
		}
		for _, r := range []result{got, w.run(t, "-v", "logout")} {
			if containsAny(r.stdout+r.stderr, "hush-hush") {
				t.Errorf("a password in %s", r.stderr)
			}
		}
	}
	if made, err := os.ReadDir("."); err != nil || len(made) > 0 {
		t.Errorf("a directory was made: %v, %v", made, err)
	}
}
