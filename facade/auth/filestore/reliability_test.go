//go:build reliability

package filestore_test

import "testing"

// TestReliabilityKills kills 300 processes during an Update.
func TestReliabilityKills(t *testing.T) { killStores(t, 300) }
