package main

import (
	"testing"
	"time"
)

func TestDurationFlag(t *testing.T) {
	day := 24 * time.Hour
	for text, want := range map[string]time.Duration{
		"30d": 30 * day, "2w": 14 * day, "36h": 36 * time.Hour, "1d12h": 36 * time.Hour, "90m": 90 * time.Minute, "5s": 5 * time.Second, "0d": 0,
	} {
		var s durationFlag
		if err := s.UnmarshalText([]byte(text)); err != nil || time.Duration(s) != want {
			t.Errorf("%s: %v %v, want %v", text, time.Duration(s), err, want)
		}
	}
	for _, text := range []string{"", "30", "d", "-1d", "1.5d", "1y", "30 d", "999999999999d", "999999999w", "９d"} {
		var s durationFlag
		if err := s.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q is taken as %v", text, time.Duration(s))
		}
	}
}
