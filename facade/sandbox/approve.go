package sandbox

import (
	"context"
	"errors"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
)

// Approve opens an authorize URL as a browser would, approves as the first
// user, and returns the address that the browser is sent to, with the code
// and the state, or with the error of a refused request.
func (s *Sandbox) Approve(ctx context.Context, authorizeURL string) (redirect string, err error) {
	return s.answerConsent(ctx, authorizeURL, "approve", "")
}

// ApproveAs is [Sandbox.Approve] as another user, by id or e-mail address.
func (s *Sandbox) ApproveAs(ctx context.Context, authorizeURL, user string) (redirect string, err error) {
	return s.answerConsent(ctx, authorizeURL, "approve", user)
}

// Deny is [Sandbox.Approve] with the other button.
func (s *Sandbox) Deny(ctx context.Context, authorizeURL string) (redirect string, err error) {
	return s.answerConsent(ctx, authorizeURL, "deny", "")
}

// answerConsent goes through the page as a browser does, request by request.
func (s *Sandbox) answerConsent(ctx context.Context, authorizeURL, decision, user string) (string, error) {
	page, to, err := s.browse(ctx, http.MethodGet, authorizeURL, nil)
	if err != nil || to != "" {
		return to, err
	}
	field := regexp.MustCompile(`name="request_id" value="([^"]*)"`).FindStringSubmatch(page)
	form := regexp.MustCompile(`<form method="post" action="([^"]*)"`).FindStringSubmatch(page)
	if field == nil || form == nil {
		return "", errors.New("sandbox: the authorize URL does not show the consent page")
	}
	at, err := url.Parse(authorizeURL)
	if err != nil {
		return "", fmt.Errorf("sandbox: %w", err)
	}
	action, err := at.Parse(html.UnescapeString(form[1]))
	if err != nil {
		return "", fmt.Errorf("sandbox: the consent form's action: %w", err)
	}
	values := url.Values{"request_id": {html.UnescapeString(field[1])}, "decision": {decision}}
	if user != "" {
		values.Set("user", user)
	}
	_, to, err = s.browse(ctx, http.MethodPost, action.String(), values)
	if err == nil && to == "" {
		err = errors.New("sandbox: the consent form was not answered with a redirect")
	}
	return to, err
}

// browse makes one request and follows nothing.
func (s *Sandbox) browse(ctx context.Context, method, address string, form url.Values) (page, redirect string, err error) {
	req, err := http.NewRequestWithContext(ctx, method, address, strings.NewReader(form.Encode()))
	if err != nil {
		return "", "", fmt.Errorf("sandbox: %w", err)
	}
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	client := *s.Client()
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	resp, err := client.Do(req)
	if err != nil {
		return "", "", fmt.Errorf("sandbox: %w", err)
	}
	defer func() { _ = resp.Body.Close() }()
	if to := resp.Header.Get("Location"); to != "" {
		return "", to, nil
	}
	b, err := io.ReadAll(io.LimitReader(resp.Body, mostBody))
	if err != nil {
		return "", "", fmt.Errorf("sandbox: %w", err)
	}
	if resp.StatusCode != http.StatusOK {
		return "", "", fmt.Errorf("sandbox: %s %s answered %s", method, req.URL.Path, resp.Status)
	}
	return string(b), "", nil
}
