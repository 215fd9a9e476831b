package main

import (
	"context"
	"net/http"
)

// calls makes the smallest call over loopback, to a server in a process of
// its own.
func calls(ctx context.Context, turns int) ([]line, error) {
	s, err := startServer(ctx, 1)
	if err != nil {
		return nil, err
	}
	lines, err := callsOf(ctx, s, turns)
	if stopped := s.stop(); err == nil {
		err = stopped
	}
	return lines, err
}

func callsOf(ctx context.Context, s *server, turns int) ([]line, error) {
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	all, err := peers(target{s.base, s.token, &http.Client{Transport: transport}})
	if err != nil {
		return nil, err
	}
	var contestants []contestant
	for _, p := range all {
		contestants = append(contestants, contestant{p.name, func() error { return p.me(ctx) }})
	}
	costs, err := measure(turns, contestants...)
	if err != nil {
		return nil, err
	}
	var lines []line
	for i, c := range costs[1:] {
		l := compare("one small call on loopback", costs[0], all[i+1].name, c)
		if all[i+1].name == generated {
			l.hold(costs[0], c, 0.98, 0)
		}
		lines = append(lines, l)
	}
	return lines, nil
}
