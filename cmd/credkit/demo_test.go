package main

import (
	"context"
	"strings"
	"testing"
)

func TestDemo(t *testing.T) {
	t.Parallel()
	got := (&world{}).run(t, "demo").expect(t, exitOK)
	contain(t, got.stdout,
		"1  Sign in", "approved, as if you had clicked",
		"Ada Lovelace <ada@example.com>", "certification_records:read",
		"EXPIRES     LEFT", "expired ",
		", expires in", "<- renewed", "The slowest call took ", " renewals, 0 old tokens replayed, ",
		"Creates that reached the server: 0",
		"2 of 7 workers could not be read", "not read: scope", "not read: sign_in", "ask this worker to sign in again: worker-002", "credkit roster exits with 5",
		"grace.hopper@example.com", "What now?")
	contain(t, strings.Join(strings.Fields(got.stdout), " "), `createCertification of session "ada" needs the scope certification_records:write`)
	for line := range strings.Lines(got.stdout) {
		if n := len([]rune(strings.TrimSuffix(line, "\n"))); n > demoWidth {
			t.Errorf("%d columns: %s", n, line)
		}
	}
	if strings.Contains(got.stdout, "\x1b") {
		t.Error("colour without a terminal")
	}
	if got.stderr != "" {
		t.Errorf("stderr: %s", got.stderr)
	}
}

func TestDemoForAReaderThatLeaves(t *testing.T) {
	var stderr locked
	if code := run(t.Context(), []string{"demo"}, (&world{}).getenv, strings.NewReader(""), &closedPipe{after: 3}, &stderr); code != exitOK || stderr.String() != "" {
		t.Errorf("exit %d: %s", code, stderr.String())
	}
}

func TestDemoInterrupted(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var stdout, stderr locked
	done := make(chan int, 1)
	go func() { done <- run(ctx, []string{"demo"}, (&world{}).getenv, strings.NewReader(""), &stdout, &stderr) }()
	waitFor(t, &stdout, "A call every")
	cancel()
	if code := <-done; code != exitInterrupted {
		t.Errorf("exit %d: %s", code, stderr.String())
	}
}
