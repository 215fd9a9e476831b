package drift_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/getkin/kin-openapi/openapi3"

	credkit "github.com/credkit/credkit-go"
	"github.com/credkit/credkit-go/facade/drift"
)

func newChecker(t *testing.T, options ...drift.Option) *drift.Checker {
	t.Helper()
	checker, err := drift.New(options...)
	if err != nil {
		t.Fatal(err)
	}
	return checker
}

func check(t *testing.T, checker *drift.Checker, response drift.Response) *drift.Report {
	t.Helper()
	report, err := checker.Check(t.Context(), response)
	if err != nil {
		t.Fatal(err)
	}
	return report
}

func jsonHeader() http.Header {
	return http.Header{"Content-Type": {"application/json; charset=utf-8"}}
}

// TestDocumentedSamplesDoNotDiffer holds every example of a response that
// stands in openapi.yaml, the documented samples of both services among them.
func TestDocumentedSamplesDoNotDiffer(t *testing.T) {
	doc, err := openapi3.NewLoader().LoadFromData([]byte(credkit.Spec))
	if err != nil {
		t.Fatal(err)
	}
	checker := newChecker(t)
	held := map[string]bool{}
	for _, item := range doc.Paths.Map() {
		for _, op := range item.Operations() {
			for status, response := range op.Responses.Map() {
				media := response.Value.Content["application/json"]
				code, err := strconv.Atoi(status)
				if media == nil || err != nil {
					continue
				}
				for name, example := range media.Examples {
					body, err := json.Marshal(example.Value.Value)
					if err != nil {
						t.Fatal(err)
					}
					report := check(t, checker, drift.Response{Operation: op.OperationID, Status: code, Header: jsonHeader(), Body: bytes.NewReader(body)})
					if report.Differs() {
						t.Errorf("%s %s, example %s: %v", op.OperationID, status, name, report.Findings)
					}
					held[op.OperationID+" "+name] = true
				}
			}
		}
	}
	for _, sample := range []string{
		"listCertifications legacy", "listCertifications paged", "getMe current", "getMe older",
		"createCertification created", "listUsers only", "listUsers first", "listUsers missing",
	} {
		if !held[sample] {
			t.Errorf("the sample %q is not in openapi.yaml any more", sample)
		}
	}
}

func TestRecordingsDoNotDifferAndConfirmGuesses(t *testing.T) {
	checker := newChecker(t)
	for file, operation := range map[string]string{"certifications": certifications, "me": me, "users": users} {
		content, err := os.ReadFile("testdata/" + file + ".json")
		if err != nil {
			t.Fatal(err)
		}
		report := check(t, checker, drift.Response{Operation: operation, Body: bytes.NewReader(content)})
		if report.Differs() {
			t.Errorf("%s: %v", file, report.Findings)
		}
		confirmed := map[string]int64{}
		for _, f := range report.Findings {
			if f.Grade != "inferred" && f.Grade != "assumed" {
				t.Errorf("%s: %s of grade %s is no guess", file, f.Part, f.Grade)
			}
			confirmed[f.Part] = f.Count
		}
		switch file {
		case "certifications":
			if confirmed["CertificationType.status"] != 2 || confirmed["CertificationTypeStatus"] != 2 {
				t.Errorf("the inferred status of a type was seen twice, not in %v", confirmed)
			}
		case "users":
			if confirmed["UserList.count"] != 1 || confirmed["User.email"] != 1 || confirmed["UserList.previous"] != 0 {
				t.Errorf("count and email were seen once, previous was null: not in %v", confirmed)
			}
		}
	}
}

