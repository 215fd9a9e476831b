package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"go/version"
	"net/http"
	"runtime"

	"github.com/credkit/credkit-go/facade"
	"github.com/credkit/credkit-go/facade/bench/stock"
)

// lists decodes one whole list of several sizes, from memory.
func lists(ctx context.Context, turns int) ([]line, error) {
	var all []line
	for _, rows := range []int{1, 10, 50, 10_000} {
		response, err := wholeList(ctx, rows)
		if err != nil {
			return nil, err
		}
		clients, err := peers(target{"https://cosmic.test", "a-token", &http.Client{Transport: memory{response}}})
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
		what := fmt.Sprintf("a list of %s (%s)", count(uint64(rows)), size(uint64(len(response))))
		for i, c := range costs[1:] {
			l := compare(what, costs[0], clients[i+1].name, c)
			speed, bytes := reach(rows, clients[i+1].name)
			l.hold(costs[0], c, speed, bytes)
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

// reach says what a list is to reach beside a peer: so many times its speed and
// at most so many times its bytes; 0 for nothing.
func reach(rows int, peer string) (speed, bytes float64) {
	switch {
	case rows == 1 && peer == generated:
		return 2, 1.2
	case rows == 1 && peer == byOgen:
		return 1, 0
	case rows == 1 || peer == byHand:
		return 0, 0
	case rows < 10_000:
		return map[string]float64{generated: 3.5, byOgen: 1.2, byGoJSON: 1}[peer], 0
	case peer == generated && version.Compare(runtime.Version(), "go1.27") >= 0: // its encoding/json is faster
		return 2.2, 0.25
	default:
		return map[string]float64{generated: 4, byOgen: 1.6, byGoJSON: 1.3}[peer], 0.25
	}
}

// hold holds a line against what it is to reach.
func (l *line) hold(ours, theirs cost, speed, bytes float64) {
	if speed == 0 {
		return
	}
	l.reach = fmt.Sprintf("≥ %.2g × its speed", speed)
	l.reached = ratio(theirs.time, ours.time) >= speed
	if bytes > 0 {
		l.reach += fmt.Sprintf(" and ≤ %.2g × its bytes", bytes)
		l.reached = l.reached && ratio(ours.bytes, theirs.bytes) <= bytes
	}
}

// writing writes one certification as JSON.
func writing(ctx context.Context, turns int) ([]line, error) {
	page, err := wholeList(ctx, 1)
	if err != nil {
		return nil, err
	}
	var ours struct{ Data []facade.Certification }
	var theirs struct{ Data []stock.Certification }
	if err := errors.Join(json.Unmarshal(page, &ours), json.Unmarshal(page, &theirs)); err != nil {
		return nil, err
	}
	costs, err := measure(turns,
		contestant{"", func() error { _, err := json.Marshal(ours.Data[0]); return err }},
		contestant{"", func() error { _, err := json.Marshal(theirs.Data[0]); return err }})
	if err != nil {
		return nil, err
	}
	l := compare("a certification, written by json.Marshal", costs[0], "the generated type", costs[1])
	l.hold(costs[0], costs[1], 0.8, 0)
	return []line{l}, nil
}

func ratio[N ~int64 | ~uint64](a, b N) float64 { return float64(a) / float64(b) }
