package main

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/credkit/credkit-go/api/cosmic"
	"github.com/credkit/credkit-go/facade/sandbox"
)

func TestCheckInEachFormat(t *testing.T) {
	w := newWorld(t).withToken(t, "certification_records:read")
	for _, f := range []format{formatTable, formatJSON, formatJSONL, formatCSV} {
		got := w.run(t, "check", "-o", string(f), "createCertification", "getMe", "listCertifications").expect(t, exitNotAllowed)
		golden(t, "check."+string(f), got.stdout)
		contain(t, got.stderr, "1 of 3 operations not allowed: the sign-in lacks certification_records:write", "developer portal")
	}
	if n := w.Counters(); n.Operations["listCertifications"]+n.Operations["createCertification"] != 0 {
		t.Errorf("check called what it checks: %v", n.Operations)
	}
}

func TestCheckOfEveryOperation(t *testing.T) {
	out := newWorld(t).withToken(t, "organizations:read").run(t, "check", "-o", "jsonl").expect(t, exitNotAllowed).stdout
	for _, op := range cosmic.Service.Operations {
		contain(t, out, fmt.Sprintf(`{"operation":%q,`, op.ID))
	}
}

func TestCheckOfSomeOperations(t *testing.T) {
	w := newWorld(t).withToken(t, "certification_records:read")
	w.run(t, "check", "listCertifications", "getMe").expect(t, exitOK)
	w.run(t, "check", "createCertification").expect(t, exitNotAllowed)
}

func TestCheckOfCertnNeedsNoSignIn(t *testing.T) {
	w := &world{}
	w.run(t, "check", "listUsers").expect(t, exitOK)
}

func TestCheckOfAFirstPartySessionLeavesItToTheServer(t *testing.T) {
	w := newWorld(t, sandbox.WithFirstPartySessions()).withToken(t)
	var got []verdict
	if err := json.Unmarshal([]byte(w.run(t, "check", "-o", "json", "listCertifications").expect(t, exitOK).stdout), &got); err != nil {
		t.Fatal(err)
	}
	want := []verdict{{Operation: "listCertifications", Needs: []string{"certification_records:read"}, Verdict: serverDecides, Missing: []string{}}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	contain(t, w.run(t, "me", "-o", "table").expect(t, exitOK).stdout, "the server decides")
}
