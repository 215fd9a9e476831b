package main

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden holds text against a file of testdata.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s differs; if that is meant: go test ./cmd/credkit -update\n%s", path, diff)
	}
}

func TestHelp(t *testing.T) {
	t.Setenv("COLUMNS", "80")
	w := &world{}
	golden(t, "help.txt", w.run(t).expect(t, exitOK).stdout)
	golden(t, "help-commands.txt", w.run(t, "--help").expect(t, exitOK).stdout)
	for _, command := range []string{"certs", "login", "drift", "sandbox", "check"} {
		golden(t, "help-"+command+".txt", w.run(t, command, "--help").expect(t, exitOK).stdout)
	}
}

func TestHelpIsFoundUnderItsOtherNames(t *testing.T) {
	w := &world{}
	if a, b := w.run(t, "help").expect(t, exitOK), w.run(t); a.stdout != b.stdout {
		t.Error("credkit help is not what credkit alone prints")
	}
	if a, b := w.run(t, "help", "certs").expect(t, exitOK), w.run(t, "certs", "-h"); a.stdout != b.stdout {
		t.Error("credkit help certs is not credkit certs -h")
	}
}

func TestHelpNamesEveryVariableAndFitsATerminal(t *testing.T) {
	contain(t, overviewText, envCosmicBase, envCosmicID, envCosmicSecret, envCosmicAuth, envCosmicToken, envCertnBase, envCertnID, envCertnSecret, envStore, envSession)
	for line := range strings.Lines(overviewText) {
		if len(line) > 81 {
			t.Errorf("longer than 80 columns: %q", line)
		}
	}
	contain(t, overview(true), "\x1b[1mSee it work", "\x1b[36mcredkit demo\x1b[0m")
	if strings.Contains(overview(false), "\x1b") {
		t.Error("colour without a terminal")
	}
}
