package storetest

import (
	"context"
	"fmt"

	"github.com/credkit/credkit-go/facade/auth"
)

// recordsAgree holds a store that is an [auth.RecordReader] against its own Keys
// and Load, over more records than a page of any store has.
func recordsAgree(ctx context.Context, a, b auth.Store) error {
	reader, ok := b.(auth.RecordReader)
	if !ok {
		return nil
	}
	const count = 20
	for i := range count {
		if err := put(ctx, a, fmt.Sprintf("key %d\x00", i), fmt.Sprintf("record %d\x00\xff", i)); err != nil {
			return err
		}
	}
	if err := a.Update(ctx, "deleted", func(context.Context, []byte) ([]byte, error) { return []byte("x"), nil }); err != nil {
		return err
	}
	if err := a.Update(ctx, "deleted", func(context.Context, []byte) ([]byte, error) { return []byte{}, nil }); err != nil {
		return err
	}
	seen := map[string]bool{}
	for r, err := range reader.Records(ctx) {
		if err != nil || r.Err != nil {
			return fmt.Errorf("Records: %w, %w", err, r.Err)
		}
		if seen[r.Key] {
			return fmt.Errorf("Records gave %q twice", r.Key)
		}
		seen[r.Key] = true
		if err := want(ctx, b, r.Key, string(r.Data)); err != nil {
			return fmt.Errorf("Records and Load differ: %w", err)
		}
		for i := range r.Data { // it belongs to the caller
			r.Data[i] = '!'
		}
		if err := a.Update(ctx, r.Key, func(_ context.Context, current []byte) ([]byte, error) { return current, nil }); err != nil {
			return fmt.Errorf("an Update on the way: %w", err)
		}
		if string(r.Data) == "" {
			return fmt.Errorf("Records gave %q without data", r.Key)
		}
	}
	if len(seen) != count {
		return fmt.Errorf("Records gave %d of %d records", len(seen), count)
	}
	for range reader.Records(ctx) { // it can be left early
		break
	}
	ended, cancel := context.WithCancel(ctx)
	cancel()
	failed := false
	for _, err := range reader.Records(ended) {
		failed = failed || err != nil
	}
	return unless(failed, "Records with an ended context gave no error")
}
