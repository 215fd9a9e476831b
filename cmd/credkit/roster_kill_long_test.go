//go:build unix && reliability

package main

import "testing"

func TestReliabilityRosterKills(t *testing.T) { killRosters(t, 100) }
