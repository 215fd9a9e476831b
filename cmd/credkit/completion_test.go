package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestCandidates(t *testing.T) {
	w := &world{}
	for words, want := range map[string]string{
		"ch":                     "check",
		"certs --ex":             "--expiring --expired",
		"certs --output js":      "json jsonl",
		"certs --output = js":    "json jsonl",
		"-o ":                    "table json jsonl csv html ics",
		"check listU":            "listUsers",
		"drift --operation getM": "getMe",
		"completion z":           "zsh",
		"--session ada log":      "login logout",
		"drift --file ":          "",
		"nonsense x":             "",
	} {
		var got []string
		out := w.run(t, append([]string{"__complete"}, strings.Split(words, " ")...)...).expect(t, exitOK).stdout
		for line := range strings.Lines(out) {
			word, _, _ := strings.Cut(strings.TrimSpace(line), "\t")
			got = append(got, word)
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%q: %q, want %q", words, got, want)
		}
	}
}

// The script of each shell that is installed is at least read without an error;
// that of bash is driven.
func TestCompletionScripts(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.Symlink(self, filepath.Join(dir, "credkit")); err != nil {
		t.Skip(err)
	}
	for shell := range completionScripts {
		script := filepath.Join(dir, shell)
		if err := os.WriteFile(script, []byte((&world{}).run(t, "completion", shell).expect(t, exitOK).stdout), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := exec.LookPath(shell); err != nil {
			t.Logf("no %s is installed", shell)
			continue
		}
		if out, err := exec.Command(shell, "-n", script).CombinedOutput(); err != nil {
			t.Errorf("%s: %v: %s", shell, err, out)
		}
	}
	if _, err := exec.LookPath("bash"); err != nil {
		return
	}
	bash := exec.Command("bash", "-c", `. "$0/bash"; COMP_WORDS=(credkit check list); COMP_CWORD=2; _credkit; echo "${COMPREPLY[@]}"`, dir)
	bash.Env = append(os.Environ(), asCommand+"=1", "PATH="+dir+string(os.PathListSeparator)+os.Getenv("PATH"))
	if out, err := bash.CombinedOutput(); err != nil || string(out) != "listCertifications listUsers\n" {
		t.Errorf("%v: %s", err, out)
	}
}
