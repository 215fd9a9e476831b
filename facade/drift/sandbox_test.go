package drift_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/google/uuid"

	credkit "github.com/credkit/credkit-go"
	"github.com/credkit/credkit-go/api/certn"
	"github.com/credkit/credkit-go/api/cosmic"
	"github.com/credkit/credkit-go/api/spec"
	"github.com/credkit/credkit-go/facade"
	"github.com/credkit/credkit-go/facade/auth"
	"github.com/credkit/credkit-go/facade/sandbox"
)

// referee holds requests and responses against openapi.yaml by a library that
// is not ours: kin-openapi's filter.
type referee struct {
	spec *openapi3.T
	next http.RoundTripper

	mu     sync.Mutex
	judged map[string]int // operation and status
	faults []string
}

func newReferee(t *testing.T, next http.RoundTripper) *referee {
	t.Helper()
	doc, err := openapi3.NewLoader().LoadFromData([]byte(credkit.Spec))
	if err != nil {
		t.Fatal(err)
	}
	if err := doc.Validate(t.Context()); err != nil {
		t.Fatalf("the specification or one of its examples is not valid: %v", err)
	}
	return &referee{spec: doc, next: next, judged: map[string]int{}}
}

// route finds the operation of a request by its path and method alone.
func (r *referee) route(request *http.Request) *routers.Route {
	for path, item := range r.spec.Paths.Map() {
		if op := item.Operations()[request.Method]; op != nil && strings.HasSuffix(request.URL.Path, path) {
			return &routers.Route{Spec: r.spec, Path: path, PathItem: item, Method: request.Method, Operation: op}
		}
	}
	return nil
}

func (r *referee) RoundTrip(request *http.Request) (*http.Response, error) {
	route := r.route(request)
	if route == nil {
		return r.next.RoundTrip(request)
	}
	var sent []byte
	if request.Body != nil {
		var err error
		if sent, err = io.ReadAll(request.Body); err != nil {
			return nil, err
		}
		request = request.Clone(request.Context())
		request.Body = io.NopCloser(bytes.NewReader(sent))
	}
	response, err := r.next.RoundTrip(request)
	if err != nil {
		return nil, err
	}
	received, err := io.ReadAll(response.Body)
	if err := errors.Join(err, response.Body.Close()); err != nil {
		return nil, err
	}
	response.Body = io.NopCloser(bytes.NewReader(received))
	r.judge(route, request, sent, response, received)
	return response, nil
}

