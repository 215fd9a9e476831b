package storetest

import (
	"context"
	"errors"
	"fmt"

	"github.com/credkit/credkit-go/facade/auth"
)

// wantKeys errs unless Keys gives exactly names, each once.
func wantKeys(ctx context.Context, s auth.Store, names []string) error {
	seen := make(map[string]int)
	for key, err := range s.Keys(ctx) {
		if err != nil {
			return fmt.Errorf("Keys: %w", err)
		}
		seen[key]++
	}
	for _, name := range names {
		if seen[name] != 1 {
			return fmt.Errorf("Keys gave %.40q %d times", name, seen[name])
		}
		delete(seen, name)
	}
	for name := range seen {
		return fmt.Errorf("Keys gave %.40q, which has no record", name)
	}
	return nil
}

// fill stores n records and returns their keys.
func fill(ctx context.Context, s auth.Store, n int) ([]string, error) {
	var names []string
	for i := range n {
		name := fmt.Sprintf("worker-%d", i)
		if err := put(ctx, s, name, "record"); err != nil {
			return nil, err
		}
		names = append(names, name)
	}
	return names, nil
}

func allKeys(ctx context.Context, a, b auth.Store) error {
	if err := wantKeys(ctx, a, nil); err != nil {
		return err
	}
	names, err := fill(ctx, a, 40)
	if err != nil {
		return err
	}
	failing := a.Update(ctx, "failed", func(context.Context, []byte) ([]byte, error) { return nil, errOfF })
	return first(
		func() error {
			return unless(errors.Is(failing, errOfF), "Update gave %v, want the error of f", failing)
		},
		func() error { return wantCurrent(ctx, a, "kept", "") },
		func() error { return put(ctx, a, "deleted", "record") },
		func() error {
			return a.Update(ctx, "deleted", func(context.Context, []byte) ([]byte, error) { return []byte{}, nil })
		},
		func() error { return put(ctx, b, names[0], "replaced") },
		func() error { return wantKeys(ctx, a, names) },
		func() error { return wantKeys(ctx, b, names) },
	)
}

func leaveKeys(ctx context.Context, a, _ auth.Store) error {
	names, err := fill(ctx, a, 5)
	if err != nil {
		return err
	}
	walk := a.Keys(ctx)
	for range 2 { // a walk can be made again
		given := 0
		walk(func(key string, walkErr error) bool {
			if given++; walkErr != nil || key == "" {
				err = fmt.Errorf("Keys gave %q, %w", key, walkErr)
			}
			return false
		})
		if err != nil {
			return err
		}
		if given != 1 {
			return fmt.Errorf("Keys gave %d keys to a loop that ended at once", given)
		}
	}
	return first(
		func() error { return put(ctx, a, "later", "record") },
		func() error { return wantKeys(ctx, a, append(names, "later")) },
	)
}

func updateDuringKeys(ctx context.Context, a, b auth.Store) error {
	names, err := fill(ctx, a, 5)
	if err != nil {
		return err
	}
	for key, err := range a.Keys(ctx) {
		if err != nil {
			return fmt.Errorf("Keys: %w", err)
		}
		if err := put(ctx, a, key, "updated"); err != nil {
			return fmt.Errorf("during a walk: %w", err)
		}
	}
	for _, name := range names {
		if err := want(ctx, b, name, "updated"); err != nil {
			return err
		}
	}
	return nil
}
