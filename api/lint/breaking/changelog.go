package main

import (
	"regexp"
	"strings"
)

// breakingSection returns the text below the heading Breaking below the
// heading Unreleased; "" if there is none.
func breakingSection(changelog string) string {
	var section strings.Builder
	unreleased, breaking := false, false
	for line := range strings.Lines(changelog) {
		level, title := heading(line)
		switch {
		case level == 2:
			unreleased, breaking = strings.EqualFold(strings.Trim(title, "[]"), "unreleased"), false
		case level == 3:
			breaking = unreleased && strings.EqualFold(title, "breaking")
		case breaking:
			section.WriteString(line)
		}
	}
	return section.String()
}

func heading(line string) (level int, title string) {
	title = strings.TrimLeft(line, "#")
	level = len(line) - len(title)
	if level == 0 || !strings.HasPrefix(title, " ") {
		return 0, ""
	}
	return level, strings.TrimSpace(title)
}

// names reports whether one of the words stands in the text, as a word.
func names(text string, words []string) bool {
	for _, word := range words {
		whole := regexp.MustCompile(`(^|[^\w])` + regexp.QuoteMeta(word) + `($|[^\w])`)
		if whole.MatchString(text) {
			return true
		}
	}
	return false
}
