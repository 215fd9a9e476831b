// Command breaking stops a release that breaks somebody without telling them.
// It has two modes:
//
//	oasdiff breaking -f json … | breaking spec -changelog CHANGELOG.md
//	apidiff -m -incompatible … | breaking api -changelog CHANGELOG.md
//
// and a third one that prints what is announced, for release.sh:
//
//	breaking announced -changelog CHANGELOG.md
//
// A change is announced when the section Breaking below the heading
// Unreleased of the change log names it: the operationId of a change of the
// specification, the Go name (NewCosmic, List.All, User.Email) of a change of
// the Go API.
package main

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
)

func main() {
	err := run(os.Args[1:], os.Stdin, os.Stdout)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(args []string, in io.Reader, out io.Writer) error {
	if len(args) == 0 {
		return errors.New("breaking: say spec, api or announced")
	}
	flags := flag.NewFlagSet(args[0], flag.ContinueOnError)
	changelog := flags.String("changelog", "CHANGELOG.md", "the change log `file`")
	if err := flags.Parse(args[1:]); err != nil {
		return err
	}
	var changes []change
	var err error
	switch args[0] {
	case "spec":
		changes, err = specChanges(in)
	case "api":
		changes, err = apiChanges(in)
	case "announced":
		log, err := os.ReadFile(*changelog)
		fmt.Fprint(out, breakingSection(string(log)))
		return err
	default:
		err = fmt.Errorf("breaking: %q is not spec, api or announced", args[0])
	}
	return cmp.Or(err, judge(out, *changelog, changes))
}

// change is something that breaks a caller.
type change struct {
	// Names are the words of which one must stand in the change log.
	Names []string
	// Text says what happened.
	Text string
}

// judge fails on a change that the change log does not announce.
func judge(out io.Writer, changelog string, changes []change) error {
	if len(changes) == 0 {
		fmt.Fprintln(out, "nothing breaks since the last release")
		return nil
	}
	log, err := os.ReadFile(changelog)
	if err != nil {
		return err
	}
	section := breakingSection(string(log))
	missing := 0
	for _, c := range changes {
		if names(section, c.Names) {
			fmt.Fprintf(out, "announced: %s\n", c.Text)
			continue
		}
		missing++
		fmt.Fprintf(out, "BREAKING, not announced: %s\n", c.Text)
		fmt.Fprintf(out, "  Undo the change, or announce it in %s, under \"## Unreleased\", \"### Breaking\", in a line that names `%s`.\n", changelog, c.Names[0])
	}
	if missing > 0 {
		return fmt.Errorf("%d of %d breaking changes are not announced in %s", missing, len(changes), changelog)
	}
	return nil
}
