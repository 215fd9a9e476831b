package safetext_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/credkit/credkit-go/facade/safetext"
)

func TestLine(t *testing.T) {
	for text, want := range map[string]string{
		"Ada Lovelace":               "Ada Lovelace",
		"two\nlines\tand a tab":      "two lines and a tab",
		"\x1b[31mred\x1b[0m":         "[31mred[0m",
		"a\u009bb\u202ec\u2066d\x7f": "abcd",
	} {
		if got := safetext.Line(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

func TestCSVCell(t *testing.T) {
	for text, want := range map[string]string{
		"EPA 608":                "EPA 608",
		`=HYPERLINK("http://x")`: `'=HYPERLINK("http://x")`,
		"-1.5":                   "-1.5",
		"-1+cmd|' /C calc'!A0":   "'-1+cmd|' /C calc'!A0",
		"a;=1":                   "a;'=1",
		"a\r\n@SUM(1)":           "a\n'@SUM(1)",
		"\t=1":                   "'\t'=1",
		"＝1":                     "'＝1",
		"\x1b]0;title\x07":       "]0;title",
	} {
		if got := safetext.CSVCell(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

func TestJSONKeepsTheValue(t *testing.T) {
	const text = "a\u009b\u202eb\x7f<&>"
	document, err := json.Marshal(text)
	if err != nil {
		t.Fatal(err)
	}
	got := safetext.JSON(document)
	var back string
	if err := json.Unmarshal(got, &back); err != nil || back != text {
		t.Errorf("%q, %v", back, err)
	}
	if strings.ContainsAny(string(got), "\u009b\u202e\x7f") {
		t.Errorf("%q", got)
	}
}
