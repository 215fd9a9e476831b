package main

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/credkit/credkit-go/api/cosmic"
	"github.com/credkit/credkit-go/facade"
	"github.com/credkit/credkit-go/facade/safetext"
)

type certsCommand struct {
	Expiring durationFlag `placeholder:"30d" help:"Only those that are valid and expire within this time: 30d, 2w, 36h."`
	Expired  bool         `help:"Only those that have expired."`
	Type     []string     `placeholder:"SLUG" help:"Only those of this type. May be repeated."`
	Status   []string     `placeholder:"WORD" help:"Only those with this word as their validity, lifecycle or verification status. May be repeated."`
	Sort     bool         `help:"Print the earliest expiry first, of at most 10000. A table without --limit is sorted if it has at most 1000."`
	Limit    limitFlag    `placeholder:"N" help:"Stop after so many. Default: all of them."`

	seen statuses
}

// statuses are those of the certifications that --status has been compared with,
// for the message that none has it.
type statuses struct {
	certifications int
	words          map[string]bool
}

// How many statuses are remembered, and of how many bytes: a server may send any.
const (
	maxStatuses     = 20
	maxStatusLength = 64
)

func (s *statuses) add(words ...string) {
	s.certifications++
	for _, word := range words {
		if word != "" && len(word) <= maxStatusLength && len(s.words) < maxStatuses {
			s.words[word] = true
		}
	}
}

// Run lists the certifications of who is signed in.
func (c *certsCommand) Run(ctx context.Context, p *program) error {
	now := p.now()
	filters, err := c.filters(p, now)
	if err != nil {
		return err
	}
	// Without filters a small limit is one page, and nothing is read ahead.
	op, _ := cosmic.Service.Operation(facade.ListCertifications)
	singlePage := len(filters) == 0 && !c.Sort && c.Limit > 0 && int(c.Limit) <= op.Pagination.MaxSize
	var opts []facade.Option
	if singlePage {
		opts = append(opts, facade.WithReadAhead(0, 0))
	}
	client, err := p.cosmic(ctx, opts...)
	if err != nil {
		return err
	}
	certifications := client.Certifications().Where(filters...)
	if singlePage {
		certifications = certifications.PageSize(int(c.Limit))
	}
	n, err := printRows(p, c.sorted(p, certifications.All(ctx)), c.Limit, newRows(p, certificationLayout(now)))
	switch {
	case err != nil || n > 0:
	case c.seen.certifications > 0: // also in a pipe: the status may be misspelt
		p.printErrf("credkit: none of %s has the status %s; they have: %s", plural(c.seen.certifications, "certification"),
			strings.Join(c.Status, " or "), safetext.Line(strings.Join(slices.Sorted(maps.Keys(c.seen.words)), ", ")))
	case p.format() == formatTable:
		p.printErrf("no certifications%s", map[bool]string{true: " that match", false: ""}[len(filters) > 0])
	}
	return err
}

// How many certifications are read into memory to be sorted.
const (
	maxSorted      = 10_000 // with --sort
	maxSortedTable = 1_000
)

// sorted orders the list by expiry, with --sort, or for a table that shows all of
// it and is small enough.
func (c *certsCommand) sorted(p *program, list iter.Seq2[facade.Certification, error]) iter.Seq2[facade.Certification, error] {
	switch {
	case c.Sort:
		return sortedBy(byExpiry, list, maxSorted, func() error {
			return usagef("--sort: there are more than %d certifications: leave out --sort, or filter them", maxSorted)
		})
	case p.format() == formatTable && c.Limit == 0:
		return sortedBy(byExpiry, list, maxSortedTable, func() error {
			if !isTerminal(p.stdoutFile) {
				return nil
			}
			p.printErrf("credkit: more than %d certifications, printed in the order of the service", maxSortedTable)
			return nil
		})
	default:
		return list
	}
}

