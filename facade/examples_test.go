package facade_test

import (
	"encoding/json"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/google/go-cmp/cmp"

	credkit "github.com/credkit/credkit-go"
	"github.com/credkit/credkit-go/facade"
)

// specExamples returns the examples of an operation's 2xx response, as JSON.
func specExamples(t *testing.T, id facade.OperationID) map[string]string {
	t.Helper()
	doc, err := openapi3.NewLoader().LoadFromData([]byte(credkit.Spec))
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	for _, item := range doc.Paths.Map() {
		for _, op := range item.Operations() {
			if op.OperationID != string(id) {
				continue
			}
			for status, response := range op.Responses.Map() {
				if status[0] != '2' {
					continue
				}
				for name, example := range response.Value.Content["application/json"].Examples {
					text, err := json.Marshal(example.Value.Value)
					if err != nil {
						t.Fatal(err)
					}
					found[name] = string(text)
				}
			}
		}
	}
	if len(found) == 0 {
		t.Fatalf("%s has no examples", id)
	}
	return found
}

// sameJSON holds a value that was decoded against the text it came from.
func sameJSON(t *testing.T, name string, value any, want string) {
	t.Helper()
	text, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	var a, b any
	if err := json.Unmarshal([]byte(want), &a); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &b); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(a, b); diff != "" {
		t.Errorf("%s does not survive: %s", name, diff)
	}
}

// The samples that stand in openapi.yaml are decoded through the client as
// they stand there, and nothing of them is lost.
func TestTheSpecificationsExamplesAreDecoded(t *testing.T) {
	never := facade.WithScopeCheck(facade.CheckNever)
	for name, body := range specExamples(t, facade.GetMe) {
		me, err := newCosmic(t, &script{replies: []reply{jsonReply(body)}}).Me(t.Context())
		if err != nil {
			t.Fatalf("getMe, %s: %v", name, err)
		}
		sameJSON(t, "getMe, "+name, me, body)
	}
	for name, body := range specExamples(t, facade.ListCertifications) {
		s := &script{replies: []reply{jsonReply(body), jsonReply(`{"data":[]}`)}}
		items, err := newCosmic(t, s, never).Certifications().Collect(t.Context(), 5)
		if err != nil {
			t.Fatalf("listCertifications, %s: %v", name, err)
		}
		if next := s.count() == 2; next != (name == "paged") {
			t.Errorf("listCertifications, %s: %d requests", name, s.count())
		}
		var envelope struct{ Data json.RawMessage }
		_ = json.Unmarshal([]byte(body), &envelope)
		sameJSON(t, "listCertifications, "+name, items, string(envelope.Data))
	}
	for name, body := range specExamples(t, facade.CreateCertification) {
		s := &script{replies: []reply{{status: 201, body: body}}}
		c, err := newCosmic(t, s, never).CreateCertification(t.Context(), facade.CertificationCreate{})
		if err != nil {
			t.Fatalf("createCertification, %s: %v", name, err)
		}
		sameJSON(t, "createCertification, "+name, map[string]any{"data": c}, body)
	}
	for name, body := range specExamples(t, facade.ListUsers) {
		s := &script{replies: []reply{jsonReply(body), jsonReply(`{"results":[]}`)}}
		users, err := newCertn(t, s).Users().Collect(t.Context(), 5)
		if err != nil {
			t.Fatalf("listUsers, %s: %v", name, err)
		}
		var envelope struct{ Results json.RawMessage }
		_ = json.Unmarshal([]byte(body), &envelope)
		sameJSON(t, "listUsers, "+name, users, string(envelope.Results))
	}
}
