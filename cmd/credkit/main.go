// Command credkit shows a worker's COSMIC certifications and a team's Certn
// users, signs in to COSMIC, checks real responses against openapi.yaml, and
// runs both services in a sandbox.
//
// Without arguments it prints an overview.
package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/alecthomas/kong"
	"github.com/cli/browser"

	"github.com/credkit/credkit-go/facade"
)

// grammar is the command line: its flags and its commands.
type grammar struct {
	Output  format   `short:"o" placeholder:"FORMAT" complete:"table,json,jsonl,csv,html,ics" help:"Print data as table, json, jsonl or csv. Default: table on a terminal, jsonl in a pipe. A roster also as html or ics."`
	Session string   `placeholder:"KEY" help:"Key of the session in the store. Default: CREDKIT_SESSION, or default."`
	Verbose bool     `short:"v" help:"Log each request to stderr, redacted."`
	Help    helpFlag `short:"h" help:"Show the help of a command."`

	Demo       demoCommand       `cmd:"" help:"See everything work against a sandbox: no account, no network."`
	Login      loginCommand      `cmd:"" help:"Sign in to COSMIC."`
	Logout     logoutCommand     `cmd:"" help:"End the COSMIC session, at the server too, and forget it."`
	Me         meCommand         `cmd:"" help:"Show who is signed in to COSMIC, and with which scopes."`
	Check      checkCommand      `cmd:"" help:"Check that the scopes of operations are there (exit 3 if not)."`
	Certs      certsCommand      `cmd:"" help:"List your COSMIC certifications."`
	Roster     rosterCommand     `cmd:"" help:"Show who on the team holds what, and what lapses next (exit 5 if somebody could not be read)."`
	Sessions   sessionsCommand   `cmd:"" help:"Show, renew or prune the sessions in the store."`
	Users      usersCommand      `cmd:"" help:"List the users of your Certn account."`
	Drift      driftCommand      `cmd:"" help:"Check real responses against openapi.yaml (exit 4 if they differ)."`
	Sandbox    sandboxCommand    `cmd:"" help:"Run both services on this machine, until interrupted."`
	Completion completionCommand `cmd:"" help:"Print the completion of a shell: bash, zsh or fish."`
	Version    versionCommand    `cmd:"" help:"Show the version."`
}

// program is what every command works with.
type program struct {
	env    func(name string) string
	stdin  io.Reader
	stdout io.Writer
	stderr io.Writer
	// stdoutFile is stdout if that is a file: perhaps a terminal.
	stdoutFile *os.File
	output     format       // from --output; empty: depends on stdout
	session    string       // from --session; empty: from the environment
	logger     *slog.Logger // the log with -v, notices on a terminal, otherwise nil
	now        func() time.Time
	closers    []func(context.Context) error // see onClose
}

// closeTimeout bounds what is left to do once a command is done: saving a
// token that was just issued, above all.
const closeTimeout = 15 * time.Second

func main() { os.Exit(start()) }

// start runs the command until it is done or interrupted. The first Ctrl-C or
// SIGTERM cancels its context, the second ends the process.
func start() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop)
	// With SIGPIPE ignored, a reader that has exited, as head does, is a write
	// error and does not end the process: sessions are still closed.
	signal.Ignore(syscall.SIGPIPE)
	browser.Stdout, browser.Stderr = io.Discard, io.Discard // a browser logs to both
	return run(ctx, os.Args[1:], os.Getenv, os.Stdin, os.Stdout, os.Stderr)
}

// run is the whole command, as main calls it and as tests do. It returns the
// exit code.
func run(ctx context.Context, args []string, env func(string) string, stdin io.Reader, stdout, stderr io.Writer) int {
	p := &program{env: env, stdin: stdin, stdout: pipeWriter{stdout}, stderr: stderr, now: time.Now}
	p.stdoutFile, _ = stdout.(*os.File)
	err := p.run(ctx, args)
	switch {
	case err == nil:
	case p.output == formatJSON || p.output == formatJSONL:
		_ = jsonLines[errorDocument]{stderr}.write(documentOf(err)) // stderr may be closed
	default:
		p.printErrf("%s", explain(err))
	}
	return exitCode(err)
}