// filters are those of the flags.
func (c *certsCommand) filters(p *program, now time.Time) (filters []facade.Match[facade.Certification], err error) {
	switch {
	case slices.Contains(c.Type, ""):
		return nil, usagef("--type must not be empty: want a slug such as epa-608, or several with commas between")
	case slices.Contains(c.Status, ""):
		return nil, usagef("--status must not be empty: want a word such as %s, or several with commas between", cosmic.ValidityStatusValid)
	case c.Expiring > 0 && c.Expired:
		return nil, usagef("give --expiring or --expired, not both: what has expired does not expire again")
	case c.Expiring > 0:
		filters = append(filters, facade.Expiring(now, time.Duration(c.Expiring)))
	case c.Expired:
		filters = append(filters, facade.Expired(now))
	}
	if len(c.Type) > 0 {
		filters = append(filters, facade.TypeSlug(c.Type...))
	}
	if len(c.Status) > 0 {
		c.warnUndocumented(p)
		c.seen.words = map[string]bool{}
		filters = append(filters, facade.Matching("a certification with that status", func(cert facade.Certification) bool {
			words := []string{string(cert.ValidityStatus), string(cert.LifecycleStatus), string(cert.VerificationStatus)}
			c.seen.add(words...)
			return slices.ContainsFunc(words, func(word string) bool { return slices.Contains(c.Status, word) })
		}))
	}
	return filters, nil
}

// warnUndocumented warns of statuses that openapi.yaml does not have, before a
// long list is read for a misspelt one. They are no error: only one status of
// each kind is documented, and COSMIC may use others.
func (c *certsCommand) warnUndocumented(p *program) {
	for _, word := range c.Status {
		if !cosmic.LifecycleStatus(word).Valid() && !cosmic.VerificationStatus(word).Valid() && !cosmic.ValidityStatus(word).Valid() {
			p.printErrf("credkit: --status %q is not documented (%s, %s and %s are); looking for it anyway",
				word, cosmic.LifecycleStatusActive, cosmic.VerificationStatusUnverified, cosmic.ValidityStatusValid)
		}
	}
}

func certificationLayout(now time.Time) layout[facade.Certification] {
	type cert = facade.Certification
	expiry := func(c cert) style { return expiryStyle(c, now) }
	return layout[cert]{
		table: []column[cert]{
			{name: "expires", member: "expires_on", style: expiry},
			{name: "left", cell: func(c cert) string { return timeLeft(c, now) }, style: expiry},
			{name: "certification", cell: title, minWidth: 16},
			{name: "issuer", member: "issuer_name", optional: true},
			{name: "status", member: "validity_status"},
			{name: "verification", member: "verification_status"},
		},
		csv: slices.Concat(
			members[cert]("id"),
			[]column[cert]{{name: "type_slug", member: "certification_type.slug"}, {name: "type_title", member: "certification_type.title"}},
			members[cert]("issuer_name", "serial_number", "issued_on", "expires_on"),
			[]column[cert]{{name: "days_left", cell: func(c cert) string { return daysLeft(c, now) }}},
			members[cert]("validity_status", "lifecycle_status", "verification_status", "source", "external_id",
				"organization_id", "organization_member_id", "user_id"),
		),
	}
}

// title is the certification's title, or the best name that it has.
func title(c facade.Certification) string {
	for _, name := range []string{c.CertificationType.Title, c.CertificationType.Slug, c.ExternalID} {
		if name != "" {
			return name
		}
	}
	return c.ID.String()
}

// expiringSoon is from when on a certification is shown in yellow.
const expiringSoon = 30 * 24 * time.Hour

func expiryStyle(c facade.Certification, now time.Time) style {
	switch {
	case c.IsExpired(now):
		return red
	case c.ExpiresWithin(now, expiringSoon):
		return yellow
	default:
		return plain
	}
}

func daysLeft(c facade.Certification, now time.Time) string {
	days, expires := c.DaysLeft(now)
	if !expires {
		return ""
	}
	return strconv.Itoa(days)
}

// byExpiry orders certifications by their expiry; those without one are last.
func byExpiry(a, b facade.Certification) int {
	if a.ExpiresOn.IsZero() != b.ExpiresOn.IsZero() {
		return -a.ExpiresOn.Compare(b.ExpiresOn) // the zero date is the earliest
	}
	return a.ExpiresOn.Compare(b.ExpiresOn)
}

// timeLeft says in words how long the certification is valid.
func timeLeft(c facade.Certification, now time.Time) string {
	days, expires := c.DaysLeft(now)
	switch {
	case !expires:
		return "no end"
	case days < 0:
		return "expired"
	case days == 0:
		return "last day"
	case days == 1:
		return "1 day"
	default:
		return fmt.Sprintf("%d days", days)
	}
}
