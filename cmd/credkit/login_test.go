package main

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/credkit/credkit-go/facade/sandbox"
)

func TestASessionFromLoginToLogout(t *testing.T) {
	w := newWorld(t)
	contain(t, w.run(t, "me").expect(t, exitNotAllowed).stderr, "nobody has signed in", "run: credkit login")

	login := w.login(t).expect(t, exitOK)
	contain(t, login.stderr, "Signed in as Ada Lovelace <ada@example.com> with 12 scopes", w.env[envStore])

	contain(t, w.run(t, "me", "-o", "table").expect(t, exitOK).stdout, "name    Ada Lovelace\n", "scopes  certification_records:read\n        certification_records:write\n")
	contain(t, w.run(t, "me", "-o", "csv").expect(t, exitOK).stdout, "id,email,display_name,scopes\n", ",ada@example.com,Ada Lovelace,certification_records:read certification")
	for _, f := range []string{"json", "jsonl"} {
		var me struct{ User struct{ Email string } }
		out := w.run(t, "me", "-o", f).expect(t, exitOK).stdout
		if err := json.Unmarshal([]byte(out), &me); err != nil || me.User.Email != "ada@example.com" {
			t.Errorf("%s: %v in %s", f, err, out)
		}
	}
	w.run(t, "certs").expect(t, exitOK)

	contain(t, w.run(t, "logout").expect(t, exitOK).stderr, "Signed out", "The server has ended it.")
	contain(t, w.run(t, "logout").expect(t, exitOK).stderr, "Nobody is signed in")
	w.run(t, "me").expect(t, exitNotAllowed)
	if records, _ := filepath.Glob(filepath.Join(w.env[envStore], "*.record")); len(records) > 0 {
		t.Errorf("logout left %v", records)
	}
}

func TestAnAppSignsInByTheMethodItIsRegisteredWith(t *testing.T) {
	port := freePort(t)
	w := newWorld(t, sandbox.WithApps(sandbox.App{ClientID: "test-app", ClientSecret: "test-app-secret",
		Authentication: "client_secret_post", RedirectURIs: []string{callbackAt(port)}}))
	w.port = port
	contain(t, w.login(t).expect(t, exitNotAllowed).stderr, envCosmicAuth)
	w.env[envCosmicAuth] = "client_secret_post"
	w.login(t).expect(t, exitOK)
	w.run(t, "me").expect(t, exitOK)
	w.env[envCosmicAuth] = "client_secret_basic"
	w.run(t, "logout").expect(t, exitOK)
}

func TestLogoutNeedsNoClientID(t *testing.T) {
	w := newWorld(t)
	w.login(t).expect(t, exitOK)
	w.env[envCosmicID] = ""
	contain(t, w.run(t, "logout").expect(t, exitOK).stderr, "Signed out", "not asked")
}

// What a sign-in could not be saved over is found out before a person signs
// in, and can be removed without knowing where files are.
func TestADamagedRecordIsFoundBeforeLoginAndDeletedByLogout(t *testing.T) {
	w := newWorld(t)
	w.login(t).expect(t, exitOK)
	records, _ := filepath.Glob(filepath.Join(w.env[envStore], "*.record"))
	if len(records) != 1 {
		t.Fatalf("records: %v", records)
	}
	if err := os.WriteFile(records[0], []byte("damaged"), 0o600); err != nil {
		t.Fatal(err)
	}
	started := len(w.Sessions())
	got := w.run(t, "login", "--no-browser", "--port", strconv.Itoa(w.port)).expect(t, exitFailed)
	contain(t, got.stderr, "not a credkit record", "credkit logout")
	if got.stdout != "" || len(w.Sessions()) != started {
		t.Errorf("login began all the same: %s", got.stdout)
	}
	contain(t, w.run(t, "logout").expect(t, exitOK).stderr, "Deleted the record", "could not be read")
	w.login(t).expect(t, exitOK)
	w.run(t, "me").expect(t, exitOK)
}

// The page in the browser and the exit code say the same.
func TestLoginThatCannotBeSavedIsNotShownAsSignedIn(t *testing.T) {
	w := newWorld(t)
	w.login(t).expect(t, exitOK)
	records, _ := filepath.Glob(filepath.Join(w.env[envStore], "*.record"))
	var page string
	got := w.loginBy(t, func(ctx context.Context, address string) (string, error) {
		for _, record := range records { // once the store has been checked
			if err := os.WriteFile(record, []byte("damaged"), 0o600); err != nil {
				return "", err
			}
		}
		redirect, err := w.Approve(ctx, address)
		if err == nil {
			page = visit(t, redirect)
		}
		return "", err
	}).expect(t, exitFailed)
	contain(t, got.stderr, "could not be saved")
	contain(t, page, "You are not signed in", "could not save the sign-in")
}

func TestSessionsAreKeptApart(t *testing.T) {
	w := newWorld(t)
	w.login(t).expect(t, exitOK)
	w.env[envSession] = "another"
	contain(t, w.run(t, "me").expect(t, exitNotAllowed).stderr, `"another"`)
}

