package safehttp

import (
	"bytes"
	"cmp"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"
)

const (
	snippetBytes = 200
	// snippetInput is how much of a body Snippet looks at: enough that cutting
	// to snippetBytes happens after redaction and not in the middle of a token.
	snippetInput = 8 << 10
	// leastSecret is how many bytes a secret has at least. A shorter one would
	// be found in ordinary words.
	leastSecret = 4
)

// Secrets redacts the text of a response, given the values that its request
// carried and that must not be printed: a server may repeat them, in whatever
// place, and no pattern knows a token that is short, dotted or a UUID. The zero
// Secrets has none, and redacts what has the form of a secret.
type Secrets struct {
	values  []string              // the longest first
	pattern func() *regexp.Regexp // of all values, compiled when first needed; nil without any
}

// NewSecrets makes Secrets of values. Those shorter than 4 bytes are left out.
func NewSecrets(values ...string) Secrets {
	values = slices.DeleteFunc(slices.Clone(values), func(v string) bool { return len(v) < leastSecret })
	if len(values) == 0 {
		return Secrets{}
	}
	slices.SortFunc(values, func(a, b string) int { return cmp.Compare(len(b), len(a)) })
	return Secrets{values, sync.OnceValue(func() *regexp.Regexp {
		forms := make([]string, 0, len(values))
		for _, v := range values {
			forms = append(forms, anyForm(v))
		}
		return regexp.MustCompile(`(?i)` + strings.Join(forms, "|"))
	})}
}

// anyForm is a pattern of a value as it is and as JSON, percent-encoding (RFC
// 3986) and HTML write it. Letters and digits are the same in all of them.
func anyForm(value string) string {
	var b strings.Builder
	for _, r := range strings.ToValidUTF8(value, "\uFFFD") {
		literal := regexp.QuoteMeta(string(r))
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
			b.WriteString(literal)
			continue
		}
		percent := ""
		for _, c := range []byte(string(r)) {
			percent += fmt.Sprintf("%%%02x", c)
		}
		fmt.Fprintf(&b, `(?:\\*(?:%s|u%04x)|%s|&#(?:x0*%x|0*%d);`, literal, r, percent, r, r)
		switch r {
		case ' ':
			b.WriteString(`|\+`)
		case '&', '<', '>', '"':
			b.WriteString(`|&(?:amp|lt|gt|quot);`)
		}
		b.WriteByte(')')
	}
	return b.String()
}

// Redact is the function of this name, and replaces the secrets themselves.
func (s Secrets) Redact(text string) string { return redactForms(s.replace(printable(text))) }

func (s Secrets) replace(text string) string {
	if s.pattern == nil {
		return text
	}
	return s.pattern().ReplaceAllLiteralString(text, redacted)
}

// Snippet is the function of this name, and replaces the secrets themselves.
func (s Secrets) Snippet(b []byte) string {
	if len(b) > snippetInput {
		b = b[:snippetInput]
		// The last word may be the first half of a token.
		b = b[:bytes.LastIndexAny(b, " \t\r\n\"'&,;<>")+1]
	}
	text := strings.TrimSpace(s.Redact(s.trimPartial(string(b))))
	if len(text) <= snippetBytes {
		return text
	}
	cut := snippetBytes - len("…")
	for cut > 0 && !utf8.RuneStart(text[cut]) {
		cut--
	}
	return text[:cut] + "…"
}

// trimPartial is text without the beginning of a secret at its end: a body may have
// been read up to the middle of it.
func (s Secrets) trimPartial(text string) string {
	for _, v := range s.values {
		for n := min(len(v)-1, len(text)); n >= leastSecret; n-- {
			if strings.EqualFold(text[len(text)-n:], v[:n]) {
				return text[:len(text)-n]
			}
		}
	}
	return text
}

// Holds reports whether text has one of the secrets in it.
func (s Secrets) Holds(text string) bool { return s.pattern != nil && s.pattern().MatchString(text) }

// Header returns h, or a copy in which the secrets are replaced if a value has
// one as it was sent.
func (s Secrets) Header(h http.Header) http.Header {
	holds := func(text string) bool {
		return slices.ContainsFunc(s.values, func(v string) bool { return strings.Contains(text, v) })
	}
	for _, values := range h {
		if slices.ContainsFunc(values, holds) {
			clean := h.Clone()
			for _, values := range clean {
				for i, v := range values {
					values[i] = s.replace(v)
				}
			}
			return clean
		}
	}
	return h
}
