package storetest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/credkit/credkit-go/facade/auth"
)

// wantEnded errs unless err is the end of a context and f was not called.
func wantEnded(err, end error, called bool) error {
	switch {
	case called:
		return fmt.Errorf("f was called after the context had ended (Update gave %v)", err)
	case !errors.Is(err, end):
		return fmt.Errorf("Update gave %v, want %w", err, end)
	}
	return nil
}

func endedContext(ctx context.Context, a, b auth.Store) error {
	ended, cancel := context.WithCancel(ctx)
	cancel()
	late, cancelLate := context.WithDeadline(ctx, time.Unix(0, 0))
	defer cancelLate()
	for _, end := range []struct {
		ctx context.Context
		err error
	}{{ended, context.Canceled}, {late, context.DeadlineExceeded}} {
		called := false
		err := a.Update(end.ctx, "key", func(context.Context, []byte) ([]byte, error) {
			called = true
			return []byte("record"), nil
		})
		if err := wantEnded(err, end.err, called); err != nil {
			return err
		}
	}
	return first(
		func() error { return want(ctx, b, "key", "") },
		func() error { return wantCurrent(ctx, b, "key", "") },
	)
}

func waiterGivesUp(ctx context.Context, a, b auth.Store) error {
	release, err := hold(ctx, a, "key", []byte("record"))
	if err != nil {
		return err
	}
	for _, waiter := range []auth.Store{a, b} {
		called := false
		f := func(context.Context, []byte) ([]byte, error) {
			called = true
			return []byte("the waiter's"), nil
		}
		short, cancel := context.WithTimeout(ctx, 30*time.Millisecond)
		err := waiter.Update(short, "key", f)
		cancel()
		if err := wantEnded(err, context.DeadlineExceeded, called); err != nil {
			return errors.Join(err, release())
		}
		cancelled, cancel := context.WithCancel(ctx)
		time.AfterFunc(30*time.Millisecond, cancel)
		err = waiter.Update(cancelled, "key", f)
		if err := wantEnded(err, context.Canceled, called); err != nil {
			return errors.Join(err, release())
		}
	}
	return first(
		release,
		func() error { return want(ctx, b, "key", "record") },
		func() error { return put(ctx, b, "key", "after") },
		func() error { return wantCurrent(ctx, a, "key", "after") },
	)
}

type valueKey struct{}

func contextOfF(ctx context.Context, a, _ auth.Store) error {
	caller, cancel := context.WithTimeout(context.WithValue(ctx, valueKey{}, "value"), time.Hour)
	defer cancel()
	var seen error
	err := a.Update(caller, "key", func(ctx context.Context, _ []byte) ([]byte, error) {
		_, bounded := ctx.Deadline()
		cancel()
		select {
		case <-ctx.Done():
		case <-time.After(10 * time.Millisecond): // an end that comes by way of a goroutine
		}
		seen = first(
			func() error { return unless(!bounded, "f's context has the caller's deadline") },
			func() error {
				return unless(ctx.Err() == nil, "f's context ended with the caller's: %v", ctx.Err())
			},
			func() error {
				return unless(ctx.Value(valueKey{}) == "value", "f's context has lost the caller's values")
			},
		)
		return nil, nil
	})
	if seen != nil {
		return seen
	}
	return err
}

func saveOutlives(ctx context.Context, a, b auth.Store) error {
	for _, record := range []string{"one", "two"} {
		caller, cancel := context.WithCancel(ctx)
		err := a.Update(caller, "key", func(context.Context, []byte) ([]byte, error) {
			cancel()
			return []byte(record), nil
		})
		if err != nil {
			return fmt.Errorf("the caller gave up inside f, and the save failed: %w", err)
		}
		if err := want(ctx, b, "key", record); err != nil {
			return err
		}
	}
	caller, cancel := context.WithCancel(ctx)
	err := a.Update(caller, "key", func(context.Context, []byte) ([]byte, error) {
		cancel()
		return []byte{}, nil
	})
	if err != nil {
		return fmt.Errorf("the caller gave up inside f, and the deletion failed: %w", err)
	}
	return want(ctx, b, "key", "")
}

func lockOutlives(ctx context.Context, a, b auth.Store) error {
	caller, cancel := context.WithCancel(ctx)
	var waiting error
	err := a.Update(caller, "key", func(ctx context.Context, _ []byte) ([]byte, error) {
		cancel()
		short, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
		defer cancel()
		called := false
		err := b.Update(short, "key", func(context.Context, []byte) ([]byte, error) {
			called = true
			return []byte("the waiter's"), nil
		})
		waiting = wantEnded(err, context.DeadlineExceeded, called)
		return []byte("the holder's"), nil
	})
	return first(
		func() error { return waiting },
		func() error { return err },
		func() error { return want(ctx, b, "key", "the holder's") },
	)
}
