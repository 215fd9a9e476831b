package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"time"
)

// peaks reads long unpaged lists, each in a process of its own and over
// loopback, and tells the most memory that was resident.
func peaks(ctx context.Context, _ int) ([]line, error) {
	var all []line
	for _, try := range []struct {
		rows  int
		peers []string
	}{
		{100_000, []string{generated, byOgen, byHand}},
		{1_000_000, nil},
	} {
		s, err := startServer(ctx, try.rows)
		if err != nil {
			return nil, err
		}
		lines, err := peaksOf(ctx, s, try.rows, try.peers)
		if stopped := s.stop(); err == nil {
			err = stopped
		}
		if err != nil {
			return nil, err
		}
		all = append(all, lines...)
	}
	return all, nil
}

func peaksOf(ctx context.Context, s *server, rows int, names []string) ([]line, error) {
	const most = 48 << 20
	what := fmt.Sprintf("most memory resident, %s in one response", count(uint64(rows)))
	ours, took, err := peak(ctx, s, rows, ours)
	if err != nil {
		return nil, err
	}
	figures := fmt.Sprintf("%s, %s", size(ours), short(took))
	if len(names) == 0 {
		return []line{{what: what, ours: figures, reach: "≤ 48 MiB", reached: ours <= most}}, nil
	}
	var all []line
	for _, name := range names {
		theirs, took, err := peak(ctx, s, rows, name)
		if err != nil {
			return nil, err
		}
		all = append(all, line{
			what: what, ours: figures, peer: name, theirs: fmt.Sprintf("%s, %s", size(theirs), short(took)),
			ratio: fmt.Sprintf("%.3f × its memory", ratio(ours, theirs)),
		})
	}
	return all, nil
}

func peak(ctx context.Context, s *server, rows int, name string) (bytes uint64, took time.Duration, err error) {
	self, err := os.Executable()
	if err != nil {
		return 0, 0, err
	}
	cmd := exec.CommandContext(ctx, self, "-child", "reader", name, s.base, s.token)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return 0, 0, fmt.Errorf("%s: %w", name, err)
	}
	var got int
	if _, err := fmt.Sscan(string(out), &got, (*int64)(&took), &bytes); err != nil {
		return 0, 0, fmt.Errorf("%s printed %q", name, out)
	}
	if got != rows {
		return 0, 0, fmt.Errorf("%s read %d rows of %d", name, got, rows)
	}
	return bytes, took, nil
}
