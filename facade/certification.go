package facade

import (
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/credkit/credkit-go/api/date"
)

// Date is a calendar day, without time and location; the zero Date is no day.
// [DateOf], [DateFromTime] and [ParseDate] make one. It has the methods Year,
// Month, Day, IsZero, In, AddDays, DaysUntil, Compare, Equal, Before, After and
// String, which writes it as "2006-01-02"; it is text and JSON in that form.
type Date = date.Date

// DateOf returns the given day. Values out of range are normalized as in
// [time.Date]: month 13 is January of the next year.
func DateOf(year int, month time.Month, day int) Date { return date.Of(year, month, day) }

// DateFromTime returns the day that t falls on in t's own location.
func DateFromTime(t time.Time) Date { return date.FromTime(t) }

// ParseDate reads a day in the form "2006-01-02" (RFC 3339, full-date). The empty
// string is the zero Date.
func ParseDate(s string) (Date, error) { return date.Parse(s) }

// IsExpired reports whether the certification has expired at the given time.
// It is valid through the whole day of ExpiresOn in at's location. One without
// ExpiresOn does not expire.
func (c Certification) IsExpired(at time.Time) bool {
	return !c.ExpiresOn.IsZero() && c.ExpiresOn.Before(date.FromTime(at))
}

// ExpiresWithin reports whether the certification is valid at the given time
// and will not be any more when d has passed: whether its last day lies
// within d, counted in whole days in at's location. A part of a day counts as
// a whole one.
func (c Certification) ExpiresWithin(at time.Time, d time.Duration) bool {
	if c.ExpiresOn.IsZero() || c.IsExpired(at) || d < 0 {
		return false
	}
	const day = 24 * time.Hour
	days := int((d + day - 1) / day)
	return date.FromTime(at).DaysUntil(c.ExpiresOn) <= days
}

// DaysLeft returns how many whole days follow at's day until the
// certification's last day: 0 on the last day itself, negative once it has
// expired. It reports false for one that does not expire.
func (c Certification) DaysLeft(at time.Time) (days int, expires bool) {
	if c.ExpiresOn.IsZero() {
		return 0, false
	}
	return date.FromTime(at).DaysUntil(c.ExpiresOn), true
}

// CertificationID picks the certification with the given id.
func CertificationID(id string) Match[Certification] {
	return byID("a certification", id, func(c Certification) UUID { return c.ID })
}

// Expired picks certifications that have expired at the given time.
func Expired(at time.Time) Match[Certification] {
	return Matching("an expired certification", func(c Certification) bool { return c.IsExpired(at) })
}

// Expiring picks certifications that expire within d from the given time: see
// [Certification.ExpiresWithin].
func Expiring(at time.Time, d time.Duration) Match[Certification] {
	return Matching("a certification that expires soon", func(c Certification) bool { return c.ExpiresWithin(at, d) })
}

// TypeSlug picks certifications of the type with one of the given slugs.
func TypeSlug(slugs ...string) Match[Certification] {
	if len(slugs) == 0 || slices.Contains(slugs, "") {
		return Match[Certification]{err: errors.New("TypeSlug: want at least one slug, and no empty one")}
	}
	return Matching("a certification of the type "+strings.Join(slugs, " or "),
		func(c Certification) bool { return slices.Contains(slugs, c.CertificationType.Slug) })
}
