package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/credkit/credkit-go/facade/auth"
)

func unknownKey(ctx context.Context, a, b auth.Store) error {
	return first(
		func() error { return want(ctx, a, "unknown", "") },
		func() error { return wantCurrent(ctx, a, "unknown", "") },
		func() error { return put(ctx, a, "known", "record") },
		func() error { return want(ctx, b, "unknown", "") },
	)
}

func replaces(ctx context.Context, a, b auth.Store) error {
	return first(
		func() error { return put(ctx, a, "key", "one") },
		func() error { return want(ctx, a, "key", "one") },
		func() error { return want(ctx, b, "key", "one") },
		func() error { return wantCurrent(ctx, b, "key", "one") },
		func() error { return put(ctx, a, "key", "another") },
		func() error { return want(ctx, b, "key", "another") },
		func() error { return wantCurrent(ctx, b, "key", "another") },
		func() error { return put(ctx, b, "key", "a third") },
		func() error { return want(ctx, a, "key", "a third") },
		func() error { return wantCurrent(ctx, a, "key", "a third") },
	)
}

func keeps(ctx context.Context, a, b auth.Store) error {
	return first(
		func() error { return wantCurrent(ctx, a, "key", "") }, // keeps nothing
		func() error { return want(ctx, b, "key", "") },
		func() error { return put(ctx, a, "key", "record") },
		func() error { return wantCurrent(ctx, a, "key", "record") },
		func() error { return want(ctx, b, "key", "record") },
	)
}

func deletes(ctx context.Context, a, b auth.Store) error {
	remove := func() error {
		return a.Update(ctx, "key", func(context.Context, []byte) ([]byte, error) { return []byte{}, nil })
	}
	return first(
		remove, // nothing
		func() error { return want(ctx, a, "key", "") },
		func() error { return put(ctx, a, "key", "record") },
		remove,
		func() error { return want(ctx, b, "key", "") },
		func() error { return wantCurrent(ctx, b, "key", "") },
		func() error { return put(ctx, b, "key", "again") },
		func() error { return want(ctx, a, "key", "again") },
	)
}

func failingF(ctx context.Context, a, b auth.Store) error {
	for _, record := range []string{"", "record"} {
		if record != "" {
			if err := put(ctx, a, "key", record); err != nil {
				return err
			}
		}
		for _, next := range []string{"a record beside the error", ""} {
			err := a.Update(ctx, "key", func(context.Context, []byte) ([]byte, error) { return []byte(next), errOfF })
			if !errors.Is(err, errOfF) {
				return fmt.Errorf("Update gave %v, want the error of f", err)
			}
			if err := want(ctx, b, "key", record); err != nil {
				return fmt.Errorf("after f failed: %w", err)
			}
		}
		if err := wantCurrent(ctx, b, "key", record); err != nil {
			return fmt.Errorf("after f failed: %w", err)
		}
	}
	return nil
}

func calledOnce(ctx context.Context, a, _ auth.Store) error {
	for _, result := range []struct {
		what string
		next []byte
		err  error
	}{{"replaces", []byte("record"), nil}, {"keeps", nil, nil}, {"fails", nil, errOfF}, {"deletes", []byte{}, nil}} {
		calls := 0
		err := a.Update(ctx, "key", func(context.Context, []byte) ([]byte, error) {
			calls++
			return result.next, result.err
		})
		if !errors.Is(err, result.err) {
			return fmt.Errorf("an f that %s: Update gave %v, want %v", result.what, err, result.err)
		}
		if calls != 1 {
			return fmt.Errorf("an f that %s was called %d times", result.what, calls)
		}
	}
	return nil
}

func emptyKey(ctx context.Context, a, _ auth.Store) error {
	if _, err := a.Load(ctx, ""); err == nil {
		return errors.New("Load of an empty key gave no error")
	}
	called := false
	err := a.Update(ctx, "", func(context.Context, []byte) ([]byte, error) {
		called = true
		return []byte("record"), nil
	})
	return first(
		func() error { return unless(err != nil, "Update of an empty key gave no error") },
		func() error { return unless(!called, "Update of an empty key called f") },
	)
}

// oddNames are keys that a store may mistake for one another, for a path, or
// for the end of a text.
func oddNames() []string {
	names := []string{
		"a", "A", "a ", " a", "a.", "a/", "a/b", "a//b", "a/./b", "a\\b", "/", ".", "..", "../a", "a\x00", "a\x00b", "\x00",
		"käse", "ka\u0308se", "🔑", "\xff\xfe", "%61", "'; --", "a\nb", "NUL", "CON", "*", "-",
	}
	return append(names, strings.Repeat("x", 1024), strings.Repeat("x", 1023)+"y")
}

func oddKeys(ctx context.Context, a, b auth.Store) error {
	names := oddNames()
	for i, name := range names {
		if err := put(ctx, a, name, fmt.Sprint("record ", i)); err != nil {
			return err
		}
	}
	for i, name := range names {
		if err := want(ctx, b, name, fmt.Sprint("record ", i)); err != nil {
			return err
		}
		if err := wantCurrent(ctx, b, name, fmt.Sprint("record ", i)); err != nil {
			return err
		}
	}
	return wantKeys(ctx, b, names)
}

func opaqueRecords(ctx context.Context, a, b auth.Store) error {
	bytesOfAll := make([]byte, 256)
	for i := range bytesOfAll {
		bytesOfAll[i] = byte(i)
	}
	mebibyte := make([]byte, 1<<20)
	random := rand.NewChaCha8([32]byte{})
	_, _ = random.Read(mebibyte)
	for _, record := range []string{
		"\x00", " ", "null", "{}", `\x00`, "a\x00b", "\r\n", "\xff", string(bytesOfAll), string(mebibyte),
		strings.Repeat("\x00", 70_000), `{"b": 1, "a": 2}`,
	} {
		if err := first(
			func() error { return put(ctx, a, "key", record) },
			func() error { return want(ctx, b, "key", record) },
			func() error { return wantCurrent(ctx, b, "key", record) },
		); err != nil {
			return err
		}
	}
	return nil
}

func sharedSlices(ctx context.Context, a, b auth.Store) error {
	const record = "a record of some length"
	scribble := func(slice []byte) {
		for i := range slice {
			slice[i] = '!'
		}
		_ = append(slice, "!!!!"...)
	}
	var kept []byte
	returned := bytes.Clone([]byte(record))
	if err := a.Update(ctx, "key", func(context.Context, []byte) ([]byte, error) { return returned, nil }); err != nil {
		return err
	}
	scribble(returned)
	if err := want(ctx, a, "key", record); err != nil {
		return fmt.Errorf("after the slice that f returned was written to: %w", err)
	}
	loaded, err := a.Load(ctx, "key")
	if err != nil {
		return err
	}
	scribble(loaded)
	if err := want(ctx, a, "key", record); err != nil {
		return fmt.Errorf("after the slice from Load was written to: %w", err)
	}
	if err := a.Update(ctx, "key", func(_ context.Context, current []byte) ([]byte, error) {
		kept = current
		scribble(current)
		return nil, nil
	}); err != nil {
		return err
	}
	scribble(kept)
	return first(
		func() error { return want(ctx, a, "key", record) },
		func() error { return want(ctx, b, "key", record) },
	)
}
