package facade_test

import (
	"errors"
	"log/slog"
	"strings"
	"testing"

	"github.com/credkit/credkit-go/facade"
	"github.com/credkit/credkit-go/facade/auth"
)

// With thousands of sessions, an error or a log record without the key says
// of nobody's call that it failed.
func TestAnErrorAndTheRequestLogNameTheSession(t *testing.T) {
	var log strings.Builder
	logger := slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	newClient := func(body ...reply) *facade.Cosmic {
		c, err := newCosmic(t, &script{replies: body}, facade.WithLogger(logger)).For(keyed{"worker-42"})
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	_, err := newClient(reply{status: 404}).Me(t.Context())
	var e *facade.Error
	if !errors.As(err, &e) || e.SessionKey != "worker-42" || !strings.Contains(err.Error(), `of session "worker-42"`) {
		t.Errorf("%+v: %v", e, err)
	}
	if !strings.Contains(log.String(), "session=worker-42") {
		t.Errorf("the request log names no session:\n%s", log.String())
	}
	log.Reset()
	logger.Error("failed", "err", err)
	if !strings.Contains(log.String(), "err.session=worker-42") {
		t.Errorf("the error's attributes name no session:\n%s", log.String())
	}
	granted := jsonReply(`{"user":{"email":"a@b.c"},"scopes":["job_roles:read"]}`)
	_, err = newClient(granted).Certifications().Collect(t.Context(), 1)
	var scope *facade.ScopeError
	if !errors.As(err, &scope) || scope.SessionKey != "worker-42" || !strings.Contains(err.Error(), `"worker-42"`) {
		t.Errorf("a missing scope: %v", err)
	}
	_, err = newClient(granted).Certifications().Collect(t.Context(), -1)
	if !errors.As(err, &e) || e.SessionKey != "worker-42" {
		t.Errorf("a call that was not made: %v", err)
	}
	_, err = newCosmic(t, &script{replies: []reply{{status: 404}}}).Me(t.Context())
	if !errors.As(err, &e) || e.SessionKey != "" || strings.Contains(err.Error(), "session") {
		t.Errorf("without a session: %v", err)
	}
	sessions, err := auth.NewSessions(auth.NewMemoryStore(), auth.App{ClientID: "app"})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = sessions.Close(t.Context()) }()
	_, err = newCosmicFor(t, &script{}, sessions.Key("worker-7")).Me(t.Context())
	if !errors.As(err, &e) || e.SessionKey != "worker-7" {
		t.Errorf("a session that nobody has signed in to: %+v", err)
	}
}

func TestA403SaysWhatHelps(t *testing.T) {
	forbidden := reply{status: 403, body: `{"message":"no"}`}
	for name, test := range map[string]struct {
		me   string
		call func(*facade.Cosmic) error
		want string
	}{
		"an operation without scopes": {"", func(c *facade.Cosmic) error { _, err := c.Me(t.Context()); return err }, "it needs no scope: check the account's state"},
		"the scope is there": {`{"user":{"email":"a@b.c"},"scopes":["certification_records:read"]}`, func(c *facade.Cosmic) error {
			_, err := c.Certifications().Collect(t.Context(), 1)
			return err
		}, "the token has the scope certification_records:read, and scopes do not replace membership"},
		"the scopes are not known": {someone, func(c *facade.Cosmic) error {
			_, err := c.Certifications().Collect(t.Context(), 1)
			return err
		}, "it needs the scope certification_records:read; whether the token has it is not known"},
	} {
		t.Run(name, func(t *testing.T) {
			err := test.call(newCosmic(t, &script{replies: []reply{forbidden}, me: test.me}))
			if !errors.Is(err, facade.ErrForbidden) || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "none") {
				t.Error(err)
			}
		})
	}
}

// A response that was cut off has a status. After a create, the advice must
// not be to try again: the service may have created it.
func TestAResponseThatWasCutOff(t *testing.T) {
	cut := reply{status: 201, body: `{"data":{"id":`, cut: true}
	s := &script{replies: []reply{cut}}
	_, err := newCosmic(t, s, unchecked).CreateCertification(t.Context(), facade.CertificationCreate{})
	var e *facade.Error
	if !errors.As(err, &e) || !errors.Is(err, facade.ErrTruncated) || e.Status != 201 || s.count() != 1 {
		t.Errorf("%+v after %d requests", err, s.count())
	}
	if text := err.Error(); strings.Contains(text, "; try again") || !strings.Contains(text, "look before trying again") {
		t.Errorf("advice after a create: %s", text)
	}
	once := facade.WithRetry(facade.RetryPolicy{MaxAttempts: 1})
	_, err = newCosmic(t, &script{replies: []reply{{body: `{"user":`, cut: true}}}, once).Me(t.Context())
	if !errors.As(err, &e) || e.Status != 200 || !strings.Contains(err.Error(), "; try again") {
		t.Errorf("a read: %v", err)
	}
	large := jsonReply(`{"user":{"email":"` + strings.Repeat("x", 2<<20) + `"}}`)
	_, err = newCosmic(t, &script{replies: []reply{large}}).Me(t.Context())
	if !errors.As(err, &e) || e.Status != 200 || !errors.Is(err, facade.ErrInvalidResponse) {
		t.Errorf("a response that is too large: %v", err)
	}
}