func TestAnExpiredTokenIsRenewedByTheNextCommand(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sandbox.WithTokenLifetime(time.Second))
	w.login(t).expect(t, exitOK)
	for i := range 3 {
		time.Sleep(time.Second)
		got := w.run(t, "-v", "me").expect(t, exitOK)
		contain(t, got.stderr, "session rotated")
		if n := w.Counters(); n.Rotations <= i || n.ReplaysRefused+n.Forgiven > 0 {
			t.Errorf("after %d commands: %+v", i+1, n)
		}
	}
}

func TestASessionThatHasEndedNeedsANewSignIn(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sandbox.WithTokenLifetime(time.Second))
	w.login(t).expect(t, exitOK)
	if err := w.EndSession(w.Sessions()[0].ID, "session_expired"); err != nil {
		t.Fatal(err)
	}
	time.Sleep(time.Second)
	contain(t, w.run(t, "me").expect(t, exitNotAllowed).stderr, "session_expired", "run: credkit login")
	w.login(t).expect(t, exitOK)
	w.run(t, "me").expect(t, exitOK)
}

// A refusal that is about the person, not about the app, gets no advice about
// the app's settings.
func TestTheAdviceOfARefusedRenewal(t *testing.T) {
	t.Parallel()
	for code, says := range map[string]string{"user_banned": "has to lift the ban", "another_code": "check " + envCosmicID} {
		t.Run(code, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, sandbox.WithTokenLifetime(time.Second))
			w.login(t).expect(t, exitOK)
			time.Sleep(time.Second)
			body := []byte(`{"code":400,"error_code":"` + code + `","msg":"no"}`)
			if err := w.Fail(sandbox.On(sandbox.OpToken), sandbox.Status(400), sandbox.Body("application/json", body)); err != nil {
				t.Fatal(err)
			}
			got := w.run(t, "me").expect(t, exitNotAllowed)
			contain(t, got.stderr, code, says)
			if code == "user_banned" && strings.Contains(got.stderr, envCosmicID) {
				t.Errorf("advice about the app: %s", got.stderr)
			}
			// The refusal pauses the session for every process; a sign-in ends that.
			w.ClearFaults()
			w.login(t).expect(t, exitOK)
			w.run(t, "me").expect(t, exitOK)
		})
	}
}

func TestLoginThatIsDeclined(t *testing.T) {
	got := func() result { w := newWorld(t); return w.loginBy(t, w.Deny) }().expect(t, exitNotAllowed)
	contain(t, got.stderr, "access_denied")
}

func TestLoginWithAPastedAddress(t *testing.T) {
	w := newWorld(t)
	stdin, terminal := io.Pipe()
	read, write := io.Pipe()
	var stderr locked
	done := make(chan int, 1)
	go func() {
		done <- run(t.Context(), []string{"login", "--no-browser", "--port", strconv.Itoa(w.port)}, w.getenv, stdin, write, &stderr)
	}()
	redirect, err := w.Approve(t.Context(), firstLine(read))
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.WriteString(terminal, "what?\n"+redirect+"\n")
	if code := <-done; code != exitOK {
		t.Fatalf("exit %d: %s", code, stderr.String())
	}
	contain(t, stderr.String(), "copy all of it", "Signed in as Ada")
}

func TestLoginOnAPortThatIsTaken(t *testing.T) {
	w := newWorld(t)
	l, err := net.Listen("tcp", "127.0.0.1:"+strconv.Itoa(w.port))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	contain(t, w.run(t, "login", "--no-browser", "--port", strconv.Itoa(w.port)).expect(t, exitUsage).stderr, strconv.Itoa(w.port), "another port")
}

func TestLoginWithoutARefreshTokenSaysSo(t *testing.T) {
	w := newWorld(t, sandbox.WithoutRefreshTokens())
	contain(t, w.login(t).expect(t, exitOK).stderr, "No refresh token came with it: sign in again at")
}

func TestLoginBesideAnAccessTokenSaysWhichIsUsed(t *testing.T) {
	w := newWorld(t).withToken(t)
	contain(t, w.login(t).expect(t, exitOK).stderr, "COSMIC_ACCESS_TOKEN is set")
}

func TestLoginSaysWhoAndHowManyScopes(t *testing.T) {
	old := newWorld(t, sandbox.WithOldMe())
	contain(t, old.login(t).expect(t, exitOK).stderr, "Signed in with 0 scopes; the session")
	one := newWorld(t)
	if err := one.SetScopes("test-app", "qualifications:read"); err != nil {
		t.Fatal(err)
	}
	contain(t, one.login(t).expect(t, exitOK).stderr, "Signed in as Ada Lovelace <ada@example.com> with 1 scope; the session")
}

func TestLoginThatIsInterruptedEndsWith130(t *testing.T) {
	w := newWorld(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var stdout, stderr locked
	done := make(chan int, 1)
	go func() {
		done <- run(ctx, []string{"login", "--no-browser", "--port", strconv.Itoa(w.port)}, w.getenv, strings.NewReader(""), &stdout, &stderr)
	}()
	waitFor(t, &stdout, "/authorize?")
	cancel()
	if code := <-done; code != exitInterrupted || !strings.HasSuffix(stderr.String(), "credkit: interrupted\n") {
		t.Errorf("exit %d: %s", code, stderr.String())
	}
}
