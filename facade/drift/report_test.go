package drift_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	credkit "github.com/credkit/credkit-go"
	"github.com/credkit/credkit-go/facade/drift"
)

func TestTheLineIsThatOfTheSpecification(t *testing.T) {
	report := check(t, newChecker(t), drift.Response{Operation: certifications, Body: strings.NewReader(`{"data":[{"id":1}]}`)})
	lines := strings.Split(credkit.Spec, "\n")
	for _, f := range report.Findings {
		if f.Rule == drift.WrongType && strings.TrimSpace(lines[f.Line-1]) != "id:" {
			t.Errorf("line %d is %q", f.Line, lines[f.Line-1])
		}
	}
}

func TestTheSameFindingInManyElementsIsOne(t *testing.T) {
	element := `{"id":"3c90c3cc-0d44-4b50-8888-8dd25736052a","issued_on":"soon","badge":7}`
	body := `{"data":[` + strings.Repeat(element+",", 9999) + element + `]}`
	report := check(t, newChecker(t), drift.Response{Operation: certifications, Body: strings.NewReader(body)})
	if len(report.Findings) != 2 {
		t.Fatalf("%d findings, want 2", len(report.Findings))
	}
	for _, f := range report.Findings {
		if f.Count != 10000 || !strings.HasPrefix(f.First, "/data/0/") || !strings.HasPrefix(f.Path, "/data/*/") {
			t.Errorf("%+v", f)
		}
	}
}

// TestNoContentIsShown plants data in every place where data can stand.
func TestNoContentIsShown(t *testing.T) {
	body := `{"data":[{"id":"SECRET-1","lifecycle_status":"SECRET-2","issued_on":"SECRET-3","secret.4@example.com":"SECRET-5",
		"external_id":17171717,"new":"SECRET-6","certification_type":{"3c90c3cc-0d44-4b50-8888-8dd25736052a":{"a":"SECRET-7"}}}],"page":"SECRET-8"}`
	hidden := []string{"SECRET", "secret", "17171717", "3c90c3cc"}
	response := func() drift.Response { return drift.Response{Operation: certifications, Body: strings.NewReader(body)} }

	report := check(t, newChecker(t), response())
	shown := render(t, report)
	for _, secret := range hidden {
		if strings.Contains(shown, secret) {
			t.Errorf("%s is in the report:\n%s", secret, shown)
		}
	}
	if !strings.Contains(shown, "string(8)") {
		t.Errorf("the shapes are not in the report:\n%s", shown)
	}

	shown = render(t, check(t, newChecker(t, drift.ShowValues()), response()))
	for _, secret := range []string{"SECRET-1", "SECRET-2", "SECRET-3", "SECRET-6", "SECRET-8", "secret.4@example.com"} {
		if !strings.Contains(shown, secret) {
			t.Errorf("values are shown on request, but %s is not:\n%s", secret, shown)
		}
	}
}

func render(t *testing.T, report *drift.Report) string {
	t.Helper()
	var text strings.Builder
	if err := report.WriteText(&text); err != nil {
		t.Fatal(err)
	}
	encoded, err := json.MarshalIndent(report, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return text.String() + string(encoded) + fmt.Sprintf("%v %+v", report, report)
}

// TestAnObjectKeyedByDataDoesNotFillTheReport has members by the thousand.
func TestAnObjectKeyedByDataDoesNotFillTheReport(t *testing.T) {
	var body strings.Builder
	body.WriteString(`{"scopes":[]`)
	for i := range 5000 {
		fmt.Fprintf(&body, `,"k%c%c%c%c":%d`, 'a'+i%26, 'a'+i/26%26, 'a'+i/676%26, 'a'+i/17576%26, i)
	}
	body.WriteString(`}`)
	report := check(t, newChecker(t), drift.Response{Operation: me, Body: strings.NewReader(body.String())})
	if len(report.Findings) != 1000 || report.Dropped != 4000 {
		t.Errorf("%d findings and %d dropped, want 1000 and 4000", len(report.Findings), report.Dropped)
	}
}

func TestTheTextSaysWhereAndWhatToDo(t *testing.T) {
	report := check(t, newChecker(t), drift.Response{Operation: certifications, Body: strings.NewReader(
		`{"data":[{"id":"3c90c3cc-0d44-4b50-8888-8dd25736052a","issued_on":"2024-02-30","certification_type":{"status":"active"}}]}`)})
	var text strings.Builder
	if err := report.WriteText(&text); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"listCertifications 200: 1 break us, 0 are new, 2 guesses hold", "breaks us\n", "  /data/*/issued_on: wrong format\n",
		"want string or null (date), got string(10)", "Certification.issued_on, documented (https://docs.natecosmic.com/",
		"Remove or change format: date at Certification.issued_on (line ", "confirms a guess\n", "Raise the grade of CertificationType.status",
	} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("the text has no %q:\n%s", want, text.String())
		}
	}
}
