package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/credkit/credkit-go/api/certn"
	"github.com/credkit/credkit-go/api/cosmic"
	"github.com/credkit/credkit-go/api/spec"
	"github.com/credkit/credkit-go/facade/drift"
	"github.com/credkit/credkit-go/facade/sandbox"
)

func TestDriftOfTheServicesAsTheyAre(t *testing.T) {
	w := newWorld(t).withToken(t)
	got := w.run(t, "drift", "-o", "table").expect(t, exitOK)
	for _, service := range []spec.Service{cosmic.Service, certn.Service} {
		for _, op := range service.Operations {
			want := fmt.Sprintf("%s %d: as described", op.ID, op.Success)
			if op.Retry == spec.RetrySafe && !strings.Contains(got.stdout, want) {
				t.Errorf("credkit drift does not ask for %s: add it to cosmicCalls or certnCalls\n%s", op.ID, got.stdout)
			}
		}
	}
	for _, r := range reports(t, w.run(t, "drift", "-o", "json").expect(t, exitOK).stdout) {
		if r.Differs() {
			t.Errorf("%s differs: %v", r.Operation, r.Findings)
		}
	}
}

func reports(t *testing.T, out string) (all []*drift.Report) {
	t.Helper()
	if err := json.Unmarshal([]byte(out), &all); err != nil {
		t.Fatalf("%v in %s", err, out)
	}
	return all
}

func TestDriftThatIsFoundEndsWith4(t *testing.T) {
	w := newWorld(t, sandbox.WithCertifications(fullCert, bareCert)).withToken(t)
	for _, f := range []format{formatTable, formatJSON, formatJSONL, formatCSV} {
		got := w.run(t, "drift", "-o", string(f)).expect(t, exitDrift)
		contain(t, got.stdout, "/data/*/new_field", "listCertifications")
		contain(t, got.stderr, "responses differ from openapi.yaml")
		if strings.Contains(got.stdout, "ESCO") {
			t.Errorf("%s shows a value:\n%s", f, got.stdout)
		}
	}
	contain(t, w.run(t, "drift", "-o", "table", "--show-values").expect(t, exitDrift).stdout, "a-new-word")
}

func TestDriftTellsOfAnswersThatTheClientCannotRead(t *testing.T) {
	w := newWorld(t, sandbox.WithCertifications(`{"id":7}`), sandbox.WithCertnUserCount(1)).withToken(t)
	contain(t, w.run(t, "drift", "-o", "table").expect(t, exitDrift).stdout, "breaks us", "/data/*/id: wrong type", "listUsers 200: as described")
	if err := w.Fail(sandbox.On("getMe"), sandbox.Body("text/html", []byte("<html>"))); err != nil {
		t.Fatal(err)
	}
	contain(t, w.run(t, "drift", "-o", "table").expect(t, exitDrift).stdout, "wrong content type")
}

func TestDriftGoesOnAfterARefusal(t *testing.T) {
	w := newWorld(t).withToken(t)
	if err := w.Fail(sandbox.On("getMe"), sandbox.Status(403)); err != nil {
		t.Fatal(err)
	}
	got := w.run(t, "drift", "-o", "table").expect(t, exitNotAllowed)
	contain(t, got.stdout, "getMe 403", "listCertifications 200: as described", "listUsers 200: as described")
	contain(t, got.stderr, "getMe")
}

func TestDriftOfAService(t *testing.T) {
	w := newWorld(t).withToken(t)
	token := w.env[envCosmicToken]
	w.env[envCosmicID], w.env[envCosmicToken] = "", ""
	if out := w.run(t, "drift", "-o", "csv").expect(t, exitOK).stdout; strings.Contains(out, "getMe") {
		t.Errorf("COSMIC was asked without being set up: %s", out)
	}
	w.env[envCosmicToken], w.env[envCertnID] = token, ""
	if out := w.run(t, "drift", "-o", "csv", "--limit", "1").expect(t, exitOK).stdout; strings.Contains(out, "listUsers") {
		t.Errorf("Certn was asked without being set up: %s", out)
	}
}

func TestDriftWithoutASignInEndsWith3(t *testing.T) {
	w := newWorld(t)
	got := w.run(t, "drift", "-o", "table").expect(t, exitNotAllowed)
	contain(t, got.stderr, "credkit login")
	contain(t, got.stdout, "listUsers 200") // what could be asked was
}

func TestDriftOfARecording(t *testing.T) {
	path := filepath.Join(t.TempDir(), "users.json")
	if err := os.WriteFile(path, []byte(`{"results":[{"id":"44444444-4444-4444-8444-444444444444","is_active":true}]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	w := &world{}
	contain(t, w.run(t, "drift", "--operation", "listUsers", "--file", path, "-o", "table").expect(t, exitDrift).stdout, "/results/*/is_active: unknown field")
	contain(t, w.run(t, "drift", "--operation", "listUsers", "--file", path, "-o", "csv").expect(t, exitDrift).stdout, "listUsers,200,new information,unknown field,/results/*/is_active,1,")

	good := `{"results":[{"id":"44444444-4444-4444-8444-444444444444"}]}`
	w.runWith(t, t.Context(), good, "drift", "--operation", "listUsers", "--file", "-").expect(t, exitOK)
	w.runWith(t, t.Context(), good[:20], "drift", "--operation", "listUsers", "--file", "-").expect(t, exitDrift)
	w.runWith(t, t.Context(), `{}`, "drift", "--operation", "listUsers", "--file", "-", "--status", "418").expect(t, exitDrift)
}
