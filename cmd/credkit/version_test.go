package main

import (
	"testing"

	"github.com/credkit/credkit-go/facade"
)

func TestVersion(t *testing.T) {
	w := &world{}
	contain(t, w.run(t, "version", "-o", "table").expect(t, exitOK).stdout, "credkit   ", "go        go1.")
	contain(t, w.run(t, "version").expect(t, exitOK).stdout, `{"version":"`)
	contain(t, w.run(t, "--version").expect(t, exitOK).stdout, "credkit "+facade.Version+"\n")
	contain(t, w.run(t, "version", "-o", "csv").expect(t, exitOK).stdout, "version,revision,go,platform\n")
}
