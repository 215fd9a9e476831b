package main

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/credkit/credkit-go/api/certn"
	"github.com/credkit/credkit-go/api/cosmic"
	"github.com/credkit/credkit-go/api/spec"
)

// served runs credkit sandbox until the test ends, and returns the
// environment that it prints.
func served(t *testing.T, args ...string) (env map[string]string, stderr *locked, stop func() int) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	read, write := io.Pipe()
	stderr = new(locked)
	done := make(chan int, 1)
	go func() {
		args := append([]string{"sandbox", "--addr", "127.0.0.1:0"}, args...)
		done <- run(ctx, args, func(string) string { return "" }, strings.NewReader(""), write, stderr)
		_ = write.Close()
	}()
	env = readEnvironment(read)
	stop = func() int {
		cancel()
		code := <-done
		done <- code
		return code
	}
	t.Cleanup(func() { stop() })
	if env[envCosmicBase] == "" {
		t.Fatalf("exit %d: %s", stop(), stderr.String())
	}
	return env, stderr, stop
}

// readEnvironment reads lines as a shell does, up to the one that unsets.
func readEnvironment(r io.Reader) map[string]string {
	env := map[string]string{}
	for lines := bufio.NewScanner(r); lines.Scan(); {
		words := strings.Fields(lines.Text())
		switch {
		case len(words) == 2 && words[0] == "export":
			name, value, _ := strings.Cut(words[1], "=")
			env[name] = value
		case len(words) > 1 && words[0] == "unset":
			env["unset"] = strings.Join(words[1:], " ")
			return env
		}
	}
	return env
}

// waitFor waits until what is printed has words.
func waitFor(t *testing.T, printed *locked, words string) {
	t.Helper()
	for !strings.Contains(printed.String(), words) {
		ending(t, "want %q in\n%s", words, printed.String())
	}
}

func TestSandboxPrintsWhatPointsTheCommandAtIt(t *testing.T) {
	env, stderr, stop := served(t, "--certs", "3", "--users", "2", "--scopes", "certification_records:read,qualifications:read")
	if env["unset"] != envCosmicSecret+" "+envCosmicAuth+" "+envCosmicToken || env[envSession] != "sandbox" {
		t.Errorf("what is real is not taken away: %v", env)
	}
	w := &world{env: env}
	env[envStore] = t.TempDir() + "/sessions"
	if got := w.run(t, "users").expect(t, exitOK).stdout; strings.Count(got, "\n") != 2 {
		t.Errorf("users: %s", got)
	}
	waitFor(t, stderr, "and then\n  credkit login\n")
	if code := stop(); code != exitOK {
		t.Errorf("exit %d", code)
	}
	contain(t, stderr.String(), "Sandbox ended after ")
}

func TestSandboxOptions(t *testing.T) {
	t.Run("retired", func(t *testing.T) {
		env, _, _ := served(t, "--retired")
		contain(t, (&world{env: env}).run(t, "users").expect(t, exitFailed).stderr, "410")
	})
	t.Run("flaky", func(t *testing.T) {
		env, _, _ := served(t, "--flaky", "100")
		for base, service := range map[string]spec.Service{env[envCosmicBase]: cosmic.Service, env[envCertnBase]: certn.Service} {
			for _, op := range service.Operations {
				request, err := http.NewRequestWithContext(t.Context(), op.Method, base+op.Path, http.NoBody)
				if err != nil {
					t.Fatal(err)
				}
				resp, err := http.DefaultClient.Do(request)
				if err != nil {
					t.Fatal(err)
				}
				_ = resp.Body.Close()
				if resp.StatusCode != http.StatusServiceUnavailable {
					t.Errorf("--flaky spares %s: %s", op.ID, resp.Status)
				}
			}
		}
	})
	t.Run("verbose", func(t *testing.T) {
		env, stderr, _ := served(t, "-v")
		(&world{env: env}).run(t, "users").expect(t, exitOK)
		contain(t, stderr.String(), "sandbox request", "path=/api/v1/users/")
	})
	t.Run("login port", func(t *testing.T) {
		_, stderr, _ := served(t, "--login-port", "9001")
		waitFor(t, stderr, "credkit login --port 9001")
	})
	t.Run("legacy, and short tokens", func(t *testing.T) {
		served(t, "--legacy", "--unforgiving", "--token-lifetime", "2s", "--page-size", "5")
	})
}

func TestASecondSandboxAtTheSameAddressSaysSo(t *testing.T) {
	env, _, _ := served(t)
	addr := strings.TrimPrefix(env[envCosmicBase], "http://")
	contain(t, (&world{}).run(t, "sandbox", "--addr", addr).expect(t, exitUsage).stderr, "address already in use")
}

func TestSandboxSignsATeamInToAStore(t *testing.T) {
	t.Parallel()
	for _, place := range []string{filepath.Join(t.TempDir(), "it's"), database.NewDatabase(t)} {
		env, stderr, stop := served(t, "--workers", "3", "--store", place)
		if env[envStore] != shellWord(place) {
			t.Errorf("%s=%s, want %s", envStore, env[envStore], place)
		}
		w := &world{env: env}
		env[envStore] = place
		if got := w.run(t, "roster").expect(t, exitPartial).stdout; strings.Count(got, "\n") != 3 {
			t.Errorf("%s", got)
		}
		contain(t, w.run(t, "sandbox", "--addr", "127.0.0.1:0", "--workers", "2", "--store", place).expect(t, exitUsage).stderr, "want a store without any")
		if code := stop(); code != exitOK {
			t.Errorf("exit %d: %s", code, stderr.String())
		}
		contain(t, w.run(t, "roster").expect(t, exitOK).stderr, "no sessions in")
	}
	contain(t, (&world{}).run(t, "sandbox", "--store", "x").expect(t, exitUsage).stderr, "say how many workers")
}

func TestShellWord(t *testing.T) {
	for text, want := range map[string]string{"/tmp/store-1": "/tmp/store-1", "postgres:///a?host=/tmp&user=b": "'postgres:///a?host=/tmp&user=b'", "it's": `'it'\''s'`} {
		if got := shellWord(text); got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
}
