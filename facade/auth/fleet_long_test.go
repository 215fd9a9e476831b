//go:build reliability

package auth

import "testing"

// TestReliabilityRandomFleets is TestRandomFleets at length.
func TestReliabilityRandomFleets(t *testing.T) { randomFleets(t, 5000) }
