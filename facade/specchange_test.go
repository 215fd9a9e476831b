package facade_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	credkit "github.com/credkit/credkit-go"
)

// A scope that is added to an operation in openapi.yaml changes what the
// facade demands, with no hand edit: a modified copy of the specification is
// turned into tables, and a program is built with them.
func TestAScopeAddedToTheSpecificationIsDemanded(t *testing.T) {
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	const before = "        - cosmicOAuth:\n            - certification_records:read\n"
	changed := strings.Replace(credkit.Spec, before, before+"            - organizations:read\n", 1)
	if changed == credkit.Spec {
		t.Fatalf("openapi.yaml has no\n%s", before)
	}
	dir := t.TempDir()
	specFile, out := filepath.Join(dir, "openapi.yaml"), filepath.Join(dir, "api")
	if err := os.WriteFile(specFile, []byte(changed), 0o600); err != nil {
		t.Fatal(err)
	}
	run := func(args ...string) string {
		cmd := exec.Command("go", args...)
		cmd.Dir = root
		text, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, text)
		}
		return string(text)
	}
	run("run", "./api/gen", "-spec", specFile, "-out", out)
	const table = "cosmic/operations.gen.go"
	overlay, err := json.Marshal(map[string]any{"Replace": map[string]string{
		filepath.Join(root, "api", table): filepath.Join(out, table),
	}})
	if err != nil {
		t.Fatal(err)
	}
	overlayFile := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(overlayFile, overlay, 0o600); err != nil {
		t.Fatal(err)
	}
	const probe = "./facade/testdata/scopeprobe"
	if got := run("run", probe); !strings.HasPrefix(got, "listed 1 times: <nil>") {
		t.Errorf("as the specification is: %s", got)
	}
	if got := run("run", "-overlay", overlayFile, probe); !strings.HasPrefix(got, "listed 0 times: listCertifications needs the scope organizations:read") {
		t.Errorf("with the scope added: %s", got)
	}
}
