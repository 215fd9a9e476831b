package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// A peer that knows less of the services than we do would not be a fair one.
func TestTheRenderingIsThatOfTheSpecification(t *testing.T) {
	file := filepath.Join(t.TempDir(), "openapi30.json")
	if err := run("../../../../openapi.yaml", file, []string{"/v1/me", "/v1/certifications"}); err != nil {
		t.Fatal(err)
	}
	now, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	committed, err := os.ReadFile("../openapi30.json")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(now, committed) {
		t.Error("openapi.yaml has changed: run go generate ./... in facade/bench")
	}
}
