package facade_test

import (
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/credkit/credkit-go/facade"
)

func TestExpiryCountsWholeDaysInTheCallersLocation(t *testing.T) {
	auckland, err := time.LoadLocation("Pacific/Auckland")
	if err != nil {
		t.Fatal(err)
	}
	day := 24 * time.Hour
	for name, test := range map[string]struct {
		expires string
		at      time.Time
		within  time.Duration
		expired bool
		expires30,
		hasDays bool
		days int
	}{
		"no expiry":                     {"", time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), 1e6 * time.Hour, false, false, false, 0},
		"the last moment of the day":    {"2026-01-31", time.Date(2026, 1, 31, 23, 59, 59, 999, time.UTC), 0, false, true, true, 0},
		"the first moment after":        {"2026-01-31", time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC), 30 * day, true, false, true, -1},
		"the next day has begun there":  {"2026-01-31", time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC).In(auckland), day, true, false, true, -1},
		"in exactly thirty days":        {"2026-01-31", time.Date(2026, 1, 1, 15, 0, 0, 0, time.UTC), 30 * day, false, true, true, 30},
		"in thirty-one days":            {"2026-02-01", time.Date(2026, 1, 1, 15, 0, 0, 0, time.UTC), 30 * day, false, false, true, 31},
		"a part of a day is a whole":    {"2026-01-02", time.Date(2026, 1, 1, 15, 0, 0, 0, time.UTC), time.Second, false, true, true, 1},
		"a negative time is never":      {"2026-01-01", time.Date(2026, 1, 1, 15, 0, 0, 0, time.UTC), -day, false, false, true, 0},
		"over the end of summer time":   {"2026-04-06", time.Date(2026, 4, 4, 1, 0, 0, 0, auckland), 2 * day, false, true, true, 2},
		"a leap day":                    {"2028-02-29", time.Date(2028, 2, 28, 1, 0, 0, 0, time.UTC), day, false, true, true, 1},
		"a very long time does not bow": {"9999-12-31", time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), 1<<63 - 1, false, false, true, 2912442},
	} {
		t.Run(name, func(t *testing.T) {
			var c facade.Certification
			if c.ExpiresOn, err = facade.ParseDate(test.expires); err != nil {
				t.Fatal(err)
			}
			if got := c.IsExpired(test.at); got != test.expired {
				t.Errorf("IsExpired: %v", got)
			}
			if got := c.ExpiresWithin(test.at, test.within); got != test.expires30 {
				t.Errorf("ExpiresWithin: %v", got)
			}
			if days, ok := c.DaysLeft(test.at); days != test.days || ok != test.hasDays {
				t.Errorf("DaysLeft: %d, %v", days, ok)
			}
		})
	}
}

// What a program does with a type is found by go doc, without opening another
// package.
func TestGoDocShowsFields(t *testing.T) {
	for name, want := range map[string]string{
		"Certification": "ExpiresOn Date", "Certification.ExpiresOn": "the last day it is valid", "User.Email": "Email string", "Me.Scopes": "Scopes []string",
		"CertificationCreate.SerialNumber": "SerialNumber string", "MeUser": "DisplayName (string)", "LifecycleStatusActive": "LifecycleStatus",
	} {
		out, err := exec.Command("go", "doc", ".", name).CombinedOutput()
		if err != nil || !strings.Contains(string(out), want) {
			t.Errorf("go doc . %s: %v, no %q in:\n%s", name, err, want, out)
		}
	}
}
