package main

import (
	"cmp"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"time"

	"github.com/credkit/credkit-go/facade"
)

// The environment variables. Only the command reads them, never the library.
const (
	envCosmicBase   = "COSMIC_BASE_URL"      // default: the public service
	envCosmicID     = "COSMIC_CLIENT_ID"     // the app's client id
	envCosmicSecret = "COSMIC_CLIENT_SECRET" // only of an app that has one
	envCosmicAuth   = "COSMIC_CLIENT_AUTH"   // how the app is registered: client_secret_basic or client_secret_post
	envCosmicToken  = "COSMIC_ACCESS_TOKEN"  // used as it is, never refreshed
	envCertnBase    = "CERTN_BASE_URL"       // default: the public service
	envCertnID      = "CERTN_CLIENT_ID"
	envCertnSecret  = "CERTN_CLIENT_SECRET"
	envStore        = "CREDKIT_STORE"   // a directory, or a connection string of PostgreSQL
	envSession      = "CREDKIT_SESSION" // the key in the store
)

// envOr returns a variable's value, or fallback where it is empty or not set.
func (p *program) envOr(name, fallback string) string {
	if value := p.env(name); value != "" {
		return value
	}
	return fallback
}

// requireEnv returns a variable's value, or an error that says what it is.
func (p *program) requireEnv(name, what string) (string, error) {
	value := p.env(name)
	if value == "" {
		return "", usagef("%s is not set: it is %s\n  to try without an account: credkit demo, or credkit sandbox", name, what)
	}
	return value, nil
}

func (p *program) sessionKey() string { return cmp.Or(p.session, p.envOr(envSession, "default")) }
func (p *program) cosmicBase() string { return p.envOr(envCosmicBase, facade.CosmicURL) }
func (p *program) certnBase() string  { return p.envOr(envCertnBase, facade.CertnURL) }

// durationFlag is a length of time on the command line: 30d, 2w, 36h, 1d12h.
// [time.ParseDuration] has neither days nor weeks.
type durationFlag time.Duration

var (
	durationText = regexp.MustCompile(`^([0-9]{1,9}[wdhms])+$`)
	durationPart = regexp.MustCompile(`([0-9]+)([wdhms])`)
	durationUnit = map[string]time.Duration{"w": 7 * 24 * time.Hour, "d": 24 * time.Hour, "h": time.Hour, "m": time.Minute, "s": time.Second}
)

// UnmarshalText reads numbers that are each followed by a unit: w, d (24
// hours), h, m or s.
func (d *durationFlag) UnmarshalText(text []byte) error {
	wrong := fmt.Errorf("want a length of time such as 30d, 2w or 36h, got %q", text)
	if !durationText.Match(text) {
		return wrong
	}
	var total time.Duration
	for _, part := range durationPart.FindAllStringSubmatch(string(text), -1) {
		n, err := strconv.ParseInt(part[1], 10, 64)
		unit := durationUnit[part[2]]
		if err != nil || n > int64((math.MaxInt64-total)/unit) {
			return wrong
		}
		total += time.Duration(n) * unit
	}
	*d = durationFlag(total)
	return nil
}

// limitFlag is the number of elements after which a list stops. Its zero value
// is no limit; what is given must be at least 1.
type limitFlag int

// UnmarshalText reads a number above 0.
func (l *limitFlag) UnmarshalText(text []byte) error {
	n, err := strconv.Atoi(string(text))
	if err != nil || n < 1 {
		return fmt.Errorf("want a number of at least 1, got %q", text)
	}
	*l = limitFlag(n)
	return nil
}
