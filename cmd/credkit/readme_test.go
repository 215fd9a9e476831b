package main

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestTheREADMEShowsCodeThatRuns holds each Go block of the README against
// the example of package facade, which is compiled and run.
func TestTheREADMEShowsCodeThatRuns(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	example, err := os.ReadFile("../../facade/example_test.go")
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?s)```go\n(.*?)```").FindAllSubmatch(readme, -1)
	if len(blocks) != 2 {
		t.Errorf("%d Go blocks, want 2", len(blocks))
	}
	for _, block := range blocks {
		if !strings.Contains(string(example), string(block[1])) {
			t.Errorf("this block of the README is not in facade/example_test.go:\n%s", block[1])
		}
	}
}

func TestTheREADMELinksToFilesThatAreThere(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, link := range regexp.MustCompile(`\]\(([^)#:]+)\)`).FindAllSubmatch(readme, -1) {
		if _, err := os.Stat("../../" + string(link[1])); err != nil {
			t.Errorf("a link to %s: %v", link[1], err)
		}
	}
}
