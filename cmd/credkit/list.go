package main

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strconv"

	"github.com/credkit/credkit-go/facade"
)

// count is the number of elements after which a list stops; the zero count is
// no limit. What is given must be at least 1.
type count int

// UnmarshalText reads a number above 0.
func (c *count) UnmarshalText(text []byte) error {
	n, err := strconv.Atoi(string(text))
	if err != nil || n < 1 {
		return fmt.Errorf("want a number of at least 1, got %q", text)
	}
	*c = count(n)
	return nil
}

// list prints the values of a range as they come, at most limit of them if
// that is more than 0, and returns how many there were. An element that
// cannot be read is told of, and the list goes on.
func list[T any](p *program, values iter.Seq2[T, error], limit count, to rows[T]) (n int, err error) {
	var bad *facade.ElementError
	var some error
	for v, err := range values {
		switch {
		case errors.As(err, &bad):
			p.say("credkit: %v", err)
			some = errSomeBad
			continue
		case err != nil:
			return n, errors.Join(flushHeld(to), err)
		}
		if err := to.write(v); err != nil {
			return n, err
		}
		if n++; n == int(limit) {
			break
		}
	}
	return n, errors.Join(to.close(), some)
}

// printList prints a list as its layout says; for people, also that it is empty.
func printList[T any](ctx context.Context, p *program, l *facade.List[T], limit count, as layout[T], name string) error {
	n, err := list(p, l.All(ctx), limit, newRows(p, as))
	if err == nil && n == 0 && p.format() == asTable {
		p.say("no %s", name)
	}
	return err
}

// flushHeld prints the rows that a table holds back, which are good although
// the list is not whole. Other formats hold nothing, and are left open.
func flushHeld[T any](to rows[T]) error {
	t, ok := to.(*table[T])
	if !ok {
		return nil
	}
	if err := t.close(); !errors.Is(err, errReaderLeft) {
		return err
	}
	return nil
}
