//go:build reliability

package pgstore_test

import "testing"

// TestReliabilityPostgresKills kills 300 processes during an Update.
func TestReliabilityPostgresKills(t *testing.T) { killProcesses(t, 300) }
