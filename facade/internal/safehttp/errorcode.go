package safehttp

import "strings"

// UnreadableCode stands for an OAuth error code that is not printed.
const UnreadableCode = "unreadable_code"

// ErrorCode lets through what looks like an OAuth error code (RFC 6749 has
// lower-case letters and underscores), so that nothing that a server repeats gets
// into an error.
func ErrorCode(s string) string {
	if len(s) > 64 || strings.Trim(s, "abcdefghijklmnopqrstuvwxyz_") != "" {
		return UnreadableCode
	}
	return s
}
