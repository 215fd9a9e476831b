package main

import (
	"fmt"
	"runtime"
	"slices"
	"time"
)

// contestant is one way of doing what a row of the table measures.
type contestant struct {
	name string
	run  func() error
}

// cost is what one run took.
type cost struct {
	time   time.Duration
	bytes  uint64
	allocs uint64
}

// slot is how long a contestant runs before it is the next one's turn.
const slot = 60 * time.Millisecond

// measure lets the contestants take turns, so that what else the machine does
// falls on all of them, and returns the median of each one's turns.
func measure(turns int, contestants ...contestant) ([]cost, error) {
	repeat := make([]int, len(contestants))
	for i, c := range contestants { // also warms up
		took, err := once(c, 1)
		if err != nil {
			return nil, err
		}
		if took, err = once(c, 1); err != nil {
			return nil, err
		}
		repeat[i] = max(1, int(slot/max(took.time, 1)))
	}
	all := make([][]cost, len(contestants))
	for range turns {
		for i, c := range contestants {
			took, err := once(c, repeat[i])
			if err != nil {
				return nil, err
			}
			all[i] = append(all[i], took)
		}
	}
	medians := make([]cost, len(contestants))
	for i := range all {
		medians[i] = cost{
			time:   median(all[i], func(c cost) time.Duration { return c.time }),
			bytes:  median(all[i], func(c cost) uint64 { return c.bytes }),
			allocs: median(all[i], func(c cost) uint64 { return c.allocs }),
		}
	}
	return medians, nil
}

// once runs a contestant so many times and returns the cost of one.
func once(c contestant, times int) (cost, error) {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	start := time.Now()
	for range times {
		if err := c.run(); err != nil {
			return cost{}, fmt.Errorf("%s: %w", c.name, err)
		}
	}
	took := time.Since(start)
	runtime.ReadMemStats(&after)
	n := uint64(times)
	return cost{
		time:   took / time.Duration(times),
		bytes:  (after.TotalAlloc - before.TotalAlloc) / n,
		allocs: (after.Mallocs - before.Mallocs) / n,
	}, nil
}

func median[V uint64 | time.Duration](costs []cost, of func(cost) V) V {
	values := make([]V, len(costs))
	for i := range costs {
		values[i] = of(costs[i])
	}
	slices.Sort(values)
	return values[len(values)/2]
}
