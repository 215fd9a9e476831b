package safehttp

import (
	"regexp"
	"strings"
	"unicode"
)

const redacted = "[redacted]"

// The patterns, in the order in which they are applied.
var (
	userInfo = regexp.MustCompile(`(?i)([a-z][a-z0-9+.-]*://)(?:[^/\s"'<>@]*|[^/\s"'<>@:]*:[^\s"'<>]*)@`)
	// User information in what was meant to be a URL.
	bareUserInfo = regexp.MustCompile(`(^|[\s"'(=/])[^\s"'<>@:/(=]*:[^\s"'<>@/][^\s"'<>@]*@`)
	jwt          = regexp.MustCompile(`eyJ[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]*)+`)
	scheme       = regexp.MustCompile(`(?i)\b(bearer|basic|dpop)((?:[\s:=]|%20|\+)+)([^\s"'\\<>,;]+)`)
	cookie       = regexp.MustCompile(`(?i)\b((?:set-)?cookie\s*:\s*).*`)
	// A member of an object, which may itself be in a string. What net/http says
	// of a URL, Post "https://host/token/": EOF, is none.
	jsonMember = regexp.MustCompile(`(?i)((?:^|[{,])(?:\s|\\+[nrt])*\\*"[^"\\/]*(?:token|secret|passw|verifier|assertion|authorization|api_?key|cookie|credential)[^"\\/]*\\*"\s*:\s*)(\\+"(?:[^\\"]|\\+[^\\"])*(?:\\+")?|"(?:[^"\\]|\\.)*(?:"|\\?$)|[^"\\\s,}\]]+)`)
	parameter  = regexp.MustCompile(`(?i)\b(?:([a-z0-9_.-]*(?:token|secret|passw(?:or)?d|verifier|assertion|authorization|api_?key))(\s*=\s*|%3d)|(code|state|nonce)(=|%3d))("[^"]*"?|'[^']*'?|[^\s"'&;,<>\\]+)`)
	word       = regexp.MustCompile(`[A-Za-z0-9_+/=~.-]{20,}`)
	opaque     = regexp.MustCompile(`[A-Za-z0-9_+/=~-]{20,}`)
)

// The words of more than 20 bytes that stay.
var (
	uuid     = regexp.MustCompile(`^(?i)[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)
	hostName = regexp.MustCompile(`^(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+[a-z]{2,}$`)
	// Words that somebody wrote: PROTOCOL_ERROR, client-v2, LastStreamID=1.
	written = regexp.MustCompile(`^(?:(?:[a-z]+|[A-Z]+|(?:[A-Z]{1,5}|[a-z]+)(?:[a-z]{2,}|[A-Z]{2,5}|[A-Z][a-z]{2,})*)?(?:[0-9]{0,4})(?:[_+/=~.-]+|$))*$`)
)

// plain are the words that prose puts after "bearer" or "basic".
var plain = map[string]bool{
	"auth": true, "authentication": true, "authorization": true, "constraints": true, "credentials": true,
	"error": true, "header": true, "is": true, "realm": true, "scheme": true, "token": true, "tokens": true,
}

// Redact makes text that a server or a library produced fit to be printed.
// JWTs, Bearer and Basic values, cookies, user information in URLs, secrets in
// query parameters and JSON members, and long opaque words become
// "[redacted]"; UUIDs, host names and paths of plain words stay. Control and
// invisible format characters are removed, line breaks become spaces, and what
// is not UTF-8 is replaced. It knows secrets by their form alone: where they
// are known, [Secrets] finds them in any. Texts of our own never take one in.
func Redact(s string) string { return Secrets{}.Redact(s) }

// redactForms replaces what has the form of a secret in printable text.
func redactForms(s string) string {
	s = userInfo.ReplaceAllString(s, "${1}"+redacted+"@")
	s = bareUserInfo.ReplaceAllString(s, "${1}"+redacted+"@")
	s = jwt.ReplaceAllString(s, redacted)
	s = scheme.ReplaceAllStringFunc(s, func(m string) string {
		p := scheme.FindStringSubmatch(m)
		if word, _, _ := strings.Cut(p[3], "="); plain[strings.ToLower(strings.TrimRight(word, ".:"))] {
			return m
		}
		return p[1] + p[2] + redacted
	})
	s = cookie.ReplaceAllString(s, "${1}"+redacted)
	s = jsonMember.ReplaceAllStringFunc(s, func(m string) string {
		p := jsonMember.FindStringSubmatch(m)
		switch p[2] {
		case "null", "true", "false":
			return m
		}
		return p[1] + `"` + redacted + `"`
	})
	s = parameter.ReplaceAllStringFunc(s, func(m string) string {
		p := parameter.FindStringSubmatch(m)
		if p[3] != "" && len(strings.Trim(p[5], "0123456789")) == 0 && len(p[5]) <= 3 {
			return m // an HTTP status
		}
		return p[1] + p[2] + p[3] + p[4] + redacted
	})
	return word.ReplaceAllStringFunc(s, redactWord)
}

// redactWord replaces what is opaque in a long word. In a URL and a path that
// is the segment alone; a slash in any other word may be one of base64.
func redactWord(s string) string {
	segments := strings.Split(s, "/")
	isPath := strings.HasPrefix(s, "/") || hostName.MatchString(segments[0])
	clean := true
	for i, segment := range segments {
		if !readable(segment) {
			clean = false
			segments[i] = redacted
		}
	}
	switch {
	case clean:
		return s
	case isPath:
		return strings.Join(segments, "/")
	}
	return opaque.ReplaceAllStringFunc(s, func(m string) string {
		if uuid.MatchString(m) || !looksRandom(m) {
			return m
		}
		return redacted
	})
}

// readable reports whether a segment of a word is a name rather than a secret.
func readable(s string) bool {
	if len(s) < 20 && !(looksRandom(s) && strings.ContainsAny(s, "0123456789") && strings.ToLower(s) != s) {
		return true
	}
	return uuid.MatchString(s) || hostName.MatchString(strings.Trim(s, ".")) || !looksRandom(s)
}

// Snippet returns the beginning of a body as at most 200 bytes of redacted,
// valid UTF-8 on one line.
func Snippet(b []byte) string { return Secrets{}.Snippet(b) }

// printable drops what could forge a line or move a terminal's cursor.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\r' || r == '\t' || r == '\u2028' || r == '\u2029':
			return ' '
		case unicode.IsControl(r) || unicode.Is(unicode.Cf, r):
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD"))
}

// looksRandom reports whether a word looks like something no one wrote.
func looksRandom(s string) bool { return !written.MatchString(s) }
