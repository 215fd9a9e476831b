package main

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"
)

func TestNoticesTellOfLongWaitsAlone(t *testing.T) {
	var to strings.Builder
	logger := slog.New(notices{to: &to}).With("service", "certn")
	ctx := context.Background()
	if logger.Enabled(ctx, slog.LevelDebug) {
		t.Error("each request would be told of")
	}
	operation := slog.String("operation", "listUsers")
	for _, r := range []struct {
		message string
		attrs   []slog.Attr
		want    string
	}{
		{"waiting for the rate limit", []slog.Attr{operation, slog.Duration("wait", 30*time.Second), slog.String("reason", "240 requests in 1m0s")},
			"credkit: waiting for the rate limit (listUsers): 30s, reason: 240 requests in 1m0s\n"},
		{"sending a call again", []slog.Attr{operation, slog.Duration("after", 1500*time.Millisecond), slog.String("reason", "429 Too\x1b[31m Many\nRequests")},
			"credkit: sending a call again (listUsers): 2s, reason: 429 Too[31m Many Requests\n"},
		{"waiting", []slog.Attr{slog.Duration("wait", time.Hour)}, "credkit: waiting: 1h0m0s\n"},
		{"waiting", []slog.Attr{slog.Duration("wait", 999*time.Millisecond)}, ""},
		{"waiting", []slog.Attr{slog.String("wait", "1h")}, ""},
		{"session rotated", []slog.Attr{slog.Duration("took", time.Minute)}, ""},
	} {
		to.Reset()
		logger.LogAttrs(ctx, slog.LevelInfo, r.message, r.attrs...)
		if to.String() != r.want {
			t.Errorf("%q, want %q", to.String(), r.want)
		}
	}
}
