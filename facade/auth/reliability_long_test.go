//go:build reliability

package auth_test

import "testing"

// TestReliabilityManyProcesses runs 16 processes until each has used 50 tokens
// of one second.
func TestReliabilityManyProcesses(t *testing.T) {
	eachStore(t, func(t *testing.T, store string) { refreshTogether(t, store, 16, 50) })
}

// TestReliabilityKills kills 300 processes in the middle of refreshes.
func TestReliabilityKills(t *testing.T) {
	eachStore(t, func(t *testing.T, store string) { killProcesses(t, store, 300, true) })
}

// TestReliabilityKillsUnforgiven is the same against a server that does not
// forgive the direct parent: sessions are lost, and the rate is printed.
func TestReliabilityKillsUnforgiven(t *testing.T) {
	eachStore(t, func(t *testing.T, store string) { killProcesses(t, store, 300, false) })
}