func (r *referee) judge(route *routers.Route, request *http.Request, sent []byte, response *http.Response, received []byte) {
	copied := request.Clone(context.Background())
	copied.Body = io.NopCloser(bytes.NewReader(sent))
	input := &openapi3filter.RequestValidationInput{
		Request: copied, Route: route, QueryParams: request.URL.Query(),
		Options: &openapi3filter.Options{AuthenticationFunc: bearer, SchemaValidationOptions: []openapi3.SchemaValidationOption{
			openapi3.EnableFormatValidation(),
			openapi3.WithStringFormatValidator("uuid", openapi3.NewCallbackValidator(uuid.Validate)), // it has none
		}},
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	name := route.Operation.OperationID
	r.judged[fmt.Sprintf("%s %d", name, response.StatusCode)]++
	fault := func(what string, err error) {
		if err != nil {
			r.faults = append(r.faults, fmt.Sprintf("%s %d, %s: %v", name, response.StatusCode, what, err))
		}
	}
	if request.Header.Get("X-Wrong") == "" {
		fault("request "+request.URL.String(), openapi3filter.ValidateRequest(context.Background(), input))
	}
	for name := range request.URL.Query() {
		if route.Operation.Parameters.GetByInAndName(openapi3.ParameterInQuery, name) == nil && request.Header.Get("X-Wrong") == "" {
			fault("request", fmt.Errorf("the query parameter %s is not declared", name))
		}
	}
	options := *input.Options
	options.IncludeResponseStatus = true
	fault("response "+string(received), openapi3filter.ValidateResponse(context.Background(), &openapi3filter.ResponseValidationInput{
		RequestValidationInput: input, Status: response.StatusCode, Header: response.Header,
		Body: io.NopCloser(bytes.NewReader(received)), Options: &options,
	}))
}

// bearer is the one way in of both services.
func bearer(_ context.Context, input *openapi3filter.AuthenticationInput) error {
	if got := input.RequestValidationInput.Request.Header.Get("Authorization"); !strings.HasPrefix(got, "Bearer ") || len(got) < 10 {
		return errors.New("no bearer token")
	}
	return nil
}

// house is a sandbox with clients that pass the referee.
type house struct {
	*sandbox.Sandbox
	referee *referee
	cosmic  *facade.Cosmic
	certn   *facade.Certn
}

func newHouse(t *testing.T, options ...sandbox.Option) *house {
	t.Helper()
	sb, err := sandbox.New(options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sb.Close)
	h := &house{Sandbox: sb, referee: newReferee(t, sb.Transport())}
	token, err := sb.AccessToken("")
	if err != nil {
		t.Fatal(err)
	}
	client := facade.WithHTTPClient(&http.Client{Transport: h.referee})
	once := facade.WithRetry(facade.RetryPolicy{MaxAttempts: 1})
	if h.cosmic, err = facade.NewCosmic(auth.StaticToken(token), facade.WithBaseURL(sb.CosmicURL()), client, once); err != nil {
		t.Fatal(err)
	}
	if h.certn, err = facade.NewCertn(auth.StaticToken(sb.CertnAccessToken()), facade.WithBaseURL(sb.CertnURL()), client, once); err != nil {
		t.Fatal(err)
	}
	return h
}

// walk makes every call there is. The lists are found: they are what the
// clients' methods without a context return.
func (h *house) walk(ctx context.Context) {
	_, _ = h.cosmic.Me(ctx)
	for _, client := range []any{h.cosmic, h.certn} {
		for _, method := range reflect.ValueOf(client).Methods() {
			if t := method.Type(); t.NumIn() != 1 || !t.IsVariadic() || t.NumOut() != 1 {
				continue
			}
			list := method.Call(nil)[0]
			for range list.MethodByName("PageSize").Call([]reflect.Value{reflect.ValueOf(7)})[0].MethodByName("All").Call([]reflect.Value{reflect.ValueOf(ctx)})[0].Seq2() {
				continue
			}
			list.MethodByName("Collect").Call([]reflect.Value{reflect.ValueOf(ctx), reflect.ValueOf(1000)})
		}
	}
	_, _ = h.cosmic.CreateCertification(ctx, facade.CertificationCreate{SerialNumber: "A-1", IssuerName: "NATE"}, facade.WithIdempotencyKey("one"))
	_, _ = h.certn.FindUser(ctx, facade.ByEmail("nobody@example.com"))
}

// TestTheSandboxAndTheFacadeKeepToTheSpecification drives every call against
// the sandbox in each of its forms.
func TestTheSandboxAndTheFacadeKeepToTheSpecification(t *testing.T) {
	judged, walked := map[string]int{}, map[string]bool{}
	for name, options := range map[string][]sandbox.Option{
		"as it is":                  nil,
		"legacy lists":              {sandbox.WithoutPaging(), sandbox.WithOldMe()},
		"no last cursor":            {sandbox.WithoutLastCursor(), sandbox.WithPageSize(9), sandbox.WithCertnPageSize(4, 8)},
		"a first-party session":     {sandbox.WithFirstPartySessions()},
		"older names of scopes":     {sandbox.WithOldScopeNames()},
		"new words":                 {sandbox.WithUnknownValues()},
		"nothing in the lists":      {sandbox.WithCertificationCount(0), sandbox.WithCertnUserCount(0)},
		"next links with http":      {sandbox.WithNextLinkOrigin("http://api.certn.co"), sandbox.WithCertnPageSize(2, 2)},
		"errors with a message":     {sandbox.WithAPIErrors(sandbox.MessageErrors)},
		"retired":                   {sandbox.WithCertnRetired()},
		"one request a minute":      {sandbox.WithCertnRateLimits(limit())},
		"keys that are not kept":    {sandbox.WithoutIdempotency()},
		"below a path":              {sandbox.WithBasePath("/staging")},
		"with ids of the requests":  {sandbox.WithRequestIDs()},
		"a fresh account":           {sandbox.WithCertnUserCount(1), sandbox.WithCertificationCount(1)},
		"many":                      {sandbox.WithCertificationCount(450), sandbox.WithCertnUserCount(30)},
		"tokens for a short while":  {sandbox.WithTokenLifetime(time.Minute)},
		"errors in the usual shape": {sandbox.WithAPIErrors(sandbox.NestedErrors)},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { // a limit is waited for in fake time
				h := newHouse(t, options...)
				h.walk(t.Context())
				for what := range h.referee.judged {
					walked[what] = true
				}
				for request, status := range h.refused(t) {
					if status < 400 && name != "a first-party session" {
						t.Errorf("%s got %d", request, status)
					}
				}
				h.RefuseAccessTokens()
				h.walk(t.Context())
				for _, fault := range h.referee.faults {
					t.Error(fault)
				}
				for what, n := range h.referee.judged {
					judged[what] += n
				}
			})
		})
	}
	for _, service := range []spec.Service{cosmic.Service, certn.Service} {
		for _, op := range service.Operations {
			if !walked[fmt.Sprintf("%s %d", op.ID, op.Success)] {
				t.Errorf("no response of %s was judged: call it in walk, unless it is a list: then it has no method", op.ID)
			}
			if judged[fmt.Sprintf("%s 401", op.ID)] == 0 {
				t.Errorf("no 401 of %s was judged", op.ID)
			}
			if len(op.Scopes) > 0 && judged[fmt.Sprintf("%s 403", op.ID)] == 0 {
				t.Errorf("no 403 of %s was judged", op.ID)
			}
			if op.Pagination.Style != spec.PageNone && judged[fmt.Sprintf("%s 400", op.ID)] == 0 {
				t.Errorf("no 400 of %s was judged", op.ID)
			}
		}
	}
	for _, want := range []string{
		"createCertification 400", "listUsers 404", "listUsers 410", "listUsers 429",
	} {
		if judged[want] == 0 {
			t.Errorf("no response was %s", want)
		}
	}
	total := 0
	for _, n := range judged {
		total += n
	}
	t.Logf("%d requests and responses were judged: %v", total, judged)
}

