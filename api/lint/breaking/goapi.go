package main

import (
	"bufio"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
)

var typeArguments = regexp.MustCompile(`\[[^\[\]]*\]`)

// apiChanges reads what "apidiff -m -incompatible" prints, a line a change:
//
//   - ./facade.(*List[T]).First: changed from func() to func(int)
//   - ./facade.User.Email: removed
func apiChanges(in io.Reader) (changes []change, err error) {
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		object, what, ok := strings.Cut(strings.TrimPrefix(lines.Text(), "- "), ": ")
		if !ok || !strings.HasPrefix(lines.Text(), "- ") {
			return nil, fmt.Errorf("the output of apidiff cannot be read: %q", lines.Text())
		}
		for typeArguments.MatchString(object) {
			object = typeArguments.ReplaceAllString(object, "")
		}
		object = strings.NewReplacer("(*", "", "(", "", ")", "").Replace(object)
		if !promised(strings.TrimPrefix(object, "./"), what) {
			continue
		}
		name := object[strings.LastIndexByte(object, '/')+1:]
		if _, member, ok := strings.Cut(name, "."); ok {
			name = member
		}
		changes = append(changes, change{Names: []string{name}, Text: strings.TrimPrefix(object, "./") + ": " + what})
	}
	// A generic type is listed once for each of its instances.
	changes = slices.CompactFunc(changes, func(a, b change) bool { return a.Text == b.Text })
	return changes, lines.Err()
}

// promised reports whether the Go API promise covers a change.
func promised(object, what string) bool {
	switch {
	case strings.HasPrefix(what, "value changed "): // facade.Version with each release; a type or a name is what is promised
		return false
	case strings.HasPrefix(object, "api/server"), strings.HasPrefix(object, "api/wire"), strings.HasPrefix(object, "facade/auth/pgstore/pgtest"), strings.HasPrefix(object, "cmd/"):
		return false
	case strings.HasPrefix(object, "api/") && what == "added": // to a generated interface, which only the generated client implements
		return false
	}
	return true
}
