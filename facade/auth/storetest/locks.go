package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/credkit/credkit-go/facade/auth"
)

// both runs work in n goroutines on each of two stores, and joins the errors.
func both(a, b auth.Store, n int, work func(s auth.Store) error) error {
	var wg sync.WaitGroup
	results := make([]error, 2*n)
	for i := range results {
		s := a
		if i%2 == 1 {
			s = b
		}
		wg.Go(func() { results[i] = work(s) })
	}
	wg.Wait()
	return errors.Join(results...)
}

// linger lets others come in while f runs, if the lock lets them. In a bubble
// of package synctest, whose time passes once all others wait, they surely do.
func linger() { time.Sleep(time.Millisecond) }

func exclusion(ctx context.Context, a, b auth.Store) error {
	const workers, updates = 3, 8
	var inside atomic.Int32
	work := func(s auth.Store) error {
		for range updates {
			err := s.Update(ctx, "counter", func(_ context.Context, current []byte) ([]byte, error) {
				defer inside.Add(-1)
				if inside.Add(1) != 1 {
					return nil, errors.New("two f ran at once for one key")
				}
				n, _ := strconv.Atoi(string(current))
				linger()
				return strconv.AppendInt(nil, int64(n+1), 10), nil
			})
			if err != nil {
				return err
			}
		}
		return nil
	}
	return first(
		func() error { return both(a, b, workers, work) },
		func() error { return want(ctx, a, "counter", strconv.Itoa(2*workers*updates)) },
	)
}

func deletionRace(ctx context.Context, a, b auth.Store) error {
	const workers, updates = 3, 8
	var inside, made, deleted atomic.Int32
	work := func(s auth.Store) error {
		for range updates {
			err := s.Update(ctx, "key", func(_ context.Context, current []byte) ([]byte, error) {
				defer inside.Add(-1)
				if inside.Add(1) != 1 {
					return nil, errors.New("two f ran at once for one key")
				}
				linger()
				if there := made.Load() > deleted.Load(); there != (current != nil) {
					return nil, fmt.Errorf("f got a record: %v, want %v", current != nil, there)
				}
				if current == nil {
					made.Add(1)
					return []byte("record"), nil
				}
				deleted.Add(1)
				return []byte{}, nil
			})
			if err != nil {
				return err
			}
		}
		return nil
	}
	return both(a, b, workers, work)
}

func independentKeys(ctx context.Context, a, b auth.Store) error {
	release, err := hold(ctx, a, "held", []byte("record"))
	if err != nil {
		return err
	}
	return errors.Join(
		first(
			func() error { return put(ctx, a, "other", "one") },
			func() error { return put(ctx, b, "other", "two") },
			func() error { return want(ctx, a, "other", "two") },
		),
		release(),
		want(ctx, b, "held", "record"),
	)
}

func loadDoesNotWait(ctx context.Context, a, b auth.Store) error {
	if err := put(ctx, a, "key", "old"); err != nil {
		return err
	}
	release, err := hold(ctx, a, "key", []byte("new"))
	if err != nil {
		return err
	}
	return errors.Join(
		want(ctx, a, "key", "old"),
		want(ctx, b, "key", "old"),
		release(),
		want(ctx, b, "key", "new"),
	)
}

func wholeRecords(ctx context.Context, a, b auth.Store) error {
	const size, updates = 100_000, 12
	record := func(i int) string { return strings.Repeat(string(rune('a'+i%26)), size+i) }
	if err := put(ctx, a, "key", record(0)); err != nil {
		return err
	}
	writing := make(chan error, 1)
	go func() {
		for i := range updates {
			if err := put(ctx, a, "key", record(i+1)); err != nil {
				writing <- err
				return
			}
		}
		writing <- nil
	}()
	for {
		got, err := b.Load(ctx, "key")
		if err == nil && (len(got) < size || bytes.Count(got, got[:1]) != len(got) || string(got) != record(len(got)-size)) {
			err = fmt.Errorf("Load gave %d bytes that nobody has stored", len(got))
		}
		select {
		case written := <-writing:
			return errors.Join(err, written)
		default:
		}
		if err != nil {
			return errors.Join(err, <-writing)
		}
	}
}

func panicReleases(ctx context.Context, a, b auth.Store) error {
	return releases(ctx, a, b, func() { panic(errOfF) }, errOfF)
}

func goexitReleases(ctx context.Context, a, b auth.Store) error {
	return releases(ctx, a, b, runtime.Goexit, nil)
}

// releases leaves f by way of leave, with and without a record, and wants the
// panic to come through, the record as it was and the lock free.
func releases(ctx context.Context, a, b auth.Store, leave func(), panicked any) error {
	for _, record := range []string{"", "record"} {
		if record != "" {
			if err := put(ctx, a, "key", record); err != nil {
				return err
			}
		}
		ended := make(chan any)
		go func() {
			defer func() { ended <- recover() }()
			_ = a.Update(ctx, "key", func(context.Context, []byte) ([]byte, error) {
				leave()
				return []byte("never returned"), nil
			})
		}()
		if got := <-ended; got != panicked {
			return fmt.Errorf("Update panicked with %v, want %v", got, panicked)
		}
		if err := first(
			func() error { return wantCurrent(ctx, b, "key", record) },
			func() error { return wantCurrent(ctx, a, "key", record) },
			func() error { return want(ctx, b, "key", record) },
		); err != nil {
			return err
		}
	}
	return nil
}
