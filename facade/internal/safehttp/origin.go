package safehttp

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strings"
)

// ParseBase reads the base URL of a service. It takes https anywhere and http
// on a loopback host (127.0.0.0/8, ::1, localhost), without user information,
// query or fragment. A path prefix is kept, trailing slashes are trimmed. The
// error names what is wrong and never repeats user information.
func ParseBase(raw string) (*url.URL, error) {
	if strings.TrimSpace(raw) == "" {
		return nil, errors.New("base URL is empty: give one such as https://api.example.com")
	}
	u, err := url.Parse(raw)
	if err != nil {
		// url.Error repeats the whole URL, which may hold a password.
		var ue *url.Error
		if errors.As(err, &ue) {
			err = ue.Err
		}
		return nil, fmt.Errorf("base URL cannot be read: %s", Redact(err.Error()))
	}
	switch {
	case u.User != nil:
		return nil, errors.New("base URL must not contain user information: pass credentials as options")
	case u.Opaque != "" || u.Hostname() == "":
		return nil, fmt.Errorf("base URL %q has no host: write it as https://host", u.Redacted())
	case u.RawQuery != "" || u.ForceQuery:
		return nil, fmt.Errorf("base URL of %s must not have a query", u.Host)
	case u.Fragment != "" || strings.Contains(raw, "#"):
		return nil, fmt.Errorf("base URL of %s must not have a fragment", u.Host)
	}
	switch strings.ToLower(u.Scheme) {
	case "https":
	case "http":
		if !loopback(u.Hostname()) {
			return nil, fmt.Errorf("base URL http://%s would send tokens in the clear: use https (http is for loopback hosts only)", u.Host)
		}
	default:
		return nil, fmt.Errorf("base URL scheme %q is not https", u.Scheme)
	}
	u.Scheme = strings.ToLower(u.Scheme)
	u.Host = strings.TrimPrefix(Origin(u), u.Scheme+"://")
	u.Path = strings.TrimRight(u.Path, "/")
	u.RawPath = strings.TrimRight(u.RawPath, "/")
	return u, nil
}

// Origin returns the scheme://host[:port] of u (RFC 6454 section 6.2): in
// lower case, the scheme's default port dropped. Two URLs share a token only
// if their origins are equal. It is empty for a URL without scheme or host.
func Origin(u *url.URL) string {
	if u == nil {
		return ""
	}
	scheme, host, port := strings.ToLower(u.Scheme), strings.ToLower(u.Hostname()), u.Port()
	if scheme == "" || host == "" {
		return ""
	}
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	if port == "" || (scheme == "https" && port == "443") || (scheme == "http" && port == "80") {
		return scheme + "://" + host
	}
	return scheme + "://" + host + ":" + port
}

func loopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.Zone() == "" && addr.IsLoopback()
}
