package drift_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/credkit/credkit-go/facade/drift"
	"github.com/credkit/credkit-go/facade/internal/safehttp"
)

func reply(status int, body string) *http.Response {
	return &http.Response{StatusCode: status, Header: jsonHeader(), Body: io.NopCloser(strings.NewReader(body))}
}

func get(t *testing.T, transport http.RoundTripper, address string, read int64) string {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := transport.RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	content, err := io.ReadAll(io.LimitReader(response.Body, read))
	if err != nil {
		t.Fatal(err)
	}
	if err := response.Body.Close(); err != nil {
		t.Fatal(err)
	}
	return string(content)
}

const everything = 1 << 30

func TestLiveResponsesAreHeldAndHandedOn(t *testing.T) {
	defer goleak.VerifyNone(t)
	bodies := map[string]string{
		"/some/prefix/v1/certifications": `{"data":[{"id":"none"}]}`,
		"/api/v1/users/":                 `{"results":[]}`,
		"/auth/v1/oauth/token":           `{"access_token":"a"}`,
	}
	recorder := newChecker(t).NewRecorder()
	transport := recorder.Middleware(safehttp.RoundTripFunc(func(r *http.Request) (*http.Response, error) {
		return reply(http.StatusOK, bodies[r.URL.Path]), nil
	}))
	for range 3 {
		for path, body := range bodies {
			if got := get(t, transport, "https://example.com"+path, everything); got != body {
				t.Errorf("%s was read as %q", path, got)
			}
		}
	}
	reports := recorder.Reports()
	if len(reports) != 2 || reports[0].Operation != certifications || reports[1].Operation != users {
		t.Fatalf("reports: %+v", reports)
	}
	first := reports[0]
	if first.Responses != 3 || len(first.Findings) != 1 || first.Findings[0].Count != 3 || first.Findings[0].Rule != drift.WrongFormat {
		t.Errorf("three responses with the same finding: %+v", first)
	}
	if reports[1].Differs() {
		t.Errorf("an empty list differs: %v", reports[1].Findings)
	}
}

func TestAReaderThatStopsEarlyIsNoCutResponse(t *testing.T) {
	defer goleak.VerifyNone(t)
	recorder := newChecker(t).NewRecorder()
	body := `{"data":[` + strings.Repeat(`{"id":"3c90c3cc-0d44-4b50-8888-8dd25736052a"},`, 10000)
	transport := recorder.Middleware(safehttp.RoundTripFunc(func(*http.Request) (*http.Response, error) { return reply(http.StatusOK, body), nil }))
	get(t, transport, "https://example.com/v1/certifications", 5000)
	if reports := recorder.Reports(); len(reports) != 1 || reports[0].Differs() {
		t.Errorf("stopped by the reader: %+v", reports)
	}
	get(t, transport, "https://example.com/v1/certifications", everything)
	if reports := recorder.Reports(); len(reports) != 1 || reports[0].Findings[0].Rule != drift.Truncated {
		t.Errorf("cut by the service: %+v", reports)
	}
}
