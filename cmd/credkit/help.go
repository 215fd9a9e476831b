package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// helpFlag prints the help of the command that it is given with.
type helpFlag bool

var errHelpShown = errors.New("the help was shown")

// BeforeReset runs before anything is validated, so that help is printed
// whatever else is wrong.
func (helpFlag) BeforeReset(c *kong.Context) error {
	if err := c.PrintUsage(false); err != nil {
		return err
	}
	return errHelpShown
}

// IgnoreDefault keeps kong from calling BeforeReset when the flag is absent.
func (helpFlag) IgnoreDefault() {}

const overviewText = `credkit: your COSMIC certifications and your team's Certn users

# See it work, without an account and without a network:
  credkit demo

# Play with it: one terminal runs both services ...
  credkit sandbox
# ... another one, with the lines that it printed, signs in and looks around:
  credkit login                   sign in with your browser
  credkit me                      who you are, and which scopes you have
  credkit check                   which operations these scopes allow
  credkit certs --expiring 30d    what expires within 30 days
  credkit certs --output csv > certs.csv
  credkit users | jq .email       a pipe gets JSON, a line a user
  credkit logout

# A whole team, of every session in the store:
  credkit sandbox --workers 200   signs one in; paste its lines as above
  credkit roster                  who lapses next, and who could not be read
  credkit roster --requirements must-have.csv --to roster.html
  credkit roster --since state    what has changed since the last time
  credkit sessions                the state of every session
  credkit sessions renew          for cron: sessions that nobody uses stay alive

# With the real services:
  export COSMIC_CLIENT_ID=...     your app, registered with the redirect URI
                                  http://127.0.0.1:8976/callback
  credkit login --no-browser      on a machine without a browser
  export CERTN_CLIENT_ID=... CERTN_CLIENT_SECRET=...
  credkit drift                   do the responses still match openapi.yaml?

# More:
  credkit --help                  all commands
  credkit certs --help            the flags of a command
  --output table|json|jsonl|csv   default: table on a terminal, jsonl in a pipe
  -v                              log each request to stderr, redacted
  exit codes                      0 done, 1 failed, 2 wrong usage or settings,
                                  3 not allowed, 4 responses differ,
                                  5 some workers could not be read,
                                  130 interrupted
  environment                     COSMIC_BASE_URL, COSMIC_CLIENT_ID,
                                  COSMIC_CLIENT_SECRET,
                                  COSMIC_CLIENT_AUTH  client_secret_basic (the
                                    default) or client_secret_post
                                  COSMIC_ACCESS_TOKEN,
                                  CERTN_BASE_URL, CERTN_CLIENT_ID,
                                  CERTN_CLIENT_SECRET,
                                  CREDKIT_STORE    where sessions are saved: a
                                    directory or a postgres:// URL
                                  CREDKIT_SESSION  which one: any name
`

// overview is what credkit without arguments prints.
func overview(c colors) string {
	var b strings.Builder
	for line := range strings.Lines(overviewText) {
		text := strings.TrimSuffix(line, "\n")
		switch heading, isHeading := strings.CutPrefix(text, "# "); {
		case isHeading:
			text = c.apply(bold, heading)
		case strings.HasPrefix(text, "  credkit "):
			command, meaning, _ := strings.Cut(text[2:], "   ")
			text = "  " + c.apply(cyan, command)
			if meaning != "" {
				text += "   " + meaning
			}
		}
		b.WriteString(text + "\n")
	}
	return b.String()
}

// The environment of commands, as their help has it.
var (
	sessionEnvironment = []string{envStore + "  directory or postgres:// URL", envSession + "  key of the session"}
	cosmicEnvironment  = slices.Concat([]string{envCosmicID + ", " + envCosmicSecret, envCosmicAuth, envCosmicToken + "  used in place of a session", envCosmicBase}, sessionEnvironment)
	certnEnvironment   = []string{envCertnID + ", " + envCertnSecret, envCertnBase}
)

// detail is the part of a command's help with examples and environment.
func detail(environment []string, examples ...string) string {
	text := "Examples:\n\n\t" + strings.Join(examples, "\n\t")
	if len(environment) > 0 {
		text += "\n\nEnvironment:\n\n\t" + strings.Join(environment, "\n\t")
	}
	return text
}

// Help is what kong adds to the help of each command.

func (demoCommand) Help() string { return detail(nil, "credkit demo") }
func (loginCommand) Help() string {
	return detail(cosmicEnvironment, "credkit login", "credkit login --no-browser --session ada")
}
func (logoutCommand) Help() string {
	return detail(cosmicEnvironment, "credkit logout", "credkit logout --session ada")
}
func (meCommand) Help() string {
	return detail(cosmicEnvironment, "credkit me", "credkit me -o json | jq .user.email")
}
func (checkCommand) Help() string {
	return detail(cosmicEnvironment, "credkit check", "credkit check listCertifications && credkit certs")
}
func (certsCommand) Help() string {
	return detail(cosmicEnvironment, "credkit certs --expiring 30d", "credkit certs --sort -o csv > certs.csv", "credkit certs --type epa-608 --limit 1")
}
func (rosterCommand) Help() string {
	return detail(append([]string{envCosmicID + ", " + envCosmicSecret, envCosmicAuth, envCosmicBase, envStore + "  directory or postgres:// URL"}, certnEnvironment...), "credkit roster", "credkit roster --requirements must-have.csv --to roster.html", "credkit roster --since state")
}
func (sessionsCommand) Help() string {
	return detail([]string{envStore + "  directory or postgres:// URL"}, "credkit sessions", "credkit sessions renew --idle 20h", "credkit sessions prune --ended-before 90d")
}
func (usersCommand) Help() string {
	return detail(certnEnvironment, "credkit users", "credkit users | jq .email")
}
func (driftCommand) Help() string {
	return detail(slices.Concat(cosmicEnvironment, certnEnvironment), "credkit drift", "credkit drift --operation listUsers --file users.json")
}
func (sandboxCommand) Help() string {
	return detail(nil, "credkit sandbox", "credkit sandbox --token-lifetime 5s --flaky 10")
}
func (completionCommand) Help() string {
	return detail(nil, "source <(credkit completion bash)", "credkit completion zsh > ~/.zfunc/_credkit", "credkit completion fish > ~/.config/fish/completions/credkit.fish")
}
func (versionCommand) Help() string {
	return detail(nil, "credkit version -o json", "credkit --version")
}

// self is how to start this program again: credkit, or the path that it was
// started with if the shell would not find it, as after make demo.
func self() string {
	const name = "credkit"
	started := os.Args[0]
	if _, err := exec.LookPath(name); err == nil || started == name || strings.TrimSuffix(filepath.Base(started), ".exe") != name {
		return name
	}
	return started
}
