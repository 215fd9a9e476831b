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
// error says what is wrong and repeats nothing of raw: in a URL that cannot be
// read, the password may be in any place.
func ParseBase(raw string) (*url.URL, error) {
	if strings.TrimSpace(raw) == "" {
		return nil, errors.New("base URL is empty: give one such as https://api.example.com")
	}
	u, err := url.Parse(raw)
	switch {
	case err != nil:
		return nil, fmt.Errorf("base URL cannot be read: %s: want one such as https://api.example.com", unreadable(err))
	case u.User != nil:
		return nil, errors.New("base URL must not contain user information: pass credentials as options")
	case u.Scheme == "":
		return nil, errors.New("base URL has no scheme: write it as https://host")
	case u.Opaque != "" || u.Hostname() == "":
		return nil, errors.New("base URL has no host: write it as https://host")
	case u.RawQuery != "" || u.ForceQuery:
		return nil, errors.New("base URL must not have a query: leave out what follows the question mark")
	case u.Fragment != "" || strings.Contains(raw, "#"):
		return nil, errors.New("base URL must not have a fragment: leave out what follows the #")
	}
	switch strings.ToLower(u.Scheme) {
	case "https":
	case "http":
		if !loopback(u.Hostname()) {
			return nil, errors.New("base URL begins with http:// and would send tokens in the clear: use https (http is for loopback hosts only)")
		}
	default:
		return nil, errors.New("base URL does not begin with https://")
	}
	u.Scheme = strings.ToLower(u.Scheme)
	u.Host = strings.TrimPrefix(Origin(u), u.Scheme+"://")
	u.Path = strings.TrimRight(u.Path, "/")
	u.RawPath = strings.TrimRight(u.RawPath, "/")
	return u, nil
}

// unreadable says why a URL could not be parsed, without a word of it.
func unreadable(err error) string {
	var escape url.EscapeError
	var host url.InvalidHostError
	text := err.Error()
	var parse *url.Error
	if errors.As(err, &parse) { // repeats the whole URL
		text = parse.Err.Error()
	}
	switch {
	case errors.As(err, &escape):
		return "a % is not followed by two hexadecimal digits"
	case errors.As(err, &host):
		return "its host has a character that none has"
	case strings.Contains(text, "invalid port"):
		return "its port is not a number; a user name and a password do not belong into it"
	case strings.Contains(text, "colon"):
		return "it does not begin with a scheme"
	case strings.Contains(text, "control character"):
		return "it has a control character, such as the line end of a file"
	case strings.Contains(text, "userinfo"):
		return "it has user information, which is not allowed"
	default:
		return "it is not a URL (RFC 3986)"
	}
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

// HasOrigin reports whether the origin of u is the given one.
func HasOrigin(u *url.URL, origin string) bool {
	scheme, rest, ok := strings.Cut(origin, "://")
	if ok && u != nil && u.Scheme == scheme && u.Host == rest && rest != "" { // as it is written nearly always
		return true
	}
	return origin != "" && Origin(u) == origin
}

func loopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.Zone() == "" && addr.IsLoopback()
}
