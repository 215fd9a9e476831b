package sandbox

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	openapi "github.com/oapi-codegen/runtime/types"

	"github.com/credkit/credkit-go/api/certn"
	"github.com/credkit/credkit-go/api/cosmic"
	"github.com/credkit/credkit-go/api/spec"
)

// Option changes how a sandbox behaves. A bad value is an error of [Start] and
// [New]; nil changes nothing.
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

// WithAddr sets where [Start] listens: COSMIC at addr and Certn at the next port,
// or each at a free port if the port of addr is 0. The default is
// "127.0.0.1:0".
func WithAddr(addr string) Option {
	return func(s *settings) error {
		host, port, err := net.SplitHostPort(addr)
		if err != nil {
			return fmt.Errorf("address %q: %w", addr, err)
		}
		n, err := strconv.ParseUint(port, 10, 16)
		if err != nil || n == 65535 {
			return fmt.Errorf("address %q: the port must be a number below 65535", addr)
		}
		s.cosmicAddr, s.certnAddr = addr, addr
		if n > 0 {
			s.certnAddr = net.JoinHostPort(host, strconv.FormatUint(n+1, 10))
		}
		return nil
	}
}

// WithBasePath puts both services below a path such as "/prefix", so that a client
// that forgets the path of its base URL is found.
func WithBasePath(path string) Option {
	return func(s *settings) error {
		path = strings.TrimSuffix(path, "/")
		if u, err := url.Parse(path); path != "" && (err != nil || !strings.HasPrefix(path, "/") || u.Path != path) {
			return fmt.Errorf("base path %q: want a plain path like /prefix", path)
		}
		s.basePath = path
		return nil
	}
}

// WithHost adds another origin to the in-memory network of [Sandbox.Transport]:
// a host name such as "elsewhere.test", reached by https and http. Tests use it
// to prove that no token goes there.
func WithHost(host string, h http.Handler) Option {
	return func(s *settings) error {
		if host == "" || h == nil || strings.ContainsAny(host, "/:@") {
			return fmt.Errorf("host %q: want a host name without a port, and a handler", host)
		}
		if s.hosts == nil {
			s.hosts = map[string]http.Handler{}
		}
		s.hosts[strings.ToLower(host)] = h
		return nil
	}
}

// WithLogger hears of each request, without secrets. The default is silence.
func WithLogger(l *slog.Logger) Option {
	return func(s *settings) error { s.logger = l; return nil }
}

// WithLogSize bounds how many requests [Sandbox.Requests] remembers; the default
// is 10,000.
func WithLogSize(n int) Option {
	return func(s *settings) error {
		if n < 1 {
			return fmt.Errorf("a request log of %d: want at least 1", n)
		}
		s.logSize = n
		return nil
	}
}

// WithApps replaces the registered apps; the first is the default one.
func WithApps(apps ...App) Option {
	return func(s *settings) error {
		if len(apps) == 0 {
			return errors.New("no apps: want at least one")
		}
		s.apps = append([]App(nil), apps...)
		return nil
	}
}

// WithUsers replaces COSMIC's users; the first is the default one.
func WithUsers(users ...User) Option {
	return func(s *settings) error {
		if len(users) == 0 {
			return errors.New("no users: want at least one")
		}
		s.users = append([]User(nil), users...)
		return nil
	}
}

// WithCertnClient replaces Certn's client id and secret.
func WithCertnClient(id, secret string) Option {
	return func(s *settings) error {
		if id == "" || secret == "" {
			return errors.New("Certn's client id and secret must not be empty")
		}
		s.certnID, s.certnSecret = id, secret
		return nil
	}
}

// WithTokenLifetime sets how long COSMIC's access tokens live; the default is an
// hour. expires_in says it in whole seconds, rounded down.
func WithTokenLifetime(d time.Duration) Option {
	return positive("token lifetime", d, func(s *settings) { s.tokenLifetime = d })
}

// WithAlgorithm sets how the server keeps refresh tokens: 1, the default, as rows
// of a table, of which each knows its parent; 2 as a counter in the session. They
// differ in which replays are forgiven; see [WithReuseInterval].
func WithAlgorithm(n int) Option {
	return func(s *settings) error {
		if n != 1 && n != 2 {
			return fmt.Errorf("token algorithm %d: want 1 or 2", n)
		}
		s.algorithm = n
		return nil
	}
}

