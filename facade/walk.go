package facade

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"iter"
	"log/slog"
	"net/http"
	"net/url"

	"github.com/credkit/credkit-go/api/spec"
	"github.com/credkit/credkit-go/facade/internal/safehttp"
)

// walker reads a list from page to page, one element a step.
type walker[T any] struct {
	list    *List[T]
	ctx     context.Context
	page    *pageDecoder[T]
	query   string // of the page to ask for next, or being read
	request string // the fingerprint of the list's request
	more    bool   // whether there is a page after the one that ended

	answer *answer // of the page being read; nil between pages
	body   body    // its body
	pages  int
	index  int
	count  *int64
	seed   maphash.Seed
	seen   map[uint64]struct{} // the pages asked for, by the hash of their place
}

// walk begins a range: it checks the list and its scopes, and asks for nothing
// yet.
func (l *List[T]) walk(ctx context.Context) (*walker[T], error) {
	if l.err != nil {
		return nil, l.err
	}
	if err := l.client.begin(ctx, l.id); err != nil {
		return nil, err
	}
	if l.call.response != nil {
		*l.call.response = Response{}
	}
	if err := l.client.allow(ctx, l.id); err != nil {
		return nil, err
	}
	op, ok := l.client.service.Operation(l.id)
	if !ok || op.Pagination.Style == spec.PageNone {
		return nil, l.client.invalid(l.id, errors.New("this operation is no list"))
	}
	w := &walker[T]{list: l, ctx: ctx, more: true, seed: maphash.MakeSeed(), seen: map[uint64]struct{}{}}
	w.page = newPageDecoder(op.Pagination, l.client.settings.maxAnswer, l.element())
	return w, nil
}

func (w *walker[T]) fits(v T) bool {
	for _, m := range w.list.matches {
		if !m.fits(v) {
			return false
		}
	}
	return true
}

// all steps through everything that fits.
func (w *walker[T]) all() iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for {
			var v T
			_, err := w.next(&v)
			if errors.Is(err, errPageEnd) {
				if !w.more {
					return
				}
				continue
			}
			if err != nil {
				var zero, bad = *new(T), new(ElementError)
				if !yield(zero, err) || !errors.As(err, &bad) {
					return
				}
				continue
			}
			if w.fits(v) && !yield(v, nil) {
				return
			}
		}
	}
}

// body remembers what reading a page failed with.
type body struct {
	from   io.Reader
	failed error
}

func (b *body) Read(p []byte) (int, error) {
	n, err := b.from.Read(p)
	if err != nil && err != io.EOF { //nolint:errorlint // one within another error is a failure
		b.failed = err
	}
	return n, err
}

// errPageEnd is the end of a page. It is not io.EOF, which is also what a
// connection that was closed without an answer ends in.
var errPageEnd = errors.New("the page has ended")

// next decodes the next element into v and returns its length. It returns
// errPageEnd at the end of each page, whose successor it asks for when called
// again, if there is more; an *ElementError for an element that does not fit;
// and any other error for good.
func (w *walker[T]) next(v *T) (int64, error) {
	if w.answer == nil {
		if err := w.open(); err != nil {
			return 0, err
		}
	}
	size, err := w.page.read(v)
	bad, misfit := errors.AsType[*ElementError](err)
	switch {
	case err == nil:
		w.index++
	case misfit:
		bad.Index = w.index
		w.index++
	case err == io.EOF: //nolint:errorlint // the decoder's own; one within another error is a failure
		if err = w.turn(); err == nil {
			err = errPageEnd
		}
	default:
		if w.body.failed != nil { // what the decoder made of it is no news
			err = w.body.failed
		}
		err = w.answer.stream(err)
		w.close()
	}
	return size, err
}

