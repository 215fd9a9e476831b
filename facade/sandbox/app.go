package sandbox

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"time"

	openapi "github.com/oapi-codegen/runtime/types"

	"github.com/credkit/credkit-go/api/certn"
	"github.com/credkit/credkit-go/api/cosmic"
	"github.com/credkit/credkit-go/api/spec"
)

// Option changes how a sandbox behaves. A bad value is an error of [Start] and
// [New].
type Option func(*settings) error

// settings is everything that options change; nothing writes to it after
// Start or New.
type settings struct {
	cosmicAddr, certnAddr string
	basePath              string
	hosts                 map[string]http.Handler
	logger                *slog.Logger
	logSize               int

	apps                    []App
	users                   []User
	certnID, certnSecret    string
	tokenLifetime           time.Duration
	certnTokenLifetime      time.Duration
	algorithm               int // of refresh tokens: 1 or 2
	reuseInterval           time.Duration
	timeBox, inactivity     time.Duration // zero is for ever
	singleSession           bool
	expiresIn               *string // raw JSON in place of the number; empty leaves it out
	rotate, refreshTokens   bool
	forgiveParent           bool
	tokenErrors             TokenErrors
	apiErrors               APIErrors
	requestIDs              bool
	honourIdempotency       bool
	firstParty, oldMe       bool
	oldScopeNames           bool
	unpaged, noLastCursor   bool
	pageSize, certnPageSize int
	certnMaxPageSize        int
	elements                map[spec.OperationID][][]byte // given ones of lists
	certificationCount      int
	certnUserCount          int
	newWords                bool
	seed                    uint64
	today                   time.Time // zero is the day of Start
	nextLinkOrigin          string
	bareArray, retired      bool
	limits, cosmicLimits    []spec.RateLimit
	noRetryAfter            bool
}

// The sandbox's own choices where openapi.yaml says nothing.
const (
	defaultTokenLifetime      = time.Hour
	defaultCertnTokenLifetime = 10 * time.Hour
	defaultPageSize           = 50
	defaultRows               = 12
	defaultLogSize            = 10_000
	codeLifetime              = 10 * time.Minute
	mostBody                  = 1 << 20
)

func newSettings(opts []Option) (*settings, error) {
	s := &settings{
		cosmicAddr:         "127.0.0.1:0",
		certnAddr:          "127.0.0.1:0",
		logSize:            defaultLogSize,
		certnID:            "certn-sandbox",
		certnSecret:        "certn-sandbox-secret",
		tokenLifetime:      defaultTokenLifetime,
		certnTokenLifetime: defaultCertnTokenLifetime,
		rotate:             true,
		algorithm:          1,
		refreshTokens:      true,
		forgiveParent:      true,
		honourIdempotency:  true,
		pageSize:           defaultPageSize,
		certnPageSize:      defaultPageSize,
		certificationCount: defaultRows,
		certnUserCount:     defaultRows,
		seed:               1,
		elements:           map[spec.OperationID][][]byte{},
	}
	var errs []error
	for _, o := range opts {
		if o == nil {
			continue
		}
		if err := o(s); err != nil {
			errs = append(errs, err)
		}
	}
	errs = append(errs, s.complete())
	if err := errors.Join(errs...); err != nil {
		return nil, fmt.Errorf("sandbox: %w", err)
	}
	return s, nil
}

// complete fills in what options left open and checks what they set together.
func (s *settings) complete() error {
	if s.apps == nil {
		s.apps = defaultApps()
	}
	if s.users == nil {
		s.users = defaultUsers()
	}
	if s.today.IsZero() {
		s.today = time.Now().UTC()
	}
	var errs []error
	seen := map[string]bool{}
	for i := range s.apps {
		errs = append(errs, s.apps[i].complete())
		if seen[s.apps[i].ClientID] {
			errs = append(errs, fmt.Errorf("two apps have the client id %q", s.apps[i].ClientID))
		}
		seen[s.apps[i].ClientID] = true
	}
	for i := range s.users {
		u := &s.users[i]
		if u.ID == "" {
			u.ID = uuidOf(mix(uint64(i)+1, hashString(u.Email)))
		}
		var id openapi.UUID
		if err := id.UnmarshalText([]byte(u.ID)); err != nil || id.String() != u.ID {
			errs = append(errs, fmt.Errorf("the user id %q is not a UUID in lower case", u.ID))
		}
		if seen["user "+u.ID] || u.Email != "" && seen["user "+u.Email] {
			errs = append(errs, fmt.Errorf("two users have the id %q or the e-mail address %q", u.ID, u.Email))
		}
		seen["user "+u.ID], seen["user "+u.Email] = true, true
	}
	if most := largestPage(&cosmic.Service); most > 0 && s.pageSize > most {
		errs = append(errs, fmt.Errorf("a page of %d is more than the %d that the service allows", s.pageSize, most))
	}
	return errors.Join(errs...)
}

