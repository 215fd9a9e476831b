package main

import (
	"testing"

	"github.com/credkit/credkit-go/facade/sandbox"
)

func TestMeInItsOlderForm(t *testing.T) {
	w := newWorld(t, sandbox.WithOldMe()).withToken(t)
	contain(t, w.run(t, "me", "-o", "table").expect(t, exitOK).stdout, "organization  ", "none named")
}
