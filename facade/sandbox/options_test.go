package sandbox_test

import (
	"strings"
	"testing"
	"time"

	"github.com/credkit/credkit-go/api/spec"
	"github.com/credkit/credkit-go/facade/sandbox"
)

func TestOptionsThatMakeNoSenseAreRefused(t *testing.T) {
	for name, tc := range map[string]struct {
		option sandbox.Option
		want   string
	}{
		"an address without a port":    {sandbox.WithAddr("127.0.0.1"), "missing port"},
		"an address with a name":       {sandbox.WithAddr("127.0.0.1:http"), "port must be a number"},
		"the last port":                {sandbox.WithAddr("127.0.0.1:65535"), "below 65535"},
		"a base path without a slash":  {sandbox.WithBasePath("x"), "base path"},
		"a base path with a query":     {sandbox.WithBasePath("/x?y"), "base path"},
		"a host with a port":           {sandbox.WithHost("a:1", nil), "host name"},
		"a log of nothing":             {sandbox.WithLogSize(0), "at least 1"},
		"no apps":                      {sandbox.WithApps(), "at least one"},
		"an app without an id":         {sandbox.WithApps(sandbox.App{}), "no client id"},
		"two apps of one id":           {sandbox.WithApps(sandbox.App{ClientID: "a"}, sandbox.App{ClientID: "a"}), "two apps"},
		"an app with a strange method": {sandbox.WithApps(sandbox.App{ClientID: "a", Authentication: "private_key_jwt"}), "client authentication"},
		"a public app with a secret":   {sandbox.WithApps(sandbox.App{ClientID: "a", ClientSecret: "s", Authentication: "none"}), "secret"},
		"a secret app without one":     {sandbox.WithApps(sandbox.App{ClientID: "a", Authentication: "client_secret_post"}), "secret"},
		"an app with a relative URI":   {sandbox.WithApps(sandbox.App{ClientID: "a", RedirectURIs: []string{"/back"}}), "neither https"},
		"an app with a fragment":       {sandbox.WithApps(sandbox.App{ClientID: "a", RedirectURIs: []string{"https://a/#b"}}), "fragment"},
		"an app with plain http":       {sandbox.WithApps(sandbox.App{ClientID: "a", RedirectURIs: []string{"http://app.example/"}}), "neither https"},
		"an app with a strange scope":  {sandbox.WithApps(sandbox.App{ClientID: "a", Scopes: []string{"openid"}}), "no API scope"},
		"no users":                     {sandbox.WithUsers(), "at least one"},
		"two users of one address":     {sandbox.WithUsers(sandbox.User{Email: "a"}, sandbox.User{Email: "a"}), "two users"},
		"a user without a UUID":        {sandbox.WithUsers(sandbox.User{ID: "ada"}), "UUID"},
		"no Certn secret":              {sandbox.WithCertnClient("a", ""), "must not be empty"},
		"no token lifetime":            {sandbox.WithTokenLifetime(0), "token lifetime"},
		"no time box":                  {sandbox.WithTimeBox(0), "time box"},
		"a third algorithm":            {sandbox.WithAlgorithm(3), "want 1 or 2"},
		"no reuse interval":            {sandbox.WithReuseInterval(-1), "reuse interval"},
		"no inactivity timeout":        {sandbox.WithInactivityTimeout(0), "inactivity timeout"},
		"expires_in that is no JSON":   {sandbox.WithExpiresIn("soon"), "not JSON"},
		"a limit of nothing":           {sandbox.WithCertnRateLimits(spec.RateLimit{}), "rate limit"},
		"a limit of COSMIC of nothing": {sandbox.WithCosmicRateLimits(spec.RateLimit{}), "rate limit"},
		"fewer rows than none":         {sandbox.WithCertificationCount(-1), "certifications"},
		"fewer users than none":        {sandbox.WithCertnUserCount(-1), "users"},
		"a row that is no JSON":        {sandbox.WithCertifications(func() {}), "row 0"},
		"a user that is no JSON":       {sandbox.WithCertnUsers(make(chan int)), "row 0"},
		"elements of what is no list":  {sandbox.WithElements("getMe"), "getMe"},
		"an element that is no JSON":   {sandbox.WithElements("listUsers", func() {}), "row 0"},
		"a page of nothing":            {sandbox.WithPageSize(0), "page size"},
		"a page past the limit":        {sandbox.WithPageSize(201), "201"},
		"users by no page":             {sandbox.WithCertnPageSize(0, 5), "pages"},
		"users past their bound":       {sandbox.WithCertnPageSize(6, 5), "pages"},
		"a link to a path":             {sandbox.WithNextLinkOrigin("https://a/b"), "scheme://host"},
		"a year far away":              {sandbox.WithToday(time.Date(99999, 1, 1, 0, 0, 0, 0, time.UTC)), "year"},
		"a token error shape":          {sandbox.WithTokenErrors(7), "shape"},
		"an API error shape":           {sandbox.WithAPIErrors(-1), "shape"},
	} {
		_, err := sandbox.New(tc.option)
		if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := sandbox.Start(tc.option); err == nil {
			t.Errorf("%s: started", name)
		}
	}
	if sb := inMemory(t, nil, sandbox.WithBasePath("/")); sb.CosmicURL() != "https://cosmic.sandbox.test" {
		t.Error(sb.CosmicURL())
	}
}