// TestBrokenResponsesAreFindings has the responses that are no JSON, or not all
// of it, or say nothing.
func TestBrokenResponsesAreFindings(t *testing.T) {
	html := http.Header{"Content-Type": {"text/html; charset=utf-8"}}
	page := "<!doctype html><title>Sign in</title>"
	checker := newChecker(t)
	whole, err := os.ReadFile("testdata/certifications.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name      string
		operation string
		status    int
		header    http.Header
		body      string
		want      map[drift.Rule]drift.Severity
	}{
		{"an empty object for the user", me, 200, jsonHeader(), `{}`, rules{drift.NothingKnown: drift.Breaks}},
		{"an empty object for the list", certifications, 200, jsonHeader(), `{}`, rules{drift.MissingField: drift.Breaks}},
		{"null", certifications, 200, jsonHeader(), `null`, rules{drift.UnexpectedNull: drift.Breaks}},
		{"null for the user", me, 200, jsonHeader(), `null`, rules{drift.UnexpectedNull: drift.Breaks}},
		{"a text", users, 200, jsonHeader(), `"ok"`, rules{drift.WrongType: drift.Breaks}},
		{"an empty body", me, 200, jsonHeader(), ``, rules{drift.Truncated: drift.Breaks}},
		{"white space", me, 200, jsonHeader(), " \n", rules{drift.Truncated: drift.Breaks}},
		{"a login page", certifications, 200, html, page, rules{drift.WrongContentType: drift.Breaks, drift.NotJSON: drift.Breaks}},
		{"a login page that calls itself JSON", certifications, 200, jsonHeader(), page, rules{drift.NotJSON: drift.Breaks}},
		{"JSON that calls itself a page", me, 200, html, `{"scopes":[]}`, rules{drift.WrongContentType: drift.Breaks}},
		{"JSON without a content type", me, 200, http.Header{}, `{"scopes":[]}`, rules{drift.WrongContentType: drift.Breaks}},
		{"cut in the middle", certifications, 200, jsonHeader(), string(whole[:len(whole)/2]), rules{drift.Truncated: drift.Breaks}},
		{"two values", me, 200, jsonHeader(), `{"scopes":[]}{"scopes":[]}`, rules{drift.NotJSON: drift.Breaks}},
		{"a comma too many", me, 200, jsonHeader(), `{"scopes":[],}`, rules{drift.NotJSON: drift.Breaks}},
		{"a member twice", me, 200, jsonHeader(), `{"scopes":[],"scopes":["organizations:read"]}`, rules{drift.DuplicateField: drift.Breaks}},
		{"a text that is not UTF-8", me, 200, jsonHeader(), "{\"user\":{\"display_name\":\"A\xff\"}}", rules{drift.BadText: drift.Informs}},
		{"a gateway's page", users, 502, html, page, rules{drift.UndeclaredStatus: drift.Informs}},
		{"a page where an error has a body", users, 401, html, page, rules{drift.WrongContentType: drift.Informs, drift.NotJSON: drift.Informs}},
		{"an error of another shape", users, 401, jsonHeader(), `{"message":"no"}`, rules{drift.UnknownField: drift.Informs, drift.NothingKnown: drift.Informs}},
		{"any error of COSMIC", certifications, 403, jsonHeader(), `{"error":{"message":"no"}}`, rules{drift.UndeclaredStatus: drift.Informs}},
		{"a retry header that is a date", users, 429, http.Header{"Content-Type": {"application/json"}, "Retry-After": {"Wed, 21 Oct 2026 07:28:00 GMT"}}, `{"detail":"wait"}`, rules{drift.WrongType: drift.Breaks}},
		{"a retry header below zero", users, 429, http.Header{"Content-Type": {"application/json"}, "Retry-After": {"-1"}}, `{"detail":"wait"}`, rules{drift.WrongFormat: drift.Informs}},
	} {
		t.Run(test.name, func(t *testing.T) {
			report := check(t, checker, drift.Response{Operation: test.operation, Status: test.status, Header: test.header, Body: strings.NewReader(test.body)})
			got := rules{}
			for _, f := range report.Findings {
				if f.Severity != drift.Confirms {
					got[f.Rule] = f.Severity
				}
			}
			if len(got) != len(test.want) {
				t.Fatalf("found %v, want %v", got, test.want)
			}
			for rule, severity := range test.want {
				if got[rule] != severity {
					t.Errorf("found %v, want %v", got, test.want)
				}
			}
		})
	}
}

type rules = map[drift.Rule]drift.Severity

func TestGuessedStatusesAndHeadersAreConfirmed(t *testing.T) {
	report := check(t, newChecker(t), drift.Response{
		Operation: users, Status: http.StatusTooManyRequests,
		Header: http.Header{"Content-Type": {"application/json"}, "Retry-After": {"12"}},
		Body:   strings.NewReader(`{"detail":"Request was throttled."}`),
	})
	if report.Differs() || report.Count(drift.Confirms) != 2 {
		t.Errorf("want the status and the header confirmed, have %v", report.Findings)
	}
}

func TestErrorsAreNotFindings(t *testing.T) {
	checker := newChecker(t)
	if _, err := checker.Check(t.Context(), drift.Response{Operation: "listUser"}); err == nil || !strings.Contains(err.Error(), "listUsers") {
		t.Errorf("an unknown operation: %v, want the ones there are", err)
	}
	broken := errors.New("the disk is gone")
	report, err := checker.Check(t.Context(), drift.Response{Operation: me, Body: io.MultiReader(strings.NewReader(`{"a":1,`), iotest.ErrReader(broken))})
	if !errors.Is(err, broken) || report == nil || report.Count(drift.Informs) != 1 {
		t.Errorf("a reader that fails: %v, %v; want its error and what was found before", report, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := checker.Check(ctx, drift.Response{Operation: me, Body: strings.NewReader(`{}`)}); !errors.Is(err, context.Canceled) {
		t.Errorf("a context that ended: %v", err)
	}
}

func TestSpecificationsThatCannotBeHeldAreRefused(t *testing.T) {
	for name, change := range map[string][2]string{
		"a pattern":       {"description: Its short name for programs.", "pattern: '^[a-z]+$'"},
		"an unknown form": {"format: date\n          description: The day it was issued.\n        expires_on:\n          type: [string, 'null']", "format: day\n          description: The day it was issued.\n        expires_on:\n          type: [string, 'null']"},
	} {
		changed := strings.Replace(credkit.Spec, change[0], change[1], 1)
		if changed == credkit.Spec {
			t.Fatalf("%s: the specification was not changed", name)
		}
		if _, err := drift.New(drift.WithSpec(changed)); err == nil || !strings.Contains(err.Error(), "line") {
			t.Errorf("%s: %v, want an error with the line", name, err)
		}
	}
	if _, err := drift.New(drift.WithSpec(" ")); err == nil {
		t.Error("an empty specification was taken")
	}
}
