package main

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/credkit/credkit-go/facade/sandbox"
)

const modulePath = "github.com/credkit/credkit-go"

// shellLines are the command lines of the README, without comments.
func shellLines(t *testing.T) (lines []string) {
	t.Helper()
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, block := range regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllSubmatch(readme, -1) {
		for line := range strings.Lines(string(block[1])) {
			line, _, _ = strings.Cut(line, "#")
			lines = append(lines, strings.Split(strings.TrimSpace(line), " && ")...)
		}
	}
	return lines
}

// Each command line of the README is run, or held against what it is about: a
// path of this module, a target of the Makefile. Those that need the network or the
// whole of the tests are not run. TestTheREADMEsProgramRuns runs "go run .".
func TestTheREADMEsCommandLinesWork(t *testing.T) {
	makefile, err := os.ReadFile("../../Makefile")
	if err != nil {
		t.Fatal(err)
	}
	repository, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	lines := shellLines(t)
	w := newWorld(t)
	w.login(t).expect(t, exitOK)
	t.Chdir(t.TempDir())
	seen := 0
	for _, line := range lines {
		seen++
		line = strings.TrimSuffix(strings.TrimPrefix(line, "source <("), ")")
		words := strings.Fields(line)
		switch {
		case slices.Contains([]string{"git clone https://" + modulePath, "cd credkit-go", "go mod init example.com/first", "go mod tidy", "go run .", "go mod edit -replace " + modulePath + "=../credkit-go"}, line):
		case words[0] == "make":
			if !strings.Contains(string(makefile), "\n"+words[1]+":") {
				t.Errorf("%s: the Makefile has no such target", line)
			}
		case words[0] == "go" && words[1] == "install":
			if files, err := filepath.Glob(filepath.Join(repository, words[2], "*.go")); err != nil || len(files) == 0 {
				t.Errorf("%s: the module has no such package", line)
			}
		case line == "credkit sandbox": // a test of its own has it run
		case line == "credkit login": // has been run to get here
		case words[0] == "credkit":
			w.run(t, words[1:]...).expect(t, exitOK)
		default:
			t.Errorf("nothing is known of how to test %q", line)
		}
	}
	if seen < 12 {
		t.Errorf("only %d command lines", seen)
	}
}

// The program of the README, built as it stands there but for the port of its
// redirect URI: the first run asks for a sign-in, the second one needs none.
func TestTheREADMEsProgramRuns(t *testing.T) {
	const source = "facade/testdata/consumer/firstlist/main.go"
	text, err := os.ReadFile("../../" + source)
	if err != nil {
		t.Fatal(err)
	}
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(readme), "```go\n"+string(text)+"```\n") {
		t.Errorf("the README does not have %s as it stands there", source)
	}
	port := freePort(t)
	w := newWorld(t, sandbox.WithCertificationCount(3), sandbox.WithApps(sandbox.App{ClientID: "first", RedirectURIs: []string{callbackAt(port)}}))
	dir := t.TempDir()
	overlay, program := filepath.Join(dir, "overlay.json"), filepath.Join(dir, "first")
	original, err := filepath.Abs("../../" + source)
	if err != nil {
		t.Fatal(err)
	}
	changed := strings.Replace(string(text), "signin.WithShowURL(", fmt.Sprintf("signin.WithPort(%d), signin.WithShowURL(", port), 1)
	for file, content := range map[string]string{
		filepath.Join(dir, "main.go"): changed,
		overlay:                       fmt.Sprintf(`{"Replace":{%q:%q}}`, original, filepath.Join(dir, "main.go")),
	} {
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	build := exec.Command("go", "build", "-overlay", overlay, "-o", program, "./firstlist")
	build.Dir = "../../facade/testdata/consumer"
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}

	for run, signsIn := range []bool{true, false} {
		cmd := exec.CommandContext(t.Context(), program)
		cmd.Dir, cmd.Stderr = dir, os.Stderr
		cmd.Env = append(os.Environ(), envCosmicBase+"="+w.CosmicURL(), envCosmicID+"=first")
		stdout, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		asked, rows := false, 0
		for lines := bufio.NewScanner(stdout); lines.Scan(); {
			address, ask := strings.CutPrefix(lines.Text(), "Open ")
			if !ask {
				rows++
				continue
			}
			asked = true
			redirect, err := w.Approve(context.Background(), address)
			if err != nil {
				t.Fatal(err)
			}
			if resp, err := http.Get(redirect); err == nil {
				_ = resp.Body.Close()
			}
		}
		if err := cmd.Wait(); err != nil || asked != signsIn || rows != 3 {
			t.Errorf("run %d: asked %t, %d rows, %v", run+1, asked, rows, err)
		}
	}
}
