package facade

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"iter"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// List is a list of a service, of both ways of paging. It is lazy: nothing is
// requested before it is ranged over, each range starts anew, and breaking
// out ends the range's request. Elements are decoded one at a time as they
// arrive, so that memory stays flat however long an answer is.
//
// While the caller works, a reader runs ahead within the bounds of
// [WithReadAhead], and asks for the next page once it has read this one.
//
// No order and no snapshot is promised by the services: an element that is
// added or removed while a range runs may be missed or come twice.
//
// A List is a value to build on: its methods return changed copies. It is
// safe for use by many goroutines. Only [Cosmic.Certifications] and
// [Certn.Users] make one; to range over the zero List is an error.
type List[T any] struct {
	client  *client
	id      OperationID
	call    *callSettings
	element func() element[T] // a decoder for one range
	request func(server string, size *int32) (*http.Request, error)
	matches []Match[T]
	size    *int32
	from    resume // where to begin; zero for the first page
	err     error  // what was wrong with the list's making
}

func newList[T any](c *client, id OperationID, opts []CallOption, element func() element[T],
	request func(server string, size *int32) (*http.Request, error),
) *List[T] {
	l := &List[T]{client: c, id: id, element: element, request: request}
	l.call, l.err = c.options(context.Background(), id, opts)
	return l
}

