//go:build reliability

package auth_test

import (
	"testing"

	"github.com/credkit/credkit-go/facade/sandbox"
)

// TestReliabilityManyProcesses runs 16 processes until each has used 50 tokens
// of one second.
func TestReliabilityManyProcesses(t *testing.T) {
	eachStore(t, func(t *testing.T, store string) { refreshTogether(t, store, 16, 50) })
}

// TestReliabilityKills kills 100 processes in the middle of refreshes, with each
// way in which the server keeps refresh tokens.
func TestReliabilityKills(t *testing.T) {
	for _, v := range forgivingVariants() {
		t.Run(v.name, func(t *testing.T) {
			eachStore(t, func(t *testing.T, store string) { killProcesses(t, store, 100, v) })
		})
	}
}

// TestReliabilityKillsThatLoseSessions is the same with servers that do not
// forgive the direct parent: the rate is printed, and why.
func TestReliabilityKillsThatLoseSessions(t *testing.T) {
	for _, v := range losingVariants() {
		t.Run(v.name, func(t *testing.T) {
			eachStore(t, func(t *testing.T, store string) { killProcesses(t, store, 100, v) })
		})
	}
}

// losingVariants lose the sessions of processes that die between the server's
// rotation and their save; the rate is measured.
func losingVariants() []variant {
	return []variant{
		{name: "no token is forgiven", opts: []sandbox.Option{sandbox.WithForgivenParent(false)},
			loses: "the process died between the server's rotation and its save: the store has the parent, which this server does not forgive"},
		{name: "an upgrade without a reuse interval", upgrade: true,
			loses: "the process died so at the one rotation that upgrades a session to algorithm 2, whose parent is forgiven within the reuse interval alone"},
	}
}