// largestPage is the largest page that a service is known to take, of any list.
func largestPage(table *spec.Service) (most int) {
	for _, op := range table.Operations {
		most = max(most, op.Pagination.MaxSize)
	}
	return most
}

// App is an OAuth client of COSMIC as its developer portal would have it.
type App struct {
	// ClientID names the app; it must not be empty.
	ClientID string
	// ClientSecret is empty for a public client.
	ClientSecret string
	// Name is what the consent page shows; empty means the client id.
	Name string
	// Authentication is how the app names itself at the token endpoint: none,
	// client_secret_basic or client_secret_post (RFC 7591 section 2). Empty
	// means none without a secret and client_secret_basic with one.
	Authentication string
	// RedirectURIs are matched exactly: https, or http on loopback. Nil means
	// [RedirectURI] alone.
	RedirectURIs []string
	// Scopes are the API scopes chosen for the app, under their current or
	// older names; nil means all, an empty list none.
	Scopes []string
}

// RedirectURI is the redirect URI of the default apps.
const RedirectURI = "http://127.0.0.1:8976/callback"

// The ways of client authentication of RFC 7591 section 2.
const (
	authNone  = "none"
	authBasic = "client_secret_basic"
	authPost  = "client_secret_post"
)

func defaultApps() []App {
	return []App{
		{ClientID: "credkit-sandbox", Name: "credkit sandbox"},
		{ClientID: "credkit-sandbox-basic", Name: "credkit sandbox (secret in a header)", ClientSecret: "sandbox-secret-basic"},
		{ClientID: "credkit-sandbox-post", Name: "credkit sandbox (secret in the form)", ClientSecret: "sandbox-secret-post", Authentication: authPost},
	}
}

func (a *App) complete() error {
	if a.ClientID == "" {
		return errors.New("an app has no client id")
	}
	if a.Name == "" {
		a.Name = a.ClientID
	}
	if a.Authentication == "" {
		a.Authentication = authNone
		if a.ClientSecret != "" {
			a.Authentication = authBasic
		}
	}
	if !slices.Contains(cosmic.Service.ClientAuthentication, a.Authentication) {
		return fmt.Errorf("app %q: %q is no client authentication of the service: %v", a.ClientID, a.Authentication, cosmic.Service.ClientAuthentication)
	}
	if (a.Authentication == authNone) != (a.ClientSecret == "") {
		return fmt.Errorf("app %q: a secret goes with client_secret_basic or client_secret_post, and they need one", a.ClientID)
	}
	if a.RedirectURIs == nil {
		a.RedirectURIs = []string{RedirectURI}
	}
	for _, raw := range a.RedirectURIs {
		u, err := url.Parse(raw)
		if err != nil || u.Host == "" || u.Fragment != "" || u.Scheme != "https" && !(u.Scheme == "http" && isLoopback(u.Hostname())) {
			return fmt.Errorf("app %q: the redirect URI %q is neither https nor http on loopback, or has a fragment", a.ClientID, raw)
		}
	}
	if a.Scopes == nil {
		a.Scopes = slices.Clone(cosmic.Service.Scopes)
	}
	return checkScopes(a.Scopes)
}

// isLoopback reports whether a host is this machine: COSMIC takes https
// elsewhere.
func isLoopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

// checkScopes finds scopes that the service does not have, under any name.
func checkScopes(scopes []string) error {
	for _, name := range scopes {
		if !slices.Contains(cosmic.Service.Scopes, cosmic.Service.Scope(name)) {
			return fmt.Errorf("%q is no API scope of %s", name, cosmic.Service.Title)
		}
	}
	return nil
}

// User is a worker who can sign in to COSMIC.
type User struct {
	// ID is a UUID; empty makes one.
	ID string
	// Email, DisplayName and Phone are what the identity scopes show.
	Email, DisplayName, Phone string
	// Certifications are this user's own rows, as [WithCertifications] takes them;
	// nil means those of the sandbox.
	Certifications [][]byte
}

func defaultUsers() []User {
	return []User{
		{ID: "3c90c3cc-0d44-4b50-8888-8dd25736052a", Email: "ada@example.com", DisplayName: "Ada Lovelace", Phone: "+15550100"},
		{ID: "7b1f0c9e-5a1d-4c3e-9d52-1f6a0e0f4b21", Email: "grace@example.com", DisplayName: "Grace Hopper", Phone: "+15550101"},
	}
}

// rateLimits are those of the description.
func rateLimits() []spec.RateLimit { return certn.Service.RateLimits }
