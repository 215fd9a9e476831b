package main

import (
	"context"
	"fmt"
	"go/version"
	"net/http"
	"runtime"
)

// lists decodes one whole list of several sizes, from memory.
func lists(ctx context.Context, turns int) ([]line, error) {
	var all []line
	for _, rows := range []int{1, 50, 10_000} {
		answer, err := wholeList(ctx, rows)
		if err != nil {
			return nil, err
		}
		clients, err := peers(target{"https://cosmic.test", "a-token", &http.Client{Transport: memory{answer}}})
		if err != nil {
			return nil, err
		}
		var contestants []contestant
		for _, p := range clients {
			contestants = append(contestants, contestant{p.name, func() error {
				n, err := p.list(ctx)
				if err == nil && n != rows {
					err = fmt.Errorf("%d rows came of %d", n, rows)
				}
				return err
			}})
		}
		costs, err := measure(turns, contestants...)
		if err != nil {
			return nil, err
		}
		what := fmt.Sprintf("a list of %s (%s)", count(uint64(rows)), size(uint64(len(answer))))
		for i, c := range costs[1:] {
			l := compare(what, costs[0], clients[i+1].name, c)
			if rows == 10_000 {
				l.hold(costs[0], c)
			}
			all = append(all, l)
		}
	}
	return all, nil
}

// compare is a line of two costs.
func compare(what string, ours cost, name string, theirs cost) line {
	return line{
		what: what, ours: ours.figures(), peer: name, theirs: theirs.figures(),
		ratio: fmt.Sprintf("%.2f × its speed, %.2f × its bytes", ratio(theirs.time, ours.time), ratio(ours.bytes, theirs.bytes)),
	}
}

// hold holds a line against what the long list is to reach. From Go 1.27 on,
// encoding/json is faster.
func (l *line) hold(ours, theirs cost) {
	speed := map[string]float64{generated: 3, byOgen: 1}[l.peer]
	if speed == 0 {
		return
	}
	if l.peer == generated && version.Compare(runtime.Version(), "go1.27") >= 0 {
		speed = 1.5
	}
	l.reach = fmt.Sprintf("≥ %.1f × and ≤ 0.25 ×", speed)
	l.reached = ratio(theirs.time, ours.time) >= speed && ratio(ours.bytes, theirs.bytes) <= 0.25
}

func ratio[N ~int64 | ~uint64](a, b N) float64 { return float64(a) / float64(b) }
