package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/credkit/credkit-go/facade/sandbox"
)

// today makes every run decode the same bytes.
var today = time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)

// wholeList returns the sandbox's response to a list of so many certifications,
// unpaged.
func wholeList(ctx context.Context, rows int) ([]byte, error) {
	box, err := sandbox.New(sandbox.WithCertificationCount(rows), sandbox.WithoutPaging(), sandbox.WithToday(today))
	if err != nil {
		return nil, err
	}
	defer box.Close()
	access, err := box.AccessToken(box.User().ID)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, box.CosmicURL()+"/v1/certifications", nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+access)
	resp, err := box.Client().Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("the sandbox responds %s: %s", resp.Status, body)
	}
	return body, err
}

// me is who everybody is.
const me = `{"user":{"id":"3c90c3cc-0d44-4b50-8888-8dd25736052a","email":"ada@example.com","display_name":"Ada Lovelace"},"scopes":["certification_records:read"]}`

// memory responds to every request with the same bytes, without a network.
type memory struct{ list []byte }

// RoundTrip implements http.RoundTripper.
func (m memory) RoundTrip(req *http.Request) (*http.Response, error) {
	body := m.list
	if req.URL.Path == "/v1/me" {
		body = []byte(me)
	}
	return &http.Response{
		StatusCode: http.StatusOK, Status: "200 OK",
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header:        http.Header{"Content-Type": {"application/json"}},
		Body:          io.NopCloser(bytes.NewReader(body)),
		ContentLength: int64(len(body)),
		Request:       req,
	}, nil
}
