package facade

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"slices"

	"github.com/credkit/credkit-go/api/spec"
	"github.com/credkit/credkit-go/api/wire"
)

// List is a list of a service, of both ways of paging. It is lazy: nothing is
// requested before it is ranged over, each range starts anew, and breaking
// out ends the range's request. Elements are decoded one at a time as they
// arrive, so that memory stays flat however long a response is.
//
// The first page is read in the caller's goroutine. From the second on, while
// the caller works, a goroutine reads ahead within the bounds of
// [WithReadAhead].
//
// A page whose response is cut off is asked for again, as often as [WithRetry]
// allows without a new element: the elements that were handed out already are
// skipped, and if they are others now, the range ends in [ErrTruncated].
//
// No order and no snapshot is promised by the services: an element that is
// added or removed while a range runs may be missed or come twice.
//
// A List is a value to build on: its methods return changed copies. It is
// safe for use by many goroutines. Methods of the clients make one, such as
// [Cosmic.Certifications], and [ListOf] one for tests; to range over the zero
// List is an error.
type List[T any] struct {
	client  *client
	fixed   []T // of ListOf, whose client has no service
	id      OperationID
	call    *callSettings
	element func(*T) element // the model within an element
	request func(ctx context.Context, size *int32) (*http.Response, error)
	matches []Match[T]
	size    *int32
	from    resume // where to begin; zero for the first page
	err     error  // what was wrong with the list's making
}

// element is a model that is an element of a list.
type element interface {
	wire.Value
	// Identity returns the id.
	Identity() UUID
}

// newList returns the list that a method of the generated client asks for, a
// page at a time.
func newList[T any, P interface {
	*T
	model() element
}](c *client, id OperationID, opts []CallOption, request func(ctx context.Context, size *int32) (*http.Response, error)) *List[T] {
	l := &List[T]{client: c, id: id, element: func(v *T) element { return P(v).model() }, request: request}
	l.call, l.err = c.options(context.Background(), id, opts)
	return l
}

// ListOf returns a list of the given values, in one page. It makes no request: it
// is what a fake of a client returns in the tests of a program.
func ListOf[T any](values ...T) *List[T] {
	c := &client{service: &spec.Service{Name: "facade", Title: "ListOf"}}
	call := &callSettings{operation: &spec.Operation{ID: "ListOf"}}
	return &List[T]{client: c, id: call.operation.ID, call: call, fixed: values}
}

// isFixed reports whether ListOf made the list.
func (l *List[T]) isFixed() bool { return l.client != nil && l.request == nil && l.err == nil }

// rangeFixed yields the values of ListOf that fit.
func (l *List[T]) rangeFixed(ctx context.Context, yield func(T, error) bool) {
	if err := l.client.checkUsable(ctx, l.id); err != nil {
		yield(*new(T), err)
		return
	}
	for _, v := range l.fixed {
		if err := ctx.Err(); err != nil {
			yield(*new(T), l.client.failed(l.call.operation, err))
			return
		}
		if l.fits(v) && !yield(v, nil) {
			return
		}
	}
}

// fits reports whether an element fits all matches.
func (l *List[T]) fits(v T) bool {
	for _, m := range l.matches {
		if !m.matches(v) {
			return false
		}
	}
	return true
}

func (l *List[T]) change(f func(*List[T]) error) *List[T] {
	changed := *l
	if changed.err == nil {
		changed.err = l.client.checkUsable(context.Background(), l.id)
	}
	if changed.err == nil {
		if err := f(&changed); err != nil {
			changed.err = l.client.invalid(l.id, err)
		}
	}
	return &changed
}

// Where returns the list of those elements that fit all the matches, applied
// while the list is read.
func (l *List[T]) Where(matches ...Match[T]) *List[T] {
	return l.change(func(l *List[T]) error {
		for _, m := range matches {
			if err := m.check(); err != nil {
				return err
			}
		}
		l.matches = append(slices.Clip(l.matches), matches...)
		return nil
	})
}

// PageSize returns the list with pages of n elements asked for; without it the
// service chooses. A size that the service is known to refuse is an error
// of the range.
func (l *List[T]) PageSize(n int) *List[T] {
	return l.change(func(l *List[T]) error {
		most := l.call.operation.Pagination.MaxSize
		if most == 0 {
			most = 1 << 30 // none is known
		}
		if n < 1 || n > most {
			return fmt.Errorf("PageSize: %d is not between 1 and %d", n, most)
		}
		size := int32(n) //nolint:gosec // bounded above
		l.size = &size
		return nil
	})
}

// From returns the list beginning at the page that a [Page.Resume] names, in
// this process or another. The list must make the same request as the one that
// the Resume came from: the same base URL, session key and parameters; any
// other is an error of the range. Without PageSize, the page size is that of
// the list it came from.
func (l *List[T]) From(resume string) *List[T] {
	return l.change(func(l *List[T]) (err error) {
		l.from, err = readResume(l.id, resume)
		return err
	})
}

