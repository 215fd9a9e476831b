package safehttp

import (
	"bytes"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	redacted     = "[redacted]"
	snippetBytes = 200
	// snippetInput is how much of a body Snippet looks at: enough that cutting
	// to snippetBytes happens after redaction and not in the middle of a token.
	snippetInput = 8 << 10
)

// The patterns, in the order in which they are applied.
var (
	userInfo   = regexp.MustCompile(`(?i)([a-z][a-z0-9+.-]*://)[^/\s"'<>@]*@`)
	jwt        = regexp.MustCompile(`eyJ[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]*)+`)
	scheme     = regexp.MustCompile(`(?i)\b(bearer|basic|dpop)((?:[\s:=]|%20|\+)+)([^\s"'\\<>,;]+)`)
	cookie     = regexp.MustCompile(`(?i)\b((?:set-)?cookie\s*:\s*).*`)
	jsonMember = regexp.MustCompile(`(?i)(\\*"[^"\\]*(?:token|secret|passw|verifier|assertion|authorization|api_?key|cookie|credential)[^"\\]*\\*"\s*:\s*)(\\+"(?:[^\\"]|\\+[^\\"])*(?:\\+")?|"(?:[^"\\]|\\.)*(?:"|\\?$)|[^"\\\s,}\]]+)`)
	parameter  = regexp.MustCompile(`(?i)\b([a-z0-9_.-]*(?:token|secret|passw(?:or)?d|verifier|assertion|authorization|api_?key)|code|state|nonce)(\s*=\s*|%3d)("[^"]*"?|'[^']*'?|[^\s"'&;,<>\\]+)`)
	opaque     = regexp.MustCompile(`[A-Za-z0-9_+/=~-]{20,}`)
	uuid       = regexp.MustCompile(`^(?i)[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)
)

// plain are the words that prose puts after "bearer" or "basic".
var plain = map[string]bool{
	"auth": true, "authentication": true, "authorization": true, "credentials": true,
	"error": true, "header": true, "is": true, "realm": true, "scheme": true, "token": true, "tokens": true,
}

// Redact makes text that a server or a library produced fit to be printed.
// JWTs, Bearer and Basic values, cookies, user information in URLs, secrets in
// query parameters and JSON members, and long opaque words become
// "[redacted]"; UUIDs stay. Control and invisible format characters are
// removed, line breaks become spaces, and what is not UTF-8 is replaced. It is
// the last line of defence: texts of our own never take a secret in.
func Redact(s string) string {
	s = printable(s)
	s = userInfo.ReplaceAllString(s, "${1}"+redacted+"@")
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
	s = parameter.ReplaceAllString(s, "${1}${2}"+redacted)
	return opaque.ReplaceAllStringFunc(s, func(m string) string {
		if uuid.MatchString(m) || !random(m) {
			return m
		}
		return redacted
	})
}

// Snippet returns the beginning of a body as at most 200 bytes of redacted,
// valid UTF-8 on one line.
func Snippet(b []byte) string {
	if len(b) > snippetInput {
		b = b[:snippetInput]
		// The last word may be the first half of a token.
		b = b[:bytes.LastIndexAny(b, " \t\r\n\"'&,;<>")+1]
	}
	s := strings.TrimSpace(Redact(string(b)))
	if len(s) <= snippetBytes {
		return s
	}
	cut := snippetBytes - len("…")
	for cut > 0 && !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut] + "…"
}

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

// random reports whether a long word looks like something no one wrote: it
// has a digit, or capitals in other places than a name in camel case has.
func random(s string) bool {
	var upper, lower int
	for _, r := range s {
		switch {
		case r >= '0' && r <= '9':
			return true
		case r >= 'A' && r <= 'Z':
			upper++
		case r >= 'a' && r <= 'z':
			lower++
		}
	}
	return upper > 0 && lower > 0
}