// open asks for the page of w.query.
func (w *walker[T]) open() error {
	l := w.list
	if w.pages == l.client.settings.maxPages {
		return &Error{Service: l.client.service.Name, Operation: l.id, SessionKey: l.client.session, kind: ErrTooMany,
			Message: fmt.Sprintf("the list has more than %d pages: raise the bound with WithMaxPages", w.pages)}
	}
	a, err := l.client.send(w.ctx, l.id, l.call, true, func(server string) (*http.Request, error) {
		req, err := l.request(server, l.size)
		if err != nil {
			return nil, err
		}
		if w.pages == 0 {
			size := w.page.paging.SizeParameter
			w.request = l.fingerprint(req.URL, size)
			if l.from.query != "" {
				if w.query, err = l.resumed(w.request, req.URL, size); err != nil {
					return nil, err
				}
			}
		}
		if w.query != "" {
			req.URL.RawQuery = w.query
		}
		w.query = req.URL.RawQuery
		return req, nil
	})
	if err != nil {
		return l.client.refused(err, l.id)
	}
	w.pages++
	w.seen[w.place(w.query)] = struct{}{}
	w.answer = a
	w.body = body{from: a.resp.Body}
	w.page.start(&w.body)
	return nil
}

// turn ends a page that was read to its end, and finds the next one.
func (w *walker[T]) turn() error {
	w.logCount()
	query, err := w.page.onward(w.query)
	if err == nil && query != "" {
		if _, again := w.seen[w.place(query)]; again {
			err = &shapeError{"the next page is one that was read already: the list would never end"}
		}
	}
	if err != nil {
		failed := w.answer.bad(err)
		w.close()
		return failed
	}
	w.close()
	w.query, w.more = query, query != ""
	return nil
}

// place is the page that a query asks for, whatever else it says.
func (w *walker[T]) place(query string) uint64 {
	if values, err := url.ParseQuery(query); err == nil && values.Has(w.page.paging.CursorParameter) {
		query = w.page.paging.CursorParameter + "=" + values.Get(w.page.paging.CursorParameter)
	}
	return maphash.String(w.seed, query)
}

// close ends the page being read.
func (w *walker[T]) close() {
	if w.answer != nil {
		_ = w.answer.resp.Body.Close() // what mattered has been read
		w.answer = nil
	}
}

// logCount mentions a count that changed on the way: something was added or
// removed, and may have been missed.
func (w *walker[T]) logCount() {
	now, before := w.page.count, w.count
	w.count = now
	logger := w.list.client.settings.logger
	if now == nil || before == nil || *now == *before || logger == nil {
		return
	}
	logger.LogAttrs(w.ctx, slog.LevelInfo, "a list changed while it was read", slog.String("service", w.list.client.service.Name),
		slog.String("operation", string(w.list.id)), slog.Int64("count_before", *before), slog.Int64("count_now", *now))
}

// onward returns the query of the page after the one that was read with
// query, or "" if that was the last.
func (p *pageDecoder[T]) onward(query string) (string, error) {
	ended := p.more != nil && !*p.more
	switch {
	case p.bare, ended:
		return "", nil
	case p.next == "":
		if p.more != nil {
			return "", &shapeError{"it says that there is more and not where"}
		}
		return "", nil
	}
	if p.paging.Style == spec.PageNumber {
		// Of a link only the query is used: it may lead anywhere, and in old
		// recordings it has the scheme http.
		link, err := url.Parse(p.next)
		if err != nil {
			return "", &shapeError{"its link to the next page cannot be read: " + safehttp.Redact(short(p.next))}
		}
		if link.RawQuery == "" || !validQuery(link.RawQuery) {
			return "", &shapeError{"its link to the next page names no page"}
		}
		return link.RawQuery, nil
	}
	values, err := url.ParseQuery(query)
	if err != nil {
		return "", err
	}
	values.Set(p.paging.CursorParameter, p.next)
	return values.Encode(), nil
}

// validQuery reports whether a query that a server or a stored text gave can
// stand in a request as it is.
func validQuery(query string) bool {
	for i := range len(query) {
		if query[i] <= ' ' || query[i] == 0x7f {
			return false
		}
	}
	return true
}
