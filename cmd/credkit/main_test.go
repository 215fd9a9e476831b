package main

import (
	"context"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/credkit/credkit-go/facade/sandbox"
)

func TestWrongUsageEndsWith2AndNamesWhatIsWrong(t *testing.T) {
	for name, c := range map[string]struct {
		args []string
		env  map[string]string
		want string
	}{
		"no such command":                      {args: []string{"nope"}, want: "unexpected argument nope\n  see: credkit --help"},
		"no such flag":                         {args: []string{"certs", "--nope"}, want: "see: credkit certs --help"},
		"no such format":                       {args: []string{"me", "--output", "xml"}, want: `--output: want table, json, jsonl or csv, got "xml"`},
		"an argument too many":                 {args: []string{"certs", "extra"}, want: "unexpected argument extra"},
		"no command":                           {args: []string{"-v"}, want: "expected one of"},
		"a number without unit":                {args: []string{"certs", "--expiring", "30"}, want: `--expiring: want a length of time such as 30d, 2w or 36h, got "30"`},
		"a limit of none":                      {args: []string{"certs", "--limit", "0"}, want: `--limit: want a number of at least 1, got "0"`},
		"a negative limit":                     {args: []string{"certs", "--limit=-1"}, want: `--limit: want a number of at least 1, got "-1"`},
		"a limit of no users":                  {args: []string{"users", "--limit=0"}, want: `--limit: want a number of at least 1, got "0"`},
		"a limit of no responses":              {args: []string{"drift", "--limit=0"}, want: `--limit: want a number of at least 1, got "0"`},
		"a limit that is no count":             {args: []string{"certs", "--limit", "all"}, want: `--limit: want a number of at least 1, got "all"`},
		"filters that exclude":                 {args: []string{"certs", "--expired", "--expiring", "1d"}, want: "--expiring or --expired, not both"},
		"a sandbox that fails less than never": {args: []string{"sandbox", "--flaky=-1"}, want: "--flaky -1: want a percentage"},
		"a table of no data":                   {args: []string{"logout", "-o", "table"}, want: "credkit logout prints no data"},
		"a session that is not used":           {args: []string{"users", "--session", "ada"}, want: "credkit users uses no session"},
		"a session beside a token":             {args: []string{"me", "--session", "ada"}, env: map[string]string{envCosmicToken: "token"}, want: "--session: COSMIC_ACCESS_TOKEN is set"},
		"a limit of a file":                    {args: []string{"drift", "--operation", "getMe", "--file", "-", "--limit", "1"}, want: "--limit is for live lists"},
		"a status of no file":                  {args: []string{"drift", "--status", "200"}, want: "--status is that of --file"},
		"a shell that is none":                 {args: []string{"completion", "tcsh"}, want: "bash"},
		"an empty type":                        {args: []string{"certs", "--type", "a,,b"}, want: "--type must not be empty"},
		"a percentage too high":                {args: []string{"sandbox", "--addr", "127.0.0.1:0", "--flaky", "200"}, want: "--flaky 200: want a percentage"},
		"no such operation":                    {args: []string{"check", "nope"}, want: "want one of createCertification, getMe, listCertifications, "},
		"no client id":                         {args: []string{"me"}, env: map[string]string{envCosmicID: ""}, want: "COSMIC_CLIENT_ID is not set"},
		"no client id at login":                {args: []string{"login"}, env: map[string]string{envCosmicID: ""}, want: "COSMIC_CLIENT_ID is not set"},
		"no Certn id":                          {args: []string{"users"}, env: map[string]string{envCertnID: ""}, want: "CERTN_CLIENT_ID is not set"},
		"no Certn secret":                      {args: []string{"users"}, env: map[string]string{envCertnSecret: ""}, want: "CERTN_CLIENT_SECRET is not set"},
		"a way of authenticating": {args: []string{"me"}, env: map[string]string{envCosmicAuth: "private_key_jwt", envCosmicSecret: "secret"},
			want: "COSMIC_CLIENT_AUTH=private_key_jwt: want client_secret_basic, which is the default, or client_secret_post"},
		"authentication without a secret": {args: []string{"me"}, env: map[string]string{envCosmicAuth: "client_secret_post"},
			want: "COSMIC_CLIENT_AUTH is set to client_secret_post and COSMIC_CLIENT_SECRET is not set"},
		"a base URL over http":     {args: []string{"me"}, env: map[string]string{envCosmicBase: "http://example.com"}, want: "COSMIC_BASE_URL: base URL begins with http://"},
		"a Certn base URL":         {args: []string{"users"}, env: map[string]string{envCertnBase: "nonsense"}, want: "CERTN_BASE_URL: base URL has no scheme: write it as https://host"},
		"a password in a base URL": {args: []string{"me"}, env: map[string]string{envCosmicBase: "me:hush-hush@h"}, want: "COSMIC_BASE_URL: base URL has no host"},
		"one in a broken base URL": {args: []string{"users"}, env: map[string]string{envCertnBase: "https://me:hush-hush/x@h"}, want: "CERTN_BASE_URL: base URL cannot be read: its port is not a number"},
		"a store of another kind":  {args: []string{"me"}, env: map[string]string{envStore: "mysql://host/db"}, want: "CREDKIT_STORE starts with mysql://"},
		"a broken database URL":    {args: []string{"me"}, env: map[string]string{envStore: "postgres://me:hush-hush@h:bad/db"}, want: "CREDKIT_STORE is not a valid connection string"},
		"a broken database string": {args: []string{"me"}, env: map[string]string{envStore: "host=h port=bad password=hush-hush"}, want: "CREDKIT_STORE is not a valid connection string"},
		"a mistyped database URL":  {args: []string{"me"}, env: map[string]string{envStore: "postgres:/me:hush-hush@h/db"}, want: "CREDKIT_STORE is not a URL"},
		"a URL without its scheme": {args: []string{"me"}, env: map[string]string{envStore: "me:hush-hush@h/db"}, want: "CREDKIT_STORE is not a URL"},
		"drift without a file":     {args: []string{"drift", "--operation", "getMe"}, want: "--operation and --file go together"},
		"drift of a missing file":  {args: []string{"drift", "--operation", "getMe", "--file", "/nonexistent"}, want: "--file: open /nonexistent"},
		"drift of no operation":    {args: []string{"drift", "--operation", "nope", "--file", "-"}, want: `no operation "nope"`},
		"drift of no service":      {args: []string{"drift"}, env: map[string]string{envCosmicID: "", envCertnID: ""}, want: "no service to check"},
		"a sandbox for strangers":  {args: []string{"sandbox", "--addr", "0.0.0.0:0"}, want: "want a loopback address"},
		"a sandbox with no port":   {args: []string{"sandbox", "--addr", "127.0.0.1"}, want: "want a loopback address"},
		"a sandbox with no scope":  {args: []string{"sandbox", "--addr", "127.0.0.1:0", "--scopes", "nope"}, want: `"nope" is no API scope`},
		"a port that is none":      {args: []string{"login", "--port", "70000"}, want: "70000 is not a port"},
	} {
		t.Run(name, func(t *testing.T) {
			env := map[string]string{
				envCosmicID: "app", envCertnID: "id", envCertnSecret: "secret", envStore: t.TempDir() + "/sessions",
			}
			for k, v := range c.env {
				env[k] = v
			}
			got := (&world{env: env}).run(t, c.args...).expect(t, exitUsage)
			contain(t, got.stderr, "credkit: ", c.want)
			if got.stdout != "" {
				t.Errorf("stdout: %q", got.stdout)
			}
			if strings.Contains(got.stderr, "hush-hush") {
				t.Errorf("a password in %q", got.stderr)
			}
		})
	}
}

