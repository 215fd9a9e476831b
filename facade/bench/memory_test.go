package main_test

import (
	"context"
	"fmt"
	"net/http"
	"testing"
	"time"
)

// BenchmarkMemory reads a long unpaged list, each client in a process of its
// own, and reports the most memory that was resident.
func BenchmarkMemory(b *testing.B) {
	for _, of := range []struct {
		rows    int
		clients []string
	}{
		{100_000, []string{"credkit", "generated", "ogen", "hand"}},
		{1_000_000, []string{"credkit"}},
	} {
		server, stop := start(b, task{Rows: of.rows})
		for _, name := range of.clients {
			b.Run(fmt.Sprintf("rows=%d/client=%s", of.rows, name), func(b *testing.B) {
				for b.Loop() {
					o := run(b, "list", task{Server: server, Client: name})
					if o.Rows != of.rows {
						b.Fatalf("%d rows", o.Rows)
					}
					reportOutcome(b, o)
				}
			})
		}
		stop()
	}
}

// readList lists everything with one of the clients.
func readList(t task) {
	for _, c := range clients(target{t.Server.Base, t.Server.Token, &http.Client{Transport: &http.Transport{}, Timeout: 10 * time.Minute}}) {
		if c.name == t.Client {
			start := time.Now()
			rows, err := c.list(context.Background())
			must(err)
			report(outcome{Rows: rows}, start)
		}
	}
}

// reportOutcome reports a reader's own time, without that of its start.
func reportOutcome(b *testing.B, o outcome) {
	b.ReportMetric(float64(o.Elapsed.Nanoseconds()), "ns/op")
	b.ReportMetric(float64(o.Peak), "peak-B")
}
