package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"reflect"
	"strings"
	"syscall"
	"time"

	"github.com/alecthomas/kong"
)

// grammar is the command line: its flags and its commands.
type grammar struct {
	Output  format   `short:"o" placeholder:"FORMAT" help:"Print data as table, json, jsonl or csv. Default: table on a terminal, jsonl in a pipe."`
	Verbose bool     `short:"v" help:"Log each request to stderr, redacted."`
	Help    helpFlag `short:"h" help:"Show the help of a command."`

	Demo    demoCommand    `cmd:"" help:"See everything work against a sandbox: no account, no network."`
	Login   loginCommand   `cmd:"" help:"Sign in to COSMIC."`
	Logout  logoutCommand  `cmd:"" help:"Forget the COSMIC session."`
	Me      meCommand      `cmd:"" help:"Show who is signed in to COSMIC, and with which scopes."`
	Check   checkCommand   `cmd:"" help:"Check that the scopes of operations are there (exit 3 if not)."`
	Certs   certsCommand   `cmd:"" help:"List your COSMIC certifications."`
	Users   usersCommand   `cmd:"" help:"List the users of your Certn account."`
	Drift   driftCommand   `cmd:"" help:"Hold real answers against openapi.yaml (exit 4 if they differ)."`
	Sandbox sandboxCommand `cmd:"" help:"Run both services on this machine, until interrupted."`
	Version versionCommand `cmd:"" help:"Show the version."`
}

// program is what every command works with.
type program struct {
	env    func(name string) string
	stdin  io.Reader
	stdout io.Writer
	stderr io.Writer
	// terminal is what is behind stdout, if it is a file: perhaps a terminal.
	terminal *os.File
	output   format       // as asked for; empty lets stdout decide
	logger   *slog.Logger // the log with -v, notices on a terminal, otherwise nil
	now      func() time.Time
	// closers are called in turn, the last one first, once the command is done.
	closers []func(context.Context) error
}

// closeWithin bounds what is left to do once a command is done: saving a
// token that was just issued, above all.
const closeWithin = 15 * time.Second

// run is the whole command, as main calls it and as tests do. It returns the
// exit code.
func run(ctx context.Context, args []string, env func(string) string, stdin io.Reader, stdout, stderr io.Writer) int {
	p := &program{env: env, stdin: stdin, stdout: dataWriter{stdout}, stderr: stderr, now: time.Now}
	p.terminal, _ = stdout.(*os.File)
	err := p.run(ctx, args)
	if text := explain(err); text != "" {
		fmt.Fprintln(stderr, text)
	}
	return exitCode(err)
}

func (p *program) run(ctx context.Context, args []string) (err error) {
	switch { // what many try first
	case len(args) > 0 && args[0] == "help":
		if args = args[1:]; len(args) > 0 {
			args = append(args, "--help")
		}
	case len(args) == 1 && args[0] == "--version":
		args = []string{"version"}
	}
	if len(args) == 0 {
		if _, err := io.WriteString(p.stdout, helpByExample(p.paint())); !errors.Is(err, errReaderLeft) {
			return err
		}
		return nil
	}
	var g grammar
	parser, err := kong.New(&g,
		kong.Name("credkit"),
		kong.NoDefaultHelp(),
		kong.Writers(p.stdout, p.stderr),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 80}),
		kong.BindTo(ctx, (*context.Context)(nil)),
		kong.Bind(p),
	)
	if err != nil {
		return err
	}
	command, err := parser.Parse(args)
	switch {
	case errors.Is(err, errHelpShown), errors.Is(err, errReaderLeft):
		return nil
	case err != nil:
		return usagef("%w\n  see: credkit %s--help", err, named(args))
	}
	p.output = g.Output
	switch {
	case g.Verbose:
		p.logger = newLogger(p.stderr)
	case isTerminal(p.stderr):
		p.logger = slog.New(notices{p.stderr})
	}
	defer func() {
		if err != nil && ctx.Err() != nil && errors.Is(err, context.Canceled) {
			err = errInterrupted // the request that was cut is no news
		}
		if errors.Is(err, errReaderLeft) {
			err = nil // it has read what it wanted
		}
		err = errors.Join(err, p.close(ctx))
	}()
	return command.Run()
}

// dataWriter writes to stdout. A reader that has left, as head does, is told
// from a connection of the network that broke: only the first is no failure.
type dataWriter struct{ io.Writer }

var errReaderLeft = errors.New("nobody reads the output any more")

func (w dataWriter) Write(data []byte) (int, error) {
	n, err := w.Writer.Write(data)
	if errors.Is(err, syscall.EPIPE) {
		err = errReaderLeft
	}
	return n, err
}

// named is the command that args begin with and a space, or nothing if that
// is no command.
func named(args []string) string {
	commands := reflect.TypeFor[grammar]()
	for i := range commands.NumField() {
		f := commands.Field(i)
		if _, isCommand := f.Tag.Lookup("cmd"); isCommand && len(args) > 0 && strings.EqualFold(f.Name, args[0]) {
			return args[0] + " "
		}
	}
	return ""
}

// atEnd has f called once the command is done, also after Ctrl-C.
func (p *program) atEnd(f func(context.Context) error) { p.closers = append(p.closers, f) }

func (p *program) close(ctx context.Context) error {
	if ctx.Err() != nil {
		late := time.AfterFunc(time.Second, func() { p.say("credkit: saving a token that is being renewed; Ctrl-C again ends at once") })
		defer late.Stop()
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeWithin)
	defer cancel()
	var errs []error
	for len(p.closers) > 0 {
		last := p.closers[len(p.closers)-1]
		p.closers = p.closers[:len(p.closers)-1]
		errs = append(errs, last(ctx))
	}
	return errors.Join(errs...)
}

// say tells a person something that is no data.
func (p *program) say(format string, args ...any) {
	_, _ = fmt.Fprintf(p.stderr, format+"\n", args...) // nobody may be listening
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
