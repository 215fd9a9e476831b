package safehttp

import (
	"cmp"
	"errors"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// redactedError is an error of somebody else's code: errors.Is and errors.As
// find what it is, but it prints redacted, by whatever verb.
type redactedError struct {
	text string
	err  opaqueError
}

// opaqueError hides an error from fmt and encoding/json, as a pointer does.
type opaqueError struct{ err *error }

func (e *redactedError) Error() string        { return e.text }
func (e *redactedError) GoString() string     { return e.text }
func (e *redactedError) Is(target error) bool { return errors.Is(*e.err.err, target) }
func (e *redactedError) As(target any) bool   { return errors.As(*e.err.err, target) }

// NewRedactedError returns an error that prints as text and is found by errors.Is
// and errors.As as err does.
func NewRedactedError(text string, err error) error {
	return &redactedError{text: text, err: opaqueError{&err}}
}

// RedactError is [Secrets.RedactError] where no secret is known.
func RedactError(err error, verbatim ...string) error { return Secrets{}.RedactError(err, verbatim...) }

// RedactError returns an error that prints as err does, redacted, and is found by
// errors.Is and errors.As as err does; err itself if it is of this function
// already, nil for nil. The method and the URL that net/http puts in front are
// dropped: who made the request says where it went. The paths that package os
// names stay as they are, and so do the words of verbatim: they are of this
// machine and not a server's, and a person needs them to act.
func (s Secrets) RedactError(err error, verbatim ...string) error {
	var done *redactedError
	if err == nil || errors.As(err, &done) {
		return err
	}
	shown := err
	var wrapped *url.Error
	if errors.As(err, &wrapped) && wrapped == err { //nolint:errorlint // only the outermost: others say more
		shown = wrapped.Err
	}
	verbatim = slices.DeleteFunc(paths(err, verbatim), func(k string) bool { return len(k) < 2 })
	slices.SortFunc(verbatim, func(a, b string) int { return cmp.Compare(len(b), len(a)) })
	return NewRedactedError(s.redactAround(shown.Error(), verbatim), err)
}

// redactAround redacts text but for the words of verbatim.
func (s Secrets) redactAround(text string, verbatim []string) string {
	for i, k := range verbatim {
		if before, after, found := strings.Cut(text, k); found {
			return s.redactAround(before, verbatim[i+1:]) + printable(k) + s.redactAround(after, verbatim[i:])
		}
	}
	return s.Redact(text)
}

// paths adds the paths that the errors of err's tree name, and their
// directories, to those in verbatim.
func paths(err error, verbatim []string) []string {
	add := func(names ...string) {
		for _, name := range names {
			verbatim = append(verbatim, name, filepath.Dir(name))
		}
	}
	switch e := err.(type) { //nolint:errorlint // the tree is walked here
	case *fs.PathError:
		add(e.Path)
	case *os.LinkError:
		add(e.Old, e.New)
	}
	switch e := err.(type) { //nolint:errorlint // the tree is walked here
	case interface{ Unwrap() error }:
		verbatim = paths(e.Unwrap(), verbatim)
	case interface{ Unwrap() []error }:
		for _, one := range e.Unwrap() {
			verbatim = paths(one, verbatim)
		}
	}
	return verbatim
}
