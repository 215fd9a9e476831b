package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/credkit/credkit-go/facade/auth"
)

// put stores record under key.
func put(ctx context.Context, s auth.Store, key, record string) error {
	err := s.Update(ctx, key, func(context.Context, []byte) ([]byte, error) { return []byte(record), nil })
	if err != nil {
		return fmt.Errorf("Update(%.40q) storing %d bytes: %w", key, len(record), err)
	}
	return nil
}

// want errs unless Load gives record; an empty record stands for none.
func want(ctx context.Context, s auth.Store, key, record string) error {
	got, err := s.Load(ctx, key)
	if err != nil {
		return fmt.Errorf("Load(%.40q): %w", key, err)
	}
	if err := equal(got, record); err != nil {
		return fmt.Errorf("Load(%.40q) %w", key, err)
	}
	return nil
}

// wantCurrent errs unless f is given record; an empty record stands for none.
// The record is kept.
func wantCurrent(ctx context.Context, s auth.Store, key, record string) error {
	called := false
	var got []byte
	err := s.Update(ctx, key, func(_ context.Context, current []byte) ([]byte, error) {
		called, got = true, bytes.Clone(current)
		return nil, nil
	})
	switch {
	case err != nil:
		return fmt.Errorf("Update(%.40q): %w", key, err)
	case !called:
		return fmt.Errorf("Update(%.40q) returned nil and has not called f", key)
	}
	if err := equal(got, record); err != nil {
		return fmt.Errorf("f of Update(%.40q) %w", key, err)
	}
	return nil
}

func equal(got []byte, record string) error {
	switch {
	case record == "" && got != nil:
		return fmt.Errorf("got %d bytes, want nil: there is no record", len(got))
	case string(got) != record:
		return fmt.Errorf("got %.40q (%d bytes), want %.40q (%d bytes)", got, len(got), record, len(record))
	}
	return nil
}

// hold starts an Update of key on s whose f stays until release is called,
// and returns once f runs. release returns the Update's error. If the Update
// does not get as far as f, hold returns its error.
func hold(ctx context.Context, s auth.Store, key string, next []byte) (release func() error, err error) {
	inside, leave, done := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	go func() {
		done <- s.Update(ctx, key, func(context.Context, []byte) ([]byte, error) {
			close(inside)
			select {
			case <-leave:
			case <-ctx.Done():
			}
			return next, nil
		})
	}()
	select {
	case <-inside:
		return func() error {
			close(leave)
			return <-done
		}, nil
	case err := <-done:
		return nil, fmt.Errorf("Update(%q) did not call f: %w", key, err)
	}
}

// first runs the steps in turn until one errs.
func first(steps ...func() error) error {
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// unless returns an error of the given text unless ok.
func unless(ok bool, format string, args ...any) error {
	if ok {
		return nil
	}
	return fmt.Errorf(format, args...)
}

var errOfF = errors.New("an error of f")
