package drift_test

import (
	"bytes"
	"encoding/json"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/credkit/credkit-go/facade/drift"
)

// mutation is a recorded response that was changed, and the difference that
// must be found in it.
type mutation struct {
	name      string
	operation string
	from      string // the recording
	change    func(t *testing.T, doc any) any
	status    int
	rule      drift.Rule
	path      string
	severity  drift.Severity
	part      string // of openapi.yaml
	advice    string // in the advice
}

const (
	certifications = "listCertifications"
	me             = "getMe"
	users          = "listUsers"
)

var mutations = []mutation{
	{"a field has a new name", certifications, "certifications", rename("/data/0/expires_on", "expiry_date"), 0,
		drift.UnknownField, "/data/*/expiry_date", drift.Informs, "Certification", "type: [string, 'null'], format: date"},
	{"every element has the new name", certifications, "certifications", both(rename("/data/0/expires_on", "expiry_date"), rename("/data/1/expires_on", "expiry_date")), 0,
		drift.UnknownField, "/data/*/expiry_date", drift.Informs, "Certification", "the new name of expires_on"},
	{"the id is gone", certifications, "certifications", remove("/data/1/id"), 0,
		drift.MissingField, "/data/*/id", drift.Breaks, "Certification.id", "Take id out of `required`"},
	{"the id has a new name", users, "users", rename("/results/0/id", "uuid"), 0,
		drift.MissingField, "/results/*/id", drift.Breaks, "User.id", "`required` of User"},
	{"the id is a number", certifications, "certifications", set("/data/0/id", 17), 0,
		drift.WrongType, "/data/*/id", drift.Breaks, "Certification.id", "type: [integer, 'null']"},
	{"a text is a number", users, "users", set("/results/0/email", 4.5), 0,
		drift.WrongType, "/results/*/email", drift.Breaks, "User.email", "type: [number, 'null']"},
	{"a count is a text", users, "users", set("/count", "2"), 0,
		drift.WrongType, "/count", drift.Breaks, "UserList.count", "type: [string, 'null']"},
	{"an object is a text", certifications, "certifications", set("/data/0/certification_type", "tower-climber"), 0,
		drift.WrongType, "/data/*/certification_type", drift.Breaks, "Certification.certification_type", "string"},
	{"a text is an object", certifications, "certifications", set("/data/0/issuer_name", map[string]any{"name": "NATE"}), 0,
		drift.WrongType, "/data/*/issuer_name", drift.Breaks, "Certification.issuer_name", "Describe the new object"},
	{"a flag is a text", certifications, "certifications", set("/page/has_more", "true"), 0,
		drift.WrongType, "/page/has_more", drift.Breaks, "Page.has_more", "type: [string, 'null']"},
	{"scopes are one text", me, "me", set("/scopes", "certification_records:read organizations:read"), 0,
		drift.WrongType, "/scopes", drift.Breaks, "Me.scopes", "type: [string, 'null']"},
	{"the id is null", certifications, "certifications", set("/data/0/id", nil), 0,
		drift.UnexpectedNull, "/data/*/id", drift.Breaks, "Certification.id", "Allow null"},
	{"the list is null", certifications, "certifications", set("/data", nil), 0,
		drift.UnexpectedNull, "/data", drift.Breaks, "CertificationList.data", "Allow null"},
	{"a scope is null", me, "me", set("/scopes/1", nil), 0,
		drift.UnexpectedNull, "/scopes/*", drift.Breaks, "Me.scopes[]", "Allow null"},
	{"an id is no uuid", certifications, "certifications", set("/data/0/organization_id", "org_8812"), 0,
		drift.WrongFormat, "/data/*/organization_id", drift.Breaks, "Certification.organization_id", "format: uuid"},
	{"a uuid has a digit too many", users, "users", set("/results/0/id", "123e4567-e89b-12d3-a456-4266141740001"), 0,
		drift.WrongFormat, "/results/*/id", drift.Breaks, "User.id", "format: uuid"},
	{"a day is a date-time", certifications, "certifications", set("/data/0/issued_on", "2024-03-01T00:00:00Z"), 0,
		drift.WrongFormat, "/data/*/issued_on", drift.Breaks, "Certification.issued_on", "format: date"},
	{"a day does not exist", certifications, "certifications", set("/data/0/expires_on", "2027-02-29"), 0,
		drift.WrongFormat, "/data/*/expires_on", drift.Breaks, "Certification.expires_on", "format: date"},
	{"a day is empty", certifications, "certifications", set("/data/0/expires_on", ""), 0,
		drift.WrongFormat, "/data/*/expires_on", drift.Informs, "Certification.expires_on", "format: date"},
	{"a date-time has no offset", certifications, "certifications", set("/data/0/created_at", "2024-03-02T08:00:00"), 0,
		drift.WrongFormat, "/data/*/created_at", drift.Breaks, "Certification.created_at", "format: date-time"},
	{"a count is beyond 64 bits", users, "users", set("/count", json.Number("99999999999999999999")), 0,
		drift.WrongFormat, "/count", drift.Breaks, "UserList.count", "format: int64"},
	{"a new word of an enum", certifications, "certifications", set("/data/0/validity_status", "expired"), 0,
		drift.NewWord, "/data/*/validity_status", drift.Informs, "ValidityStatus", "Add the word"},
	{"a new word of an inferred enum", certifications, "certifications", set("/data/1/certification_type/status", "draft"), 0,
		drift.NewWord, "/data/*/certification_type/status", drift.Informs, "CertificationTypeStatus", "Add the word"},
	{"a new field of a user", users, "users", set("/results/0/is_active", true), 0,
		drift.UnknownField, "/results/*/is_active", drift.Informs, "User", "type: [boolean, 'null']"},
	{"a new object beside the list", certifications, "certifications", set("/meta", map[string]any{"took": 3}), 0,
		drift.UnknownField, "/meta", drift.Informs, "CertificationList", "Declare meta"},
	{"the list is moved into an envelope", certifications, "certifications", wrap("result"), 0,
		drift.MissingField, "/data", drift.Breaks, "CertificationList.data", "Take data out"},
	{"the user is moved into an envelope", me, "me", wrap("data"), 0,
		drift.NothingKnown, "", drift.Breaks, "Me", "a new envelope"},
	{"the envelope is gone", certifications, "certifications", pick("/data"), 0,
		drift.WrongType, "", drift.Breaks, "listCertifications 200 body", "Describe the new array"},
	{"the list is keyed by id", users, "users", set("/results", map[string]any{"123e4567-e89b-12d3-a456-426614174000": map[string]any{}}), 0,
		drift.WrongType, "/results", drift.Breaks, "UserList.results", "Describe the new object"},
	{"a field is moved out of its object", me, "me", both(remove("/user/email"), set("/email", "ada@example.com")), 0,
		drift.UnknownField, "/email", drift.Informs, "Me", "Declare email"},
	{"the user is empty", me, "me", set("/user", map[string]any{}), 0,
		drift.NothingKnown, "/user", drift.Informs, "MeUser", "a new form"},
	{"another good status", certifications, "certifications", same, 206,
		drift.UndeclaredStatus, "", drift.Breaks, "CosmicError", "'206'"},
	{"an error status of its own", me, "me", same, 451,
		drift.UndeclaredStatus, "", drift.Informs, "CosmicError", "'451' of getMe"},
}