// WithReuseInterval forgives every refresh token for that long after its use, and
// not only the direct parent of the current one; the hosted product has 10
// seconds. Algorithm 1 then responds with a new token, so that two are current;
// algorithm 2, which counts from the session's last refresh, with the current
// one. The default is 0.
func WithReuseInterval(d time.Duration) Option {
	return positive("reuse interval", d, func(s *settings) { s.reuseInterval = d })
}

// WithTimeBox ends each session that long after its sign-in, with the code
// [SessionExpired]. The default is never.
func WithTimeBox(d time.Duration) Option {
	return positive("time box", d, func(s *settings) { s.timeBox = d })
}

// WithInactivityTimeout ends each session that was not refreshed for that long,
// with the code [SessionExpired]. The default is never.
func WithInactivityTimeout(d time.Duration) Option {
	return positive("inactivity timeout", d, func(s *settings) { s.inactivity = d })
}

// WithSingleSession has a sign-in end the other sessions of its user, with the
// code [SessionExpired].
func WithSingleSession() Option {
	return func(s *settings) error { s.singleSession = true; return nil }
}

func positive(what string, d time.Duration, set func(*settings)) Option {
	return func(s *settings) error {
		if d <= 0 {
			return fmt.Errorf("a %s of %s: want more than nothing", what, d)
		}
		set(s)
		return nil
	}
}

// WithExpiresIn puts raw JSON in place of the number in expires_in of both token
// endpoints, whatever the token's real life: `"3600"`, `-1`, `1e99`, `null`.
// Empty leaves the member out.
func WithExpiresIn(raw string) Option {
	return func(s *settings) error {
		if raw != "" && !json.Valid([]byte(raw)) {
			return fmt.Errorf("expires_in %q is not JSON", raw)
		}
		s.expiresIn = &raw
		return nil
	}
}

// WithoutRotation has refresh responses carry no refresh token: the old one
// stays the current one.
func WithoutRotation() Option {
	return func(s *settings) error { s.rotate = false; return nil }
}

// WithoutRefreshTokens has sign-in responses carry no refresh token either, so
// that sessions cannot be renewed.
func WithoutRefreshTokens() Option {
	return func(s *settings) error { s.refreshTokens = false; return nil }
}

// WithForgivenParent says whether a replay of the direct parent of the current
// refresh token gets the current one (true, the default) or ends
// the session as every other replay does.
func WithForgivenParent(on bool) Option {
	return func(s *settings) error { s.forgiveParent = on; return nil }
}

// WithCertnRateLimits has Certn keep rolling limits on its operations and respond with 429
// past them. Without an argument they are those of openapi.yaml: 240 in 60
// seconds and 14,400 in 24 hours. The default is no limit.
func WithCertnRateLimits(limits ...spec.RateLimit) Option {
	return func(s *settings) error {
		if len(limits) == 0 {
			limits = rateLimits()
		}
		if err := checkLimits(limits); err != nil {
			return err
		}
		s.limits = append([]spec.RateLimit(nil), limits...)
		return nil
	}
}

// WithCosmicRateLimits has COSMIC keep rolling limits on its operations, for all
// users of an app together, and respond with 429 past them. COSMIC documents none.
// The default is no limit.
func WithCosmicRateLimits(limits ...spec.RateLimit) Option {
	return func(s *settings) error {
		if err := checkLimits(limits); err != nil {
			return err
		}
		s.cosmicLimits = append([]spec.RateLimit(nil), limits...)
		return nil
	}
}

func checkLimits(limits []spec.RateLimit) error {
	for _, l := range limits {
		if l.Requests < 1 || l.Window <= 0 {
			return fmt.Errorf("a rate limit of %d in %s: want more than nothing", l.Requests, l.Window)
		}
	}
	return nil
}

// WithoutRetryAfter leaves the Retry-After header out of responses past a rate
// limit.
func WithoutRetryAfter() Option {
	return func(s *settings) error { s.noRetryAfter = true; return nil }
}

// WithCertnRetired has Certn respond with 410 to everything.
func WithCertnRetired() Option {
	return func(s *settings) error { s.retired = true; return nil }
}

// WithRequestIDs puts an x-request-id header on each response, which neither service
// documents.
func WithRequestIDs() Option {
	return func(s *settings) error { s.requestIDs = true; return nil }
}

// WithoutIdempotency has a create that is sent twice create twice, whatever
// its Idempotency-Key.
func WithoutIdempotency() Option {
	return func(s *settings) error { s.honourIdempotency = false; return nil }
}

// rateLimits are those of the description.
func rateLimits() []spec.RateLimit { return certn.Service.RateLimits }