// All ranges over the elements. An error is yielded with the zero value: an
// [*ElementError] is one element that does not fit, after which the range goes
// on; any other error ends it. A range that ends without an error has seen the
// whole list.
func (l *List[T]) All(ctx context.Context) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		if l.isFixed() {
			l.rangeFixed(ctx, yield)
			return
		}
		p, err := l.pager(ctx)
		if err != nil {
			yield(*new(T), err)
			return
		}
		defer p.close()
		ahead := l.client.settings.aheadCount
		for p.more {
			if ahead > 0 && p.pages > 0 {
				prefetch(p, ahead, l.client.settings.aheadBytes, yield)
				return
			}
			if !p.readPage(yield) {
				return
			}
		}
	}
}

// Page is one page of a list.
type Page[T any] struct {
	// Items are the elements of the page that fit the list's matches.
	Items []T
	// Bad are the elements that do not fit their type.
	Bad []*ElementError
	// Resume names the next page for [List.From], as text that can be stored;
	// empty on the last page. It has what the service put into its link or
	// cursor, and nothing of the credentials.
	Resume string
}

// Pages ranges over the pages; each is held whole, within [WithMaxResponseBytes], and
// nothing is read ahead. An error ends the range.
func (l *List[T]) Pages(ctx context.Context) iter.Seq2[Page[T], error] {
	return func(yield func(Page[T], error) bool) {
		if l.isFixed() {
			items, err := l.Collect(ctx, len(l.fixed))
			yield(Page[T]{Items: items}, err)
			return
		}
		p, err := l.pager(ctx)
		if err != nil {
			yield(Page[T]{}, err)
			return
		}
		defer p.close()
		for {
			page, err := l.page(p)
			if err != nil {
				yield(Page[T]{}, err)
				return
			}
			if !yield(page, nil) || !p.more {
				return
			}
		}
	}
}

func (l *List[T]) page(p *pager[T]) (page Page[T], err error) {
	var held int64
	for {
		size, err := p.next()
		var bad *ElementError
		switch {
		case errors.Is(err, errPageEnd):
			if p.more {
				page.Resume = resume{l.fingerprint(p.first, p.paging.SizeParameter), p.query}.text(l.id)
			}
			return page, nil
		case errors.As(err, &bad):
			page.Bad = append(page.Bad, bad)
		case err != nil:
			return page, err
		case l.fits(p.item):
			page.Items = append(page.Items, p.item)
		}
		if held += size; held > l.client.settings.maxElement {
			return page, l.tooMany("a page is longer than %d bytes: range over All, or raise the bound with WithMaxResponseBytes", l.client.settings.maxElement)
		}
	}
}

// Collect returns all elements, at most limit of them. A longer list comes
// back with its first elements and [ErrTooMany], never as if it were whole.
// Elements that do not fit their type are left out; after the whole list has
// been read, the first of them are joined to the error.
func (l *List[T]) Collect(ctx context.Context, limit int) ([]T, error) {
	if limit < 0 {
		return nil, l.client.invalid(l.id, fmt.Errorf("Collect: limit must not be negative, got %d", limit))
	}
	var items []T
	var left mismatches
	for v, err := range l.All(ctx) {
		var bad *ElementError
		switch {
		case errors.As(err, &bad):
			left.add(bad)
		case err != nil:
			return items, left.join(err)
		case len(items) == limit:
			return items, l.tooMany("the list has more than %d elements", limit)
		default:
			items = append(items, v)
		}
	}
	return items, left.join(nil)
}

// mismatches are the elements that were left out because they do not fit. Of
// many the first are kept: a service that has changed its responses can have
// millions.
type mismatches struct {
	first []error
	more  int
}

func (m *mismatches) add(bad *ElementError) {
	if len(m.first) == 20 {
		m.more++
		return
	}
	m.first = append(m.first, bad)
}

// join returns the mismatches and err as one error, or nil if there are none.
func (m *mismatches) join(err error) error {
	all := m.first
	if m.more > 0 {
		all = append(all, fmt.Errorf("and %d more elements of the list do not fit their type", m.more))
	}
	if err != nil {
		all = append(all, err)
	}
	return errors.Join(all...)
}

// First returns the first element, or [ErrNotFound] if there is none.
func (l *List[T]) First(ctx context.Context) (*T, error) {
	what := "an element"
	if len(l.matches) > 0 {
		what = l.matches[len(l.matches)-1].description
	}
	var left mismatches
	for v, err := range l.All(ctx) {
		var bad *ElementError
		switch {
		case err == nil:
			return &v, nil
		case errors.As(err, &bad):
			left.add(bad) // what is looked for may be another
		default:
			return nil, err
		}
	}
	e := l.client.newError(l.id, ErrNotFound)
	e.Message, e.Err = "the whole list was read and has not "+what, left.join(nil)
	return nil, e
}

// tooMany is a list that is longer than a bound.
func (l *List[T]) tooMany(format string, bound any) *Error {
	e := l.client.newError(l.id, ErrTooMany)
	e.Message = fmt.Sprintf(format, bound)
	return e
}
