package facade

import (
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/credkit/credkit-go/api/cosmic"
	"github.com/credkit/credkit-go/api/date"
)

// Certification is a certification that a worker holds. Only ID is always
// there; every other field may have its zero value. Its open words
// (LifecycleStatus, Source, VerificationStatus, ValidityStatus) may be ones
// that this version does not know: Valid tells.
//
// Its Extra has the members that the specification does not declare. As JSON a
// Certification is what the service sent: null, empty and undeclared members
// included, at every depth; a field that was changed is written as changed, and
// left out if it was set to its zero value.
type Certification struct{ cosmic.Certification }

// CertificationCreate is what can be set when a certification is created: its
// type, holder, issuer, serial number, days and origin. Zero fields are not
// sent. Which of them the service requires is not documented.
type CertificationCreate = cosmic.CertificationCreate

// Me is who an access token speaks for. Scopes may stand under older names;
// [Cosmic.Scopes] gives the current ones.
type Me = cosmic.Me

// Date is a calendar day; the zero Date is no day. Package
// [github.com/credkit/credkit-go/api/date] makes one: date.Of(2027, time.May,
// 31), date.FromTime, date.Parse.
type Date = date.Date

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