// TestSeededMutations changes recorded responses one at a time: each change is
// found where it is, and nothing but what it touched is.
func TestSeededMutations(t *testing.T) {
	checker := newChecker(t)
	found := 0
	for _, m := range mutations {
		t.Run(m.name, func(t *testing.T) {
			report := check(t, checker, drift.Response{Operation: m.operation, Status: m.status, Body: m.body(t)})
			if !report.Differs() {
				t.Fatal("no difference was found")
			}
			for _, f := range report.Findings {
				if f.Rule != m.rule || f.Path != m.path {
					continue
				}
				if f.Severity != m.severity || f.Part != m.part {
					t.Errorf("severity %q about %q, want %q about %q", f.Severity, f.Part, m.severity, m.part)
				}
				if !strings.Contains(f.Advice, m.advice) {
					t.Errorf("the advice is %q, want %q in it", f.Advice, m.advice)
				}
				if f.Line == 0 || f.Grade == "" || f.Source == "" {
					t.Errorf("line %d, grade %q, source %q: one is missing", f.Line, f.Grade, f.Source)
				}
				found++
				return
			}
			t.Errorf("want %s at %q, have %v", m.rule, m.path, report.Findings)
		})
	}
	t.Logf("%d of %d mutations found", found, len(mutations))
}

func (m mutation) body(t *testing.T) *bytes.Reader {
	t.Helper()
	doc := m.change(t, recording(t, m.from))
	body, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	return bytes.NewReader(body)
}

func recording(t *testing.T, name string) any {
	t.Helper()
	content, err := os.ReadFile("testdata/" + name + ".json")
	if err != nil {
		t.Fatal(err)
	}
	var doc any
	if err := json.Unmarshal(content, &doc); err != nil {
		t.Fatal(err)
	}
	return doc
}

func same(_ *testing.T, doc any) any { return doc }

func wrap(name string) func(*testing.T, any) any {
	return func(_ *testing.T, doc any) any { return map[string]any{name: doc} }
}

func pick(pointer string) func(*testing.T, any) any {
	return func(t *testing.T, doc any) any {
		parent, last := parentOf(t, doc, pointer)
		return parent.(map[string]any)[last]
	}
}

func both(first, second func(*testing.T, any) any) func(*testing.T, any) any {
	return func(t *testing.T, doc any) any { return second(t, first(t, doc)) }
}

func set(pointer string, value any) func(*testing.T, any) any {
	return func(t *testing.T, doc any) any {
		switch parent, last := parentOf(t, doc, pointer); parent := parent.(type) {
		case map[string]any:
			parent[last] = value
		case []any:
			parent[index(t, last)] = value
		}
		return doc
	}
}

func remove(pointer string) func(*testing.T, any) any {
	return func(t *testing.T, doc any) any {
		parent, last := parentOf(t, doc, pointer)
		members := parent.(map[string]any)
		if _, ok := members[last]; !ok {
			t.Fatalf("the recording has no %s", pointer)
		}
		delete(members, last)
		return doc
	}
}

func rename(pointer, to string) func(*testing.T, any) any {
	return func(t *testing.T, doc any) any {
		parent, last := parentOf(t, doc, pointer)
		parent.(map[string]any)[to] = parent.(map[string]any)[last]
		return remove(pointer)(t, doc)
	}
}

func parentOf(t *testing.T, doc any, pointer string) (parent any, last string) {
	t.Helper()
	names := strings.Split(pointer, "/")[1:]
	for _, name := range names[:len(names)-1] {
		switch at := doc.(type) {
		case map[string]any:
			doc = at[name]
		case []any:
			doc = at[index(t, name)]
		}
	}
	return doc, names[len(names)-1]
}

func index(t *testing.T, name string) int {
	t.Helper()
	i, err := strconv.Atoi(name)
	if err != nil {
		t.Fatal(err)
	}
	return i
}
