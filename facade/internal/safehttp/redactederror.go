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
	err  hiddenError
}

// hiddenError hides an error from fmt and encoding/json, as a pointer does.
type hiddenError struct{ err *error }

func (e *redactedError) Error() string        { return e.text }
func (e *redactedError) GoString() string     { return e.text }
func (e *redactedError) Is(target error) bool { return errors.Is(*e.err.err, target) }
func (e *redactedError) As(target any) bool   { return errors.As(*e.err.err, target) }

// NewRedactedError returns an error that prints as text and is found by errors.Is
// and errors.As as err does.
func NewRedactedError(text string, err error) error {
	return &redactedError{text: text, err: hiddenError{&err}}
}

// RedactError is [Secrets.RedactError] where no secret is known.
func RedactError(err error, keep ...string) error { return Secrets{}.RedactError(err, keep...) }

// RedactError returns an error that prints as err does, redacted, and is found by
// errors.Is and errors.As as err does; err itself if it is of this function
// already, nil for nil. The method and the URL that net/http puts in front are
// dropped: who made the request says where it went. The paths that package os
// names stay as they are, and so do the words of keep: they are of this
// machine and not a server's, and a person needs them to act.
func (s Secrets) RedactError(err error, keep ...string) error {
	var done *redactedError
	if err == nil || errors.As(err, &done) {
		return err
	}
	shown := err
	var wrapped *url.Error
	if errors.As(err, &wrapped) && wrapped == err { //nolint:errorlint // only the outermost: others say more
		shown = wrapped.Err
	}
	keep = slices.DeleteFunc(paths(err, keep), func(k string) bool { return len(k) < 2 })
	slices.SortFunc(keep, func(a, b string) int { return cmp.Compare(len(b), len(a)) })
	return NewRedactedError(s.redactAround(shown.Error(), keep), err)
}

// redactAround redacts text but for the words of keep.
func (s Secrets) redactAround(text string, keep []string) string {
	for i, k := range keep {
		if before, after, found := strings.Cut(text, k); found {
			return s.redactAround(before, keep[i+1:]) + printable(k) + s.redactAround(after, keep[i:])
		}
	}
	return s.Redact(text)
}

// paths adds the paths that the errors of err's tree name, and their
// directories, to those in keep.
func paths(err error, keep []string) []string {
	add := func(names ...string) {
		for _, name := range names {
			keep = append(keep, name, filepath.Dir(name))
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
		keep = paths(e.Unwrap(), keep)
	case interface{ Unwrap() []error }:
		for _, one := range e.Unwrap() {
			keep = paths(one, keep)
		}
	}
	return keep
}
