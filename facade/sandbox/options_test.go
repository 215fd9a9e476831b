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
		"an address without a port":    {sandbox.Addr("127.0.0.1"), "missing port"},
		"an address with a name":       {sandbox.Addr("127.0.0.1:http"), "port must be a number"},
		"the last port":                {sandbox.Addr("127.0.0.1:65535"), "below 65535"},
		"a base path without a slash":  {sandbox.BasePath("x"), "base path"},
		"a base path with a query":     {sandbox.BasePath("/x?y"), "base path"},
		"a host with a port":           {sandbox.Host("a:1", nil), "host name"},
		"a log of nothing":             {sandbox.LogSize(0), "at least 1"},
		"no apps":                      {sandbox.Apps(), "at least one"},
		"an app without an id":         {sandbox.Apps(sandbox.App{}), "no client id"},
		"two apps of one id":           {sandbox.Apps(sandbox.App{ClientID: "a"}, sandbox.App{ClientID: "a"}), "two apps"},
		"an app with a strange method": {sandbox.Apps(sandbox.App{ClientID: "a", Authentication: "private_key_jwt"}), "client authentication"},
		"a public app with a secret":   {sandbox.Apps(sandbox.App{ClientID: "a", ClientSecret: "s", Authentication: "none"}), "secret"},
		"a secret app without one":     {sandbox.Apps(sandbox.App{ClientID: "a", Authentication: "client_secret_post"}), "secret"},
		"an app with a relative URI":   {sandbox.Apps(sandbox.App{ClientID: "a", RedirectURIs: []string{"/back"}}), "neither https"},
		"an app with a fragment":       {sandbox.Apps(sandbox.App{ClientID: "a", RedirectURIs: []string{"https://a/#b"}}), "fragment"},
		"an app with plain http":       {sandbox.Apps(sandbox.App{ClientID: "a", RedirectURIs: []string{"http://app.example/"}}), "neither https"},
		"an app with a strange scope":  {sandbox.Apps(sandbox.App{ClientID: "a", Scopes: []string{"openid"}}), "no API scope"},
		"no users":                     {sandbox.Users(), "at least one"},
		"two users of one address":     {sandbox.Users(sandbox.User{Email: "a"}, sandbox.User{Email: "a"}), "two users"},
		"a user without a UUID":        {sandbox.Users(sandbox.User{ID: "ada"}), "UUID"},
		"no Certn secret":              {sandbox.CertnClient("a", ""), "must not be empty"},
		"no token lifetime":            {sandbox.TokenLifetime(0), "token lifetime"},
		"no Certn token lifetime":      {sandbox.CertnTokenLifetime(-1), "token lifetime"},
		"no session lifetime":          {sandbox.SessionLifetime(0), "session lifetime"},
		"expires_in that is no JSON":   {sandbox.ExpiresIn("soon"), "not JSON"},
		"a limit of nothing":           {sandbox.RateLimits(spec.RateLimit{}), "rate limit"},
		"a limit of COSMIC of nothing": {sandbox.CosmicRateLimits(spec.RateLimit{}), "rate limit"},
		"fewer rows than none":         {sandbox.CertificationCount(-1), "certifications"},
		"fewer users than none":        {sandbox.CertnUserCount(-1), "users"},
		"a row that is no JSON":        {sandbox.Certifications(func() {}), "row 0"},
		"a user that is no JSON":       {sandbox.CertnUsers(make(chan int)), "row 0"},
		"elements of what is no list":  {sandbox.Elements("getMe"), "getMe"},
		"an element that is no JSON":   {sandbox.Elements("listUsers", func() {}), "row 0"},
		"a page of nothing":            {sandbox.PageSize(0), "page size"},
		"a page past the limit":        {sandbox.PageSize(201), "201"},
		"users by no page":             {sandbox.CertnPageSize(0, 5), "pages"},
		"users past their bound":       {sandbox.CertnPageSize(6, 5), "pages"},
		"a link to a path":             {sandbox.NextLinkOrigin("https://a/b"), "scheme://host"},
		"a year far away":              {sandbox.Today(time.Date(99999, 1, 1, 0, 0, 0, 0, time.UTC)), "year"},
		"a token error shape":          {sandbox.TokenErrorShape(7), "shape"},
		"an API error shape":           {sandbox.APIErrorShape(-1), "shape"},
	} {
		_, err := sandbox.New(tc.option)
		if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := sandbox.Start(tc.option); err == nil {
			t.Errorf("%s: started", name)
		}
	}
	if sb := inMemory(t, nil, sandbox.BasePath("/")); sb.CosmicURL() != "https://cosmic.sandbox.test" {
		t.Error(sb.CosmicURL())
	}
}