// refused makes requests that are wrong, past the facade, and returns how
// each got.
func (h *house) refused(t *testing.T) map[string]int {
	t.Helper()
	statuses := map[string]int{}
	poor, err := h.SignInWith(sandbox.SignIn{Scopes: []string{"organizations:read"}})
	if err != nil {
		t.Fatal(err)
	}
	rich, err := h.AccessToken("")
	if err != nil {
		t.Fatal(err)
	}
	type attempt struct{ method, address, token, body string }
	attempts := []attempt{
		{"POST", h.CosmicURL() + "/v1/certifications", rich, `{"issued_on":"soon"}`},
		{"POST", h.CosmicURL() + "/v1/certifications", rich, `[]`},
		{"POST", h.CosmicURL() + "/v1/certifications", rich, `{`},
	}
	for _, service := range []struct {
		table       spec.Service
		base, token string
	}{{cosmic.Service, h.CosmicURL(), rich}, {certn.Service, h.CertnURL(), h.CertnAccessToken()}} {
		for _, op := range service.table.Operations {
			address, body := service.base+op.Path, map[bool]string{true: `{}`}[op.Method == http.MethodPost]
			attempts = append(attempts, attempt{op.Method, address, "nobody's", body})
			if len(op.Scopes) > 0 {
				attempts = append(attempts, attempt{op.Method, address, poor.AccessToken, body})
			}
			if page := op.Pagination; page.Style != spec.PageNone {
				for _, query := range []string{page.SizeParameter + "=0", page.SizeParameter + "=many", page.CursorParameter + "=0", page.CursorParameter + "=9999", "sort=name"} {
					attempts = append(attempts, attempt{op.Method, address + "?" + query, service.token, ""})
				}
			}
		}
	}
	for _, r := range attempts {
		request, err := http.NewRequestWithContext(t.Context(), r.method, r.address, strings.NewReader(r.body))
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Authorization", "Bearer "+r.token)
		request.Header.Set("X-Wrong", "on purpose")
		if r.body != "" {
			request.Header.Set("Content-Type", "application/json")
		}
		response, err := h.referee.RoundTrip(request)
		if err != nil {
			t.Fatal(err)
		}
		statuses[fmt.Sprintf("%s %s as %.4s, body %s", r.method, r.address, r.token, r.body)] = response.StatusCode
	}
	return statuses
}

// TestTheRefereeSees proves that the referee refuses what is wrong.
func TestTheRefereeSees(t *testing.T) {
	for name, test := range map[string]struct {
		options []sandbox.Option
		want    string
	}{
		"a bare array":         {[]sandbox.Option{sandbox.WithBareArray()}, "listUsers 200, response ["},
		"an HTML error":        {[]sandbox.Option{sandbox.WithAPIErrors(sandbox.HTMLErrors)}, "listCertifications 400, response"},
		"an id that is none":   {[]sandbox.Option{sandbox.WithCertifications(json.RawMessage(`{"id":"none"}`))}, "listCertifications 200, response"},
		"a day that is none":   {[]sandbox.Option{sandbox.WithCertifications(json.RawMessage(`{"id":"3c90c3cc-0d44-4b50-8888-8dd25736052a","issued_on":"2023-13-25"}`))}, "listCertifications 200, response"},
		"a user without an id": {[]sandbox.Option{sandbox.WithCertnUsers(json.RawMessage(`{"email":"ada@example.com"}`))}, "listUsers 200, response"},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t, test.options...)
			h.walk(t.Context())
			_ = h.refused(t)
			if !slices.ContainsFunc(h.referee.faults, func(fault string) bool { return strings.HasPrefix(fault, test.want) }) {
				t.Errorf("nothing about %q in %q", test.want, h.referee.faults)
			}
		})
	}
	h := newHouse(t)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, h.CosmicURL()+"/v1/certifications?limit=900", nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.referee.RoundTrip(request); err != nil {
		t.Fatal(err)
	}
	if len(h.referee.faults) == 0 {
		t.Error("a request without a token and with a page of 900 passed")
	}
}

func limit() spec.RateLimit { return spec.RateLimit{Requests: 1, Window: time.Minute} }
