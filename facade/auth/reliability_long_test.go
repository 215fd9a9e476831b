//go:build reliability

package auth_test

import "testing"

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
