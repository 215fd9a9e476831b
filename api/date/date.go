// Package date has the calendar day that the services write as "2006-01-02":
// no time of day, no location.
package date

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"time"
)

// Date is a calendar day of the proleptic Gregorian calendar. The zero Date
// is no day: null, an absent field and "" are read as it.
type Date struct {
	year  int32
	month uint8
	day   uint8
}

// Of returns the given day. Out-of-range values are normalized as in
// [time.Date]: month 13 is January of the next year.
func Of(year int, month time.Month, day int) Date {
	return FromTime(time.Date(year, month, day, 0, 0, 0, 0, time.UTC))
}

// FromTime returns the day that t falls on in t's own location.
func FromTime(t time.Time) Date {
	y, m, d := t.Date()
	return Date{year: int32(y), month: uint8(m), day: uint8(d)}
}

// Parse reads a full-date of RFC 3339, "2006-01-02". The empty string is the
// zero Date.
func Parse(s string) (Date, error) {
	var d Date
	err := d.UnmarshalText([]byte(s))
	return d, err
}

// Year returns the year; 0 for the zero Date.
func (d Date) Year() int { return int(d.year) }

// Month returns the month; 0 for the zero Date.
func (d Date) Month() time.Month { return time.Month(d.month) }

// Day returns the day of the month; 0 for the zero Date.
func (d Date) Day() int { return int(d.day) }

// IsZero reports whether d is no day.
func (d Date) IsZero() bool { return d == Date{} }

// In returns the first instant of the day in loc, or the zero Time for the
// zero Date.
func (d Date) In(loc *time.Location) time.Time {
	if d.IsZero() {
		return time.Time{}
	}
	return time.Date(d.Year(), d.Month(), d.Day(), 0, 0, 0, 0, loc)
}

// AddDays returns the day n days later; the zero Date stays zero.
func (d Date) AddDays(n int) Date {
	if d.IsZero() {
		return d
	}
	return Of(d.Year(), d.Month(), d.Day()+n)
}

// DaysUntil returns how many days after d the day other is, negative if it is
// before d. It is 0 if either is the zero Date.
func (d Date) DaysUntil(other Date) int {
	if d.IsZero() || other.IsZero() {
		return 0
	}
	const day = 24 * 60 * 60 // a Duration is too short for some days
	return int((other.In(time.UTC).Unix() - d.In(time.UTC).Unix()) / day)
}

// Compare returns -1, 0 or +1 as d is before, the same as or after other. The
// zero Date is before every day.
func (d Date) Compare(other Date) int {
	return cmp.Or(cmp.Compare(d.year, other.year), cmp.Compare(d.month, other.month), cmp.Compare(d.day, other.day))
}

// Equal reports whether d and other are the same day.
func (d Date) Equal(other Date) bool { return d == other }

// Before reports whether d is an earlier day than other.
func (d Date) Before(other Date) bool { return d.Compare(other) < 0 }

// After reports whether d is a later day than other.
func (d Date) After(other Date) bool { return d.Compare(other) > 0 }

// String returns the day as "2006-01-02", or "" for the zero Date.
func (d Date) String() string {
	text, _ := d.AppendText(nil)
	return string(text)
}

// AppendText appends the day as "2006-01-02", or nothing for the zero Date.
func (d Date) AppendText(b []byte) ([]byte, error) {
	if d.IsZero() {
		return b, nil
	}
	if d.year < 0 || d.year > 9999 {
		return b, fmt.Errorf("date: the year %d has no RFC 3339 form", d.year)
	}
	y := d.year
	return append(b,
		byte('0'+y/1000), byte('0'+y/100%10), byte('0'+y/10%10), byte('0'+y%10), '-',
		'0'+d.month/10, '0'+d.month%10, '-', '0'+d.day/10, '0'+d.day%10), nil
}

// MarshalText writes the day as "2006-01-02", or "" for the zero Date.
func (d Date) MarshalText() ([]byte, error) { return d.AppendText(nil) }

// UnmarshalText reads "2006-01-02"; "" is the zero Date.
func (d *Date) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		*d = Date{}
		return nil
	}
	if len(text) != len("2006-01-02") || text[4] != '-' || text[7] != '-' {
		return malformed(text)
	}
	year, ok1 := digits(text[0:4])
	month, ok2 := digits(text[5:7])
	day, ok3 := digits(text[8:10])
	if !ok1 || !ok2 || !ok3 || month < 1 || month > 12 || day < 1 || day > daysIn(year, month) {
		return malformed(text)
	}
	*d = Date{year: int32(year), month: uint8(month), day: uint8(day)}
	return nil
}

// MarshalJSON writes the day as a string, or null for the zero Date.
func (d Date) MarshalJSON() ([]byte, error) {
	if d.IsZero() {
		return []byte("null"), nil
	}
	b, err := d.AppendText(append(make([]byte, 0, 12), '"'))
	return append(b, '"'), err
}

// UnmarshalJSON reads a string "2006-01-02"; null and "" are the zero Date.
func (d *Date) UnmarshalJSON(b []byte) error {
	if bytes.Equal(b, []byte("null")) {
		*d = Date{}
		return nil
	}
	if len(b) == len(`"2006-01-02"`) && b[0] == '"' && b[11] == '"' {
		return d.UnmarshalText(b[1:11])
	}
	var s string
	if err := json.Unmarshal(b, &s); err != nil {
		return fmt.Errorf("date: want a string like \"2006-01-02\" or null: %w", err)
	}
	return d.UnmarshalText([]byte(s))
}

func malformed(text []byte) error {
	const most = 32
	if len(text) > most {
		text = text[:most]
	}
	return fmt.Errorf("date: %q is not a day like \"2006-01-02\"", text)
}

func digits(b []byte) (n int, ok bool) {
	for _, c := range b {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int(c-'0')
	}
	return n, true
}

func daysIn(year, month int) int {
	switch month {
	case 4, 6, 9, 11:
		return 30
	case 2:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	default:
		return 31
	}
}
