package sandbox_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"

	"github.com/credkit/credkit-go/api/certn"
	"github.com/credkit/credkit-go/api/cosmic"
	"github.com/credkit/credkit-go/api/spec"
	"github.com/credkit/credkit-go/facade/sandbox"
)

// held makes a request and holds it and its response against openapi.yaml, by a
// library that is not ours.
func held(t *testing.T, doc *openapi3.T, sb *sandbox.Sandbox, req *http.Request, body []byte) (status int, err error) {
	t.Helper()
	a := do(t, sb, req)
	item := doc.Paths.Find(req.URL.Path)
	if item == nil {
		t.Fatalf("%s is not described", req.URL.Path)
	}
	req = req.Clone(t.Context())
	req.Body = io.NopCloser(bytes.NewReader(body))
	in := &openapi3filter.RequestValidationInput{
		Request: req,
		Route:   &routers.Route{Spec: doc, Path: req.URL.Path, PathItem: item, Method: req.Method, Operation: item.GetOperation(req.Method)},
		Options: &openapi3filter.Options{AuthenticationFunc: openapi3filter.NoopAuthenticationFunc, IncludeResponseStatus: true},
	}
	if err := openapi3filter.ValidateRequest(t.Context(), in); err != nil {
		t.Errorf("%s %s: the request: %v", req.Method, req.URL, err)
	}
	out := &openapi3filter.ResponseValidationInput{RequestValidationInput: in, Status: a.StatusCode, Header: a.Header, Options: in.Options}
	return a.StatusCode, openapi3filter.ValidateResponse(t.Context(), out.SetBodyBytes(a.body))
}

func TestAnswersAreAsOpenAPIDescribesThem(t *testing.T) {
	doc, err := openapi3.NewLoader().LoadFromFile("../../openapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for name, opts := range map[string][]sandbox.Option{
		"as it comes": {sandbox.WithCertnUserCount(3), sandbox.WithCertnRateLimits()},
		"older forms": {sandbox.WithOldMe(), sandbox.WithoutPaging(), sandbox.WithCertificationCount(300)},
		"other forms": {sandbox.WithFirstPartySessions(), sandbox.WithoutLastCursor(), sandbox.WithAPIErrors(sandbox.MessageErrors)},
		"retired":     {sandbox.WithCertnRetired()},
	} {
		t.Run(name, func(t *testing.T) {
			sb := inMemory(t, opts...)
			token := signIn(t, sb).AccessToken
			for _, tc := range []struct {
				request *http.Request
				body    string
			}{
				{request(t, "GET", urlOf(t, sb, cosmic.OpGetMe), token, "", nil), ""},
				{request(t, "GET", urlOf(t, sb, cosmic.OpGetMe), "", "", nil), ""},
				{request(t, "GET", urlOf(t, sb, cosmic.OpListCertifications)+"?limit=5", token, "", nil), ""},
				{request(t, "POST", urlOf(t, sb, cosmic.OpCreateCertification), token, "application/json", []byte(sample)), sample},
				{request(t, "POST", urlOf(t, sb, cosmic.OpCreateCertification), token, "application/json", []byte(`{}`)), `{}`},
				{request(t, "GET", urlOf(t, sb, cosmic.OpListCertifications), token, "", nil), ""},
				{request(t, "GET", urlOf(t, sb, certn.OpListUsers)+"?page_size=2", sb.CertnAccessToken(), "", nil), ""},
				{request(t, "GET", urlOf(t, sb, certn.OpListUsers)+"?page=2&page_size=2", sb.CertnAccessToken(), "", nil), ""},
				{request(t, "GET", urlOf(t, sb, certn.OpListUsers)+"?page=99", sb.CertnAccessToken(), "", nil), ""},
				{request(t, "GET", urlOf(t, sb, certn.OpListUsers), "", "", nil), ""},
			} {
				if status, err := held(t, doc, sb, tc.request, []byte(tc.body)); err != nil {
					t.Errorf("%s %s, %d: %v", tc.request.Method, tc.request.URL, status, err)
				}
			}
			if c := sb.Counters(); c.Violations != 0 {
				t.Errorf("%+v", c)
			}
		})
	}

	// The check finds something if there is something to find.
	sb := inMemory(t, sandbox.WithCertnUsers(`{"id":7}`))
	if _, err := held(t, doc, sb, request(t, "GET", urlOf(t, sb, certn.OpListUsers), sb.CertnAccessToken(), "", nil), nil); err == nil {
		t.Error("an id that is a number went through")
	}
}

// described is a request of an operation, made from openapi.yaml alone: the
// examples of its path's parameters and of its body.
func described(t *testing.T, doc *openapi3.T, base, token string, row spec.Operation) (*http.Request, []byte) {
	t.Helper()
	item := doc.Paths.Value(row.Path)
	if item == nil || item.GetOperation(row.Method) == nil {
		t.Fatalf("%s: openapi.yaml has no %s %s", row.ID, row.Method, row.Path)
	}
	op, path, contentType, body := item.GetOperation(row.Method), row.Path, "", []byte(nil)
	for _, p := range op.Parameters {
		path = strings.ReplaceAll(path, "{"+p.Value.Name+"}", url.PathEscape(fmt.Sprint(p.Value.Example)))
	}
	if op.RequestBody != nil {
		contentType = "application/json"
		for _, example := range op.RequestBody.Value.Content.Get(contentType).Examples {
			var err error
			if body, err = json.Marshal(example.Value.Value); err != nil {
				t.Fatal(err)
			}
		}
	}
	return request(t, row.Method, base+path, token, contentType, body), body
}

// TestEveryOperationIsServed goes through the generated tables, so that a new
// operation cannot be forgotten here.
func TestEveryOperationIsServed(t *testing.T) {
	doc, err := openapi3.NewLoader().LoadFromFile("../../openapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	sb := inMemory(t)
	for _, service := range []struct {
		table       spec.Service
		base, token string
	}{
		{cosmic.Service, sb.CosmicURL(), signIn(t, sb).AccessToken},
		{certn.Service, sb.CertnURL(), sb.CertnAccessToken()},
	} {
		for _, row := range service.table.Operations {
			req, body := described(t, doc, service.base, service.token, row)
			if status, err := held(t, doc, sb, req, body); err != nil || status != row.Success {
				t.Errorf("the sandbox answers %s with %d, want %d as openapi.yaml describes it: write its handler. %v", row.ID, status, row.Success, err)
			}
			if sb.Count(row.ID) != 1 {
				t.Errorf("the sandbox counts %d requests of %s, want 1", sb.Count(row.ID), row.ID)
			}
		}
	}
}