func (l *List[T]) change(f func(*List[T]) error) *List[T] {
	changed := *l
	if changed.err == nil {
		changed.err = l.client.begin(context.Background(), l.id)
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
// service chooses. A size that the service is known not to take is an error
// of the range.
func (l *List[T]) PageSize(n int) *List[T] {
	return l.change(func(l *List[T]) error {
		op, _ := l.client.service.Operation(l.id)
		most := op.Pagination.MaxSize
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
		w, err := l.walk(ctx)
		if err != nil {
			var zero T
			yield(zero, err)
			return
		}
		if l.client.settings.aheadCount == 0 {
			defer w.close()
			for v, err := range w.all() {
				if !yield(v, err) {
					return
				}
			}
			return
		}
		for v, err := range readAhead(w, l.client.settings.aheadCount, l.client.settings.aheadBytes) {
			if !yield(v, err) {
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
	// empty on the last page. It holds what the service put into its link or
	// cursor, and nothing of the credentials.
	Resume string
}

// Pages ranges over the pages; each is held whole, within [WithMaxResponseBytes], and
// nothing is read ahead. An error ends the range.
func (l *List[T]) Pages(ctx context.Context) iter.Seq2[Page[T], error] {
	return func(yield func(Page[T], error) bool) {
		w, err := l.walk(ctx)
		if err != nil {
			yield(Page[T]{}, err)
			return
		}
		defer w.close()
		for {
			page, err := l.page(w)
			if err != nil {
				yield(Page[T]{}, err)
				return
			}
			if !yield(page, nil) || !w.more {
				return
			}
		}
	}
}

func (l *List[T]) page(w *walker[T]) (page Page[T], err error) {
	var held int64
	for {
		var v T
		size, err := w.next(&v)
		var bad *ElementError
		switch {
		case errors.Is(err, errPageEnd):
			if w.more {
				page.Resume = resume{w.request, w.query}.text(l.id)
			}
			return page, nil
		case errors.As(err, &bad):
			page.Bad = append(page.Bad, bad)
		case err != nil:
			return page, err
		case w.fits(v):
			page.Items = append(page.Items, v)
		}
		if held += size; held > l.client.settings.maxAnswer {
			return page, &Error{Service: l.client.service.Name, Operation: l.id, SessionKey: l.client.session, kind: ErrTooMany,
				Message: fmt.Sprintf("a page is longer than %d bytes: range over All, or raise the bound with WithMaxResponseBytes", l.client.settings.maxAnswer)}
		}
	}
}

// Collect returns all elements, at most limit of them. A longer list comes
// back with its first elements and [ErrTooMany], never as if it were whole.
// Elements that do not fit their type are left out; after the whole list has
// been read, the first of them are joined to the error.
func (l *List[T]) Collect(ctx context.Context, limit int) ([]T, error) {
	if limit < 0 {
		return nil, l.client.invalid(l.id, fmt.Errorf("Collect: at most %d elements cannot be", limit))
	}
	var items []T
	var left misfits
	for v, err := range l.All(ctx) {
		var bad *ElementError
		switch {
		case errors.As(err, &bad):
			left.add(bad)
		case err != nil:
			return items, left.join(err)
		case len(items) == limit:
			return items, &Error{Service: l.client.service.Name, Operation: l.id, SessionKey: l.client.session, kind: ErrTooMany,
				Message: fmt.Sprintf("the list has more than %d elements", limit)}
		default:
			items = append(items, v)
		}
	}
	return items, left.join(nil)
}

// misfits are the elements that a walk over a list leaves out. Of many the
// first are kept: a service that has changed its answers can have millions.
type misfits struct {
	first []error
	more  int
}

func (m *misfits) add(bad *ElementError) {
	if len(m.first) == 20 {
		m.more++
		return
	}
	m.first = append(m.first, bad)
}

// join returns the misfits and err as one error, or nil if there are none.
func (m *misfits) join(err error) error {
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
		what = l.matches[len(l.matches)-1].what
	}
	var left misfits
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
	return nil, &Error{Service: l.client.service.Name, Operation: l.id, SessionKey: l.client.session, kind: ErrNotFound,
		Message: "the whole list was read and has not " + what, Err: left.join(nil)}
}

// find returns the first element that matches.
func (l *List[T]) find(ctx context.Context, match Match[T]) (*T, error) {
	return l.Where(match).First(ctx)
}

// resume is the place where a list goes on: the request that it is a page of,
// as [List.fingerprint] has it, and the query of the page.
type resume struct{ request, query string }

const resumePrefix = "credkit1."

// text writes the place as a Page.Resume.
func (r resume) text(id OperationID) string {
	body := []byte(string(id) + "\n" + r.request + "\n" + r.query)
	return resumePrefix + base64.RawURLEncoding.EncodeToString(binary.BigEndian.AppendUint32(body, crc32.ChecksumIEEE(body)))
}

// readResume reads a Page.Resume of a list of the operation.
func readResume(id OperationID, text string) (resume, error) {
	encoded, ok := strings.CutPrefix(text, resumePrefix)
	raw, err := base64.RawURLEncoding.DecodeString(encoded)
	body := raw[:max(0, len(raw)-4)]
	if !ok || err != nil || len(body) == 0 || binary.BigEndian.Uint32(raw[len(body):]) != crc32.ChecksumIEEE(body) {
		return resume{}, errors.New("From: this is no Page.Resume of this library, or a part of one")
	}
	parts := strings.SplitN(string(body), "\n", 3)
	if len(parts) != 3 || parts[2] == "" || !validQuery(parts[2]) {
		return resume{}, errors.New("From: the Page.Resume is damaged")
	}
	if parts[0] != string(id) {
		return resume{}, fmt.Errorf("From: the Page.Resume is of another list, %q", short(parts[0]))
	}
	return resume{parts[1], parts[2]}, nil
}

// fingerprint identifies the list that a request of its first page asks for:
// the URL with the list's own parameters, and whose list it is. The page size
// changes where pages end and not what is listed.
func (l *List[T]) fingerprint(first *url.URL, sizeParameter string) string {
	query := first.Query()
	query.Del(sizeParameter)
	sum := sha256.Sum256([]byte(first.Scheme + "://" + first.Host + first.EscapedPath() + "?" + query.Encode() + "\n" + l.client.session))
	return base64.RawURLEncoding.EncodeToString(sum[:12])
}

// resumed checks that a list goes on with the request it was left at, and
// returns the query of the page.
func (l *List[T]) resumed(request string, first *url.URL, sizeParameter string) (string, error) {
	if l.from.request != request {
		return "", errors.New("From: the Page.Resume is of another request: it has another base URL, session key or parameter")
	}
	left, err := url.ParseQuery(l.from.query)
	if err != nil {
		return "", err
	}
	size := first.Query().Get(sizeParameter)
	if was := left.Get(sizeParameter); l.size != nil && was != size {
		return "", fmt.Errorf("From: the Page.Resume is of a list with the page size %q, not %s", short(was), size)
	}
	return l.from.query, nil
}
