package main

import (
	"fmt"
	"math"
	"time"
)

// span is a length of time as people write it: 30d, 2w, 36h, 1d12h.
type span time.Duration

var units = map[byte]time.Duration{
	'w': 7 * 24 * time.Hour,
	'd': 24 * time.Hour,
	'h': time.Hour,
	'm': time.Minute,
	's': time.Second,
}

// UnmarshalText reads numbers that are each followed by a unit: w, d (24
// hours), h, m or s.
func (s *span) UnmarshalText(text []byte) error {
	wrong := fmt.Errorf("want a length of time such as 30d, 2w or 36h, got %q", text)
	var total, n int64
	digits := 0
	for _, c := range text {
		if c >= '0' && c <= '9' {
			if digits++; digits > 9 {
				return wrong
			}
			n = n*10 + int64(c-'0')
			continue
		}
		unit, known := units[c]
		if !known || digits == 0 || n > (math.MaxInt64-total)/int64(unit) {
			return wrong
		}
		total += n * int64(unit)
		n, digits = 0, 0
	}
	if digits > 0 || len(text) == 0 {
		return wrong
	}
	*s = span(total)
	return nil
}
