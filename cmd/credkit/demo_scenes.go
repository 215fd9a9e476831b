package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/credkit/credkit-go/api/cosmic"
	"github.com/credkit/credkit-go/facade"
)

func (d *demo) certifications(ctx context.Context) error {
	const shown = 8
	all, err := d.cosmic.Certifications().Collect(ctx, 100)
	if err != nil {
		return err
	}
	slices.SortFunc(all, func(a, b facade.Certification) int { return a.ExpiresOn.Compare(b.ExpiresOn) })
	// Those without an end stand first, as the zero day; here they come last.
	ends := slices.IndexFunc(all, func(c facade.Certification) bool { return !c.ExpiresOn.IsZero() })
	all = slices.Concat(all[max(ends, 0):], all[:max(ends, 0)])
	now := time.Now()
	columns := certificationLayout(now).table[:3]
	to := newTable(d.page.indented(), columns, pageWidth-len(margin), d.page.paint)
	for _, c := range all[:min(shown, len(all))] {
		if err := to.write(c); err != nil {
			return err
		}
	}
	if err := to.close(); err != nil {
		return err
	}
	d.page.faint("... and %d more; red has expired, yellow does within 30 days", max(0, len(all)-shown))
	return nil
}

// renewal makes a call every now and then until the access token was renewed
// twice, and shows with which token each of them was made.
func (d *demo) renewal(ctx context.Context) error {
	const (
		every    = 450 * time.Millisecond
		renewals = 2
		most     = 20 // calls, should nothing be renewed
	)
	d.page.note("Tokens live %v here. A call every %v:", demoLifetime, every)
	start, before, slowest := time.Now(), 0, time.Duration(0)
	for range most {
		called := time.Now()
		if _, err := d.cosmic.Me(ctx); err != nil {
			return err
		}
		slowest = max(slowest, time.Since(called))
		requests := d.sb.RequestsOf(cosmic.OpGetMe)
		last := requests[len(requests)-1]
		number, left := d.token(last.Token)
		look, what := plain, fmt.Sprintf("token %d, ends in %.1f s", number, left.Seconds())
		if before > 0 && number > before {
			look = green
			what += "  <- renewed"
		}
		before = number
		d.page.call(time.Since(start), "GET /v1/me", last.Status, what, look)
		if number > renewals {
			break
		}
		select {
		case <-time.After(every):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	d.page.note("The slowest call took %d ms: renewals run in the background.", slowest.Milliseconds())
	n := d.sb.Counters()
	d.page.note("The server counted %d renewals, %d old tokens replayed, %d calls refused.", n.Rotations, n.Forgiven+n.ReplaysRefused, n.Unauthorized)
	return nil
}

// token counts the access tokens that COSMIC has seen up to the one with the
// given fingerprint, and says how long that one still lives.
func (d *demo) token(fingerprint string) (number int, left time.Duration) {
	var seen []string
	for _, r := range d.sb.RequestsOf(cosmic.OpGetMe, cosmic.OpListCertifications) {
		if !slices.Contains(seen, r.Token) {
			seen = append(seen, r.Token)
		}
	}
	number = slices.Index(seen, fingerprint) + 1
	d.mu.Lock()
	defer d.mu.Unlock()
	if number < 1 || number > len(d.ends) {
		return number, 0
	}
	return number, time.Until(d.ends[number-1])
}

func (d *demo) refused(ctx context.Context) error {
	_, err := d.cosmic.CreateCertification(ctx, facade.CertificationCreate{ExternalID: "demo"})
	var scope *facade.ScopeError
	if !errors.As(err, &scope) {
		return fmt.Errorf("the demo expected a scope to be missing, and got: %w", err)
	}
	d.page.wrapped(red, err.Error())
	d.page.note("Creates that reached the server: %d", d.sb.Count(cosmic.OpCreateCertification))
	return nil
}

func (d *demo) users(ctx context.Context) error {
	to := newTable(d.page.indented(), userLayout().table, pageWidth-len(margin), d.page.paint)
	for u, err := range d.certn.Users().All(ctx) {
		if err != nil {
			return err
		}
		if err := to.write(u); err != nil {
			return err
		}
	}
	return to.close()
}
