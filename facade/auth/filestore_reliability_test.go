//go:build reliability

package auth_test

import "testing"

// TestReliabilityFileStoreKills kills 300 processes during an Update.
func TestReliabilityFileStoreKills(t *testing.T) { killFileStores(t, 300) }
