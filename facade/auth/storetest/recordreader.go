package storetest

import (
	"context"
	"fmt"

	"github.com/credkit/credkit-go/facade/auth"
)

// recordsAgree holds a store that is an [auth.RecordReader] against what was
// saved and what Load gives. Each record is updated on the way, so that the second
// walk has other records than the first.
func recordsAgree(ctx context.Context, a, b auth.Store) error {
	reader, ok := b.(auth.RecordReader)
	if !ok {
		return nil
	}
	records := map[string]string{"key\x00": "record\x00\xff"}
	for i := range 20 {
		records[fmt.Sprint("key ", i)] = fmt.Sprint("record ", i)
	}
	for key, record := range records {
		if err := put(ctx, a, key, record); err != nil {
			return err
		}
	}
	if err := put(ctx, a, "deleted", "record"); err != nil {
		return err
	}
	if err := put(ctx, a, "deleted", ""); err != nil {
		return err
	}
	for range 2 {
		seen := map[string]bool{}
		for r, err := range reader.Records(ctx) {
			if err != nil || r.Err != nil {
				return fmt.Errorf("Records gave %q, %w, %w", r.Key, r.Err, err)
			}
			record, known := records[r.Key]
			if !known || seen[r.Key] {
				return fmt.Errorf("Records gave %q, which it gave before or which has no record", r.Key)
			}
			seen[r.Key] = true
			if err := equal(r.Data, record); err != nil {
				return fmt.Errorf("Records: of %q it %w", r.Key, err)
			}
			clear(r.Data) // it belongs to the caller
			if err := want(ctx, b, r.Key, record); err != nil {
				return err
			}
			records[r.Key] += "!"
			if err := put(ctx, a, r.Key, records[r.Key]); err != nil {
				return fmt.Errorf("during a walk: %w", err)
			}
		}
		if len(seen) != len(records) {
			return fmt.Errorf("Records gave %d of %d records", len(seen), len(records))
		}
	}
	return nil
}

func leaveRecords(ctx context.Context, a, b auth.Store) error {
	reader, ok := b.(auth.RecordReader)
	if !ok {
		return nil
	}
	if _, err := fill(ctx, a, 5); err != nil {
		return err
	}
	given := 0
	reader.Records(ctx)(func(auth.Record, error) bool { given++; return false })
	ended, cancel := context.WithCancel(ctx)
	cancel()
	failed := false
	for _, err := range reader.Records(ended) {
		failed = failed || err != nil
	}
	return first(
		func() error { return unless(given == 1, "Records gave %d records to a loop that ended at once", given) },
		func() error { return unless(failed, "Records with an ended context gave no error") },
	)
}