// closedPipe is a reader that has left, as head does.
type closedPipe struct{ after int }

func (c *closedPipe) Write(p []byte) (int, error) {
	if c.after--; c.after < 0 {
		return 0, syscall.EPIPE
	}
	return len(p), nil
}

func TestAReaderThatLeavesIsNoFailure(t *testing.T) {
	w := newWorld(t, sandbox.WithCertificationCount(2000)).withToken(t)
	for _, f := range []format{formatTable, formatJSON, formatJSONL, formatCSV} {
		var stderr locked
		code := run(t.Context(), []string{"certs", "-o", string(f)}, w.getenv, strings.NewReader(""), &closedPipe{after: 1}, &stderr)
		if code != exitOK || stderr.String() != "" {
			t.Errorf("%s: exit %d, stderr %q", f, code, stderr.String())
		}
	}
}

func TestInterruptedEndsWith130(t *testing.T) {
	w := certsWorld(t)
	if err := w.Fail(sandbox.On("listCertifications"), sandbox.Hang()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		for w.Count("listCertifications") == 0 && ctx.Err() == nil {
			time.Sleep(time.Millisecond)
		}
		cancel()
	}()
	got := w.runWith(t, ctx, "", "certs").expect(t, exitInterrupted)
	if got.stderr != "credkit: interrupted\n" {
		t.Errorf("stderr: %q", got.stderr)
	}
}
