package main

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/credkit/credkit-go/api/certn"
	"github.com/credkit/credkit-go/api/cosmic"
	"github.com/credkit/credkit-go/api/spec"
	"github.com/credkit/credkit-go/facade"
)

type usersCommand struct {
	Limit limitFlag `placeholder:"N" help:"Stop after so many. Default: all of them."`
}

// Run lists the users of the Certn account.
func (c *usersCommand) Run(ctx context.Context, p *program) error {
	client, err := p.certn()
	if err != nil {
		return err
	}
	return printList(ctx, p, client.Users(), c.Limit, userLayout(), "users")
}

func userLayout() layout[facade.User] {
	type user = facade.User
	return layout[user]{
		table: []column[user]{
			{name: "name", cell: func(u user) string { return dashIfEmpty(u.Name()) }, minWidth: 12},
			{name: "email", member: "email", minWidth: 16},
			{name: "id", member: "id"},
		},
		csv: members[user]("id", "email", "first_name", "last_name"),
	}
}

// printList prints a list in the columns of a layout. On a terminal an empty
// list is reported as such on stderr.
func printList[T any](ctx context.Context, p *program, l *facade.List[T], limit limitFlag, columns layout[T], name string) error {
	n, err := printRows(p, l.All(ctx), limit, newRows(p, columns))
	if err == nil && n == 0 && p.format() == formatTable {
		p.printErrf("no %s", name)
	}
	return err
}

// printRows prints values as they arrive, at most limit of them if that is
// more than 0, and returns how many there were. An element that cannot be
// decoded is reported on stderr, and the list goes on.
func printRows[T any](p *program, values iter.Seq2[T, error], limit limitFlag, to rows[T]) (n int, err error) {
	var skipped error
	for v, err := range values {
		switch {
		case errors.As(err, new(*facade.ElementError)):
			p.printErrf("credkit: %v", err)
			skipped = errSkippedElements
			continue
		case err != nil:
			return n, errors.Join(flushTable(to), err)
		}
		if err := to.write(v); err != nil {
			return n, err
		}
		if n++; n == int(limit) {
			break
		}
	}
	return n, errors.Join(to.close(), skipped)
}

// sortedBy yields the values of a list in order. It holds at most bound values: of
// a longer list it calls tooLong, and without an error from that yields it as it is.
// If the list fails, what was read is yielded before the error.
func sortedBy[T any](compare func(a, b T) int, list iter.Seq2[T, error], bound int, tooLong func() error) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var none T
		var read []T
		flush := func() bool {
			for _, v := range read {
				if !yield(v, nil) {
					return false
				}
			}
			read = nil
			return true
		}
		streaming := false
		for v, err := range list {
			switch {
			case err != nil && !errors.As(err, new(*facade.ElementError)):
				slices.SortStableFunc(read, compare)
				_ = flush() && yield(none, err)
				return
			case err != nil || streaming:
				if !yield(v, err) {
					return
				}
			case len(read) < bound:
				read = append(read, v)
			default:
				if err := tooLong(); err != nil {
					yield(none, err)
					return
				}
				if streaming = true; !flush() || !yield(v, nil) {
					return
				}
			}
		}
		slices.SortStableFunc(read, compare)
		flush()
	}
}

// flushTable prints the rows that a table has buffered when its list fails: they
// are good. The other formats buffer nothing, and are not closed.
func flushTable[T any](to rows[T]) error {
	t, ok := to.(*table[T])
	if !ok {
		return nil
	}
	if err := t.close(); !errors.Is(err, errReaderGone) {
		return err
	}
	return nil
}

// listLayout is the layout of a list whose command has no columns of its own:
// the table has the named members, the first of which may be cut, and CSV all
// members that openapi.yaml declares, in its order.
func listLayout[T any](list facade.OperationID, table ...string) layout[T] {
	all := slices.Concat(cosmic.Service.Operations, certn.Service.Operations)
	i := slices.IndexFunc(all, func(op spec.Operation) bool { return op.ID == list })
	l := layout[T]{table: members[T](table...), csv: members[T](all[i].Pagination.Members...)}
	for i := range l.table {
		l.table[i].name = strings.ReplaceAll(l.table[i].name, "_", " ")
	}
	l.table[0].minWidth = 16
	return l
}

func dashIfEmpty(text string) string {
	if text == "" {
		return "-"
	}
	return text
}

// plural is a number of things in words: 1 scope, 2 scopes.
func plural(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}