func (p *program) run(ctx context.Context, args []string) (err error) {
	switch { // other spellings
	case len(args) > 0 && args[0] == "help":
		if args = args[1:]; len(args) > 0 {
			args = append(args, "--help")
		}
	case len(args) == 1 && args[0] == "--version":
		_, err := fmt.Fprintln(p.stdout, "credkit", facade.Version)
		return err
	}
	if len(args) == 0 {
		if _, err := io.WriteString(p.stdout, overview(p.colors())); !errors.Is(err, errReaderGone) {
			return err
		}
		return nil
	}
	var g grammar
	parser, err := kong.New(&g,
		kong.Name("credkit"),
		kong.NoDefaultHelp(),
		kong.Writers(p.stdout, p.stderr),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: min(80, cmp.Or(terminalWidth(p.stdoutFile), 80))}),
		kong.BindTo(ctx, (*context.Context)(nil)),
		kong.Bind(p),
	)
	if err != nil {
		return err
	}
	if args[0] == completeCommand {
		return p.printCandidates(parser.Model.Node, args[1:])
	}
	command, err := parser.Parse(args)
	switch {
	case errors.Is(err, errHelpShown), errors.Is(err, errReaderGone):
		return nil
	case err != nil:
		p.output = outputOf(args)
		return usagef("%w\n  see: credkit %s--help", err, commandOf(err))
	}
	p.output, p.session = g.Output, g.Session
	if err := p.refuseIgnored(command.Selected()); err != nil {
		return err
	}
	switch {
	case g.Verbose:
		p.logger = newLogger(p.stderr)
	case isTerminal(p.stderr):
		p.logger = slog.New(notices{to: p.stderr})
	}
	defer func() {
		if err != nil && ctx.Err() != nil && errors.Is(err, context.Canceled) {
			err = errInterrupted // which request was canceled does not matter
		}
		if errors.Is(err, errReaderGone) {
			err = nil // it has read what it wanted
		}
		err = errors.Join(err, p.close(ctx))
	}()
	return command.Run()
}

// commandOf is the command that a parse error is about and a space, or empty.
func commandOf(err error) string {
	var parse *kong.ParseError
	if errors.As(err, &parse) && parse.Context.Selected() != nil {
		return parse.Context.Selected().Path() + " "
	}
	return ""
}

// pipeWriter writes to stdout and tells a reader that has exited (errReaderGone)
// from a broken network connection, which has the same error number.
type pipeWriter struct{ io.Writer }

var errReaderGone = errors.New("the reader of the output has exited")

func (w pipeWriter) Write(data []byte) (int, error) {
	n, err := w.Writer.Write(data)
	if errors.Is(err, syscall.EPIPE) {
		err = errReaderGone
	}
	return n, err
}

// onClose registers f to run once the command is done, also after Ctrl-C. The
// last one registered runs first.
func (p *program) onClose(f func(context.Context) error) { p.closers = append(p.closers, f) }

func (p *program) close(ctx context.Context) error {
	if ctx.Err() != nil {
		late := time.AfterFunc(time.Second, func() {
			p.printErrf("credkit: saving a token that is being renewed; Ctrl-C again ends at once")
		})
		defer late.Stop()
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
	defer cancel()
	var errs []error
	for len(p.closers) > 0 {
		last := p.closers[len(p.closers)-1]
		p.closers = p.closers[:len(p.closers)-1]
		errs = append(errs, last(ctx))
	}
	return errors.Join(errs...)
}

// noData are the commands that print no data, noSession those that use no session.
var (
	noData    = []string{"demo", "login", "logout", "renew", "prune", "sandbox", "completion"}
	noSession = []string{"demo", "roster", "list", "renew", "prune", "users", "sandbox", "completion", "version"}
)

// refuseIgnored refuses the global flags that a command would ignore. With JSON
// formats every command prints its error as JSON.
func (p *program) refuseIgnored(command *kong.Node) error {
	switch {
	case (p.output == formatHTML || p.output == formatICS) && command.Name != "roster":
		return usagef("--output %s is for credkit roster: want table, json, jsonl or csv", p.output)
	case (p.output == formatTable || p.output == formatCSV) && slices.Contains(noData, command.Name):
		return usagef("--output %s: credkit %s prints no data; json and jsonl are for its errors", p.output, command.Name)
	case p.session != "" && slices.Contains(noSession, command.Name):
		return usagef("--session: credkit %s uses no session", command.Name)
	}
	return nil
}

// outputOf is the format in arguments that cannot be parsed, or empty.
func outputOf(args []string) format {
	for i, arg := range args {
		name, value, joined := strings.Cut(arg, "=")
		switch {
		case name != "-o" && name != "--output":
			continue
		case !joined && i+1 < len(args):
			value = args[i+1]
		}
		return format(value)
	}
	return ""
}

// printErrf prints a line for a person to stderr, wrapped at words on a terminal.
// Write errors are ignored: stderr may be closed.
func (p *program) printErrf(format string, args ...any) {
	_, _ = io.WriteString(p.stderr, wrap(fmt.Sprintf(format, args...), terminalWidth(p.stderr))+"\n")
}

// newLogger writes a line a record, with the time of day.
func newLogger(w io.Writer) *slog.Logger {
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{
		Level: slog.LevelDebug,
		ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
			if len(groups) == 0 && a.Key == slog.TimeKey {
				a.Value = slog.StringValue(a.Value.Time().Format("15:04:05.000"))
			}
			return a
		},
	}))
}
