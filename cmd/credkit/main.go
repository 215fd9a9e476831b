// Command credkit shows a worker's COSMIC certifications and a team's Certn
// users, signs in to COSMIC, holds real answers against openapi.yaml, and runs
// both services in a sandbox.
//
// Without arguments it prints a help by example.
package main

import (
	"context"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/cli/browser"
)

func main() { os.Exit(start()) }

// start runs the command until it is done or interrupted. The first Ctrl-C or
// SIGTERM ends it in good order, the second at once.
func start() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop)
	// A reader that left, as head does, is an error of the write and not the
	// end of the process: sessions are closed all the same.
	signal.Ignore(syscall.SIGPIPE)
	// What a browser prints is neither data nor ours to say.
	browser.Stdout, browser.Stderr = io.Discard, io.Discard
	return run(ctx, os.Args[1:], os.Getenv, os.Stdin, os.Stdout, os.Stderr)
}
