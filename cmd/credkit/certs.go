package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/credkit/credkit-go/api/cosmic"
	"github.com/credkit/credkit-go/facade"
)

type certsCommand struct {
	Expiring span     `placeholder:"30d" help:"Only those that are valid and expire within this time: 30d, 2w, 36h."`
	Expired  bool     `help:"Only those that have expired."`
	Type     []string `placeholder:"SLUG" help:"Only those of this type. May be repeated."`
	Status   []string `placeholder:"WORD" help:"Only those with this word as their validity, lifecycle or verification status. May be repeated."`
	Limit    count    `placeholder:"N" help:"Stop after so many. Default: all of them."`

	read statuses
}

// statuses are the words that certifications had while --status was looked for.
type statuses struct {
	certifications int
	words          map[string]bool
}

// How many words are kept, and of how many bytes: a server may send any.
const (
	mostWords  = 20
	mostOfWord = 64
)

func (s *statuses) add(words ...string) {
	s.certifications++
	for _, word := range words {
		if word != "" && len(word) <= mostOfWord && len(s.words) < mostWords {
			s.words[word] = true
		}
	}
}

// Run lists the certifications of who is signed in.
func (c *certsCommand) Run(ctx context.Context, p *program) error {
	now := p.now()
	matches, err := c.matches(p, now)
	if err != nil {
		return err
	}
	// Without filters, what is wanted is one page, and nothing ahead of it.
	op, _ := cosmic.Service.Operation(facade.ListCertifications)
	short := len(matches) == 0 && c.Limit > 0 && int(c.Limit) <= op.Pagination.MaxSize
	var opts []facade.Option
	if short {
		opts = append(opts, facade.WithReadAhead(0, 0))
	}
	client, err := p.cosmic(ctx, opts...)
	if err != nil {
		return err
	}
	certifications := client.Certifications().Where(matches...)
	if short {
		certifications = certifications.PageSize(int(c.Limit))
	}
	n, err := list(p, certifications.All(ctx), c.Limit, newRows(p, certificationLayout(now)))
	switch {
	case err != nil || n > 0:
	case c.read.certifications > 0: // said also in a pipe: it may be the word that is wrong
		p.say("credkit: none of %s has the status %s; they have: %s", counted(c.read.certifications, "certification"),
			strings.Join(c.Status, " or "), printable(strings.Join(slices.Sorted(maps.Keys(c.read.words)), ", ")))
	case p.format() == asTable:
		p.say("no certifications%s", map[bool]string{true: " that fit", false: ""}[len(matches) > 0])
	}
	return err
}

// matches are the filters as the facade has them.
func (c *certsCommand) matches(p *program, now time.Time) (matches []facade.Match[facade.Certification], err error) {
	switch {
	case slices.Contains(c.Type, ""):
		return nil, usagef("--type must not be empty: want a slug such as epa-608, or several with commas between")
	case slices.Contains(c.Status, ""):
		return nil, usagef("--status must not be empty: want a word such as %s, or several with commas between", cosmic.ValidityStatusValid)
	case c.Expiring > 0 && c.Expired:
		return nil, usagef("give --expiring or --expired, not both: what has expired does not expire any more")
	case c.Expiring > 0:
		matches = append(matches, facade.Expiring(now, time.Duration(c.Expiring)))
	case c.Expired:
		matches = append(matches, facade.Expired(now))
	}
	if len(c.Type) > 0 {
		matches = append(matches, facade.TypeSlug(c.Type...))
	}
	if len(c.Status) > 0 {
		c.tellUnknown(p)
		c.read.words = map[string]bool{}
		matches = append(matches, facade.Matching("a certification with that status", func(cert facade.Certification) bool {
			words := []string{string(cert.ValidityStatus), string(cert.LifecycleStatus), string(cert.VerificationStatus)}
			c.read.add(words...)
			return slices.ContainsFunc(words, func(word string) bool { return slices.Contains(c.Status, word) })
		}))
	}
	return matches, nil
}

// tellUnknown warns of words that openapi.yaml does not know, before a long
// list is read for the sake of a misspelt one. They are no error: only the
// first word of each vocabulary is documented, and COSMIC may use others.
func (c *certsCommand) tellUnknown(p *program) {
	for _, word := range c.Status {
		if !cosmic.LifecycleStatus(word).Valid() && !cosmic.VerificationStatus(word).Valid() && !cosmic.ValidityStatus(word).Valid() {
			p.say("credkit: --status %q is not documented (%s, %s and %s are); reading the list for it all the same",
				word, cosmic.LifecycleStatusActive, cosmic.VerificationStatusUnverified, cosmic.ValidityStatusValid)
		}
	}
}

func certificationLayout(now time.Time) layout[facade.Certification] {
	type cert = facade.Certification
	look := func(c cert) style { return expiryStyle(c, now) }
	return layout[cert]{
		table: []column[cert]{
			{name: "expires", member: "expires_on", look: look},
			{name: "left", cell: func(c cert) string { return timeLeft(c, now) }, look: look},
			{name: "certification", cell: title, least: 16},
			{name: "issuer", member: "issuer_name", spare: true},
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

// title is what the certification is, as well as is known.
func title(c facade.Certification) string {
	for _, name := range []string{c.CertificationType.Title, c.CertificationType.Slug, c.ExternalID} {
		if name != "" {
			return name
		}
	}
	return c.ID.String()
}

// soon is when an expiry is worth a colour.
const soon = 30 * 24 * time.Hour

func expiryStyle(c facade.Certification, now time.Time) style {
	switch {
	case c.IsExpired(now):
		return red
	case c.ExpiresWithin(now, soon):
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

func orDash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}

func idOrNothing(id facade.UUID) string {
	if id == (facade.UUID{}) {
		return ""
	}
	return id.String()
}
