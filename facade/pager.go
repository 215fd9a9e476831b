package facade

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"

	"github.com/credkit/credkit-go/api/spec"
	"github.com/credkit/credkit-go/api/wire"
	"github.com/credkit/credkit-go/facade/internal/page"
	"github.com/credkit/credkit-go/facade/internal/safehttp"
	"github.com/credkit/credkit-go/facade/internal/transport"
)

// pager reads a list from page to page, one element a step.
type pager[T any] struct {
	list   *List[T]
	ctx    context.Context
	paging spec.Pagination
	retry  bool     // whether the operation may be asked for again
	query  string   // of the page to ask for next, or being read
	first  *url.URL // of the first page's request
	more   bool     // whether there is a page to read

	item   T // the element that was read last
	reader page.Reader
	result *result // of the page being read; nil between pages
	body   body    // its body
	pages  int
	index  int
	count  *int64
	seed   maphash.Seed
	seen   map[uint64]struct{} // the pages asked for, by the hash of their place

	delivered  identities        // the elements of this page that were handed out
	skip       int               // how many of them are still to be skipped in a page that was asked for again
	skippedIDs identities        // those that were skipped
	retries    transport.Retries // requests for this page since the last new element
}

// identities are elements of a page, in order, in constant memory.
type identities struct {
	count int
	hash  uint64
}

// add counts an element; one that does not fit counts as zero.
func (i *identities) add(id UUID, seed maphash.Seed) {
	i.count++
	i.hash = maphash.Comparable(seed, struct {
		before uint64
		id     UUID
	}{i.hash, id})
}

// pager begins a range: it checks the list and its scopes, and asks for nothing
// yet.
func (l *List[T]) pager(ctx context.Context) (*pager[T], error) {
	if l.err != nil {
		return nil, l.err
	}
	if err := l.client.checkUsable(ctx, l.id); err != nil {
		return nil, err
	}
	if l.call.response != nil {
		*l.call.response = Response{}
	}
	op := l.call.operation
	if err := l.client.checkScopes(ctx, op); err != nil {
		return nil, err
	}
	if op.Pagination.Style == spec.PageNone {
		return nil, l.client.invalid(l.id, errors.New("this operation is no list"))
	}
	return &pager[T]{
		list: l, ctx: ctx, paging: op.Pagination, retry: op.Retry == spec.RetrySafe, more: true, seed: maphash.MakeSeed(),
		reader:  *page.NewReader(op.Pagination, l.client.settings.maxElement),
		retries: transport.NewRetries(transport.RetryPolicy(l.client.settings.retry), l.client.budget),
	}, nil
}

// readPage yields the elements of one page that fit, and reports whether the
// range goes on.
func (p *pager[T]) readPage(yield func(T, error) bool) bool {
	for {
		_, err := p.next()
		if errors.Is(err, errPageEnd) {
			return true
		}
		if err != nil {
			var bad *ElementError
			if !yield(*new(T), err) || !errors.As(err, &bad) {
				return false
			}
			continue
		}
		if p.list.fits(p.item) && !yield(p.item, nil) {
			return false
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
// connection that was closed without a response ends in.
var errPageEnd = errors.New("the page has ended")

// next reads the next element into p.item and returns its length. It returns
// errPageEnd at the end of each page, whose successor it asks for when called
// again, if there is more; an *ElementError for an element that does not fit;
// and any other error for good. A page that is cut off is asked for again.
func (p *pager[T]) next() (int64, error) {
	element := p.list.element(&p.item)
	for {
		if p.result == nil {
			if err := p.open(); err != nil {
				return 0, err
			}
		}
		size, mismatch, err := p.reader.Read(element)
		switch {
		case err == io.EOF: //nolint:errorlint // the reader's own; one within another error is a failure
			if err := p.endPage(); err != nil {
				return 0, err
			}
			return 0, errPageEnd
		case err != nil:
			if err := p.retryPage(err); err != nil {
				return 0, err
			}
			continue
		}
		id := UUID{}
		if mismatch == nil {
			id = element.Identity()
		}
		if p.skip > 0 {
			if err := p.checkSkipped(id); err != nil {
				return 0, err
			}
			continue
		}
		p.delivered.add(id, p.seed)
		p.retries.Reset()
		p.index++
		if mismatch != nil {
			return int64(size), &ElementError{Index: p.index - 1, Path: mismatch.Pointer, Err: errors.New(mismatch.Problem)}
		}
		return int64(size), nil
	}
}

// retryPage handles the error that reading a page ended in: it returns nil if
// the page is to be asked for again, because its response was cut off. This is
// above the retries of package transport, which has handed the response over by
// then: the request for a page may be sent MaxAttempts times in each of them.
func (p *pager[T]) retryPage(err error) error {
	if p.body.failed != nil { // the decoding error is a consequence
		err = p.body.failed
	}
	failed := p.result.failed(err)
	p.close()
	var unexpected *wire.Error
	var large *safehttp.TooLargeError
	if !p.retry || p.ctx.Err() != nil || errors.As(err, &unexpected) || errors.As(err, &large) {
		return failed
	}
	c := p.list.client
	gaveUp, ended := p.retries.Wait(p.ctx)
	switch {
	case ended != nil:
		return c.failed(p.list.call.operation, ended)
	case gaveUp != "":
		failed.note = gaveUp
		return failed
	}
	if c.settings.logger != nil {
		c.settings.logger.LogAttrs(p.ctx, slog.LevelInfo, "a page was cut off and is requested again",
			slog.String("service", c.service.Name), slog.String("operation", string(p.list.id)),
			slog.String("session", c.session), slog.Int("elements", p.delivered.count), slog.String("error", safehttp.Redact(err.Error())))
	}
	p.skip, p.skippedIDs = p.delivered.count, identities{}
	return nil
}

// checkSkipped counts an element that was handed out before its page was cut off.
func (p *pager[T]) checkSkipped(id UUID) error {
	p.skip--
	p.skippedIDs.add(id, p.seed)
	if p.skip > 0 || p.skippedIDs == p.delivered {
		return nil
	}
	return p.changed()
}

// changed is the error for a page whose beginning is another when it is asked
// for again.
func (p *pager[T]) changed() error {
	e := p.result.newError()
	e.kind = ErrTruncated
	e.Message = "the response was cut off, and the list had changed when the page was requested again: range over the list anew"
	p.close()
	return e
}

// open asks for the page of p.query.
func (p *pager[T]) open() error {
	l := p.list
	again := p.skip > 0 || p.retries.Failed() > 0
	if p.pages == l.client.settings.maxPages && !again {
		return l.tooMany("the list has more than %d pages: raise the bound with WithMaxPages", p.pages)
	}
	call := &transport.Call{Operation: l.call.operation, Stream: true, Prepare: func(req *http.Request) error {
		if p.first == nil {
			p.first = req.URL
			if l.from.query != "" {
				var err error
				if p.query, err = l.resumed(req.URL, p.paging.SizeParameter); err != nil {
					return err
				}
			}
		}
		if p.query != "" {
			page := *req.URL
			page.RawQuery = p.query
			req.URL = &page
		}
		p.query = req.URL.RawQuery
		return l.call.prepare(req)
	}}
	r, err := l.client.send(p.ctx, l.call, call, func(ctx context.Context) (*http.Response, error) { return l.request(ctx, l.size) })
	if err != nil {
		return l.client.explainForbidden(err, l.call.operation)
	}
	if !again {
		p.pages++
		p.delivered = identities{}
	}
	p.result = r
	p.body = body{from: r.resp.Body}
	p.reader.Start(&p.body, r.resp.ContentLength)
	return nil
}

// endPage ends a page that was read to its end, and finds the next one.
func (p *pager[T]) endPage() error {
	if p.skip > 0 { // fewer elements than before it was cut off
		return p.changed()
	}
	p.logCount()
	query, err := p.nextQuery()
	if err == nil && query != "" {
		if p.seen == nil {
			p.seen = map[uint64]struct{}{}
		}
		p.seen[p.pageKey(p.query)] = struct{}{}
		if _, again := p.seen[p.pageKey(query)]; again {
			err = &wire.Error{Problem: "the next page is one that was read already: the list would never end"}
		}
	}
	if err != nil {
		failed := p.result.failed(err)
		p.close()
		return failed
	}
	p.close()
	p.query, p.more = query, query != ""
	p.retries.Reset()
	return nil
}

// pageKey is the page that a query asks for, whatever else it says.
func (p *pager[T]) pageKey(query string) uint64 {
	if values, err := url.ParseQuery(query); err == nil && values.Has(p.paging.CursorParameter) {
		query = p.paging.CursorParameter + "=" + values.Get(p.paging.CursorParameter)
	}
	return maphash.String(p.seed, query)
}

// close ends the page being read.
func (p *pager[T]) close() {
	if p.result != nil {
		_ = p.result.resp.Body.Close() // what mattered has been read
		p.result = nil
	}
}

// logCount mentions a count that changed on the way: something was added or
// removed, and may have been missed.
func (p *pager[T]) logCount() {
	now, before := p.reader.Count, p.count
	p.count = now
	logger := p.list.client.settings.logger
	if now == nil || before == nil || *now == *before || logger == nil {
		return
	}
	logger.LogAttrs(p.ctx, slog.LevelInfo, "a list changed while it was read", slog.String("service", p.list.client.service.Name),
		slog.String("operation", string(p.list.id)), slog.Int64("count_before", *before), slog.Int64("count_now", *now))
}

// nextQuery returns the query of the page after the one that was read, or ""
// if that was the last.
func (p *pager[T]) nextQuery() (string, error) {
	r := &p.reader
	switch ended := r.More != nil && !*r.More; {
	case r.Bare, ended:
		return "", nil
	case r.Next == "":
		if r.More != nil {
			more, next := strings.Join(p.paging.More, "."), strings.Join(p.paging.Next, ".")
			return "", &wire.Error{Problem: fmt.Sprintf("%s is true but %s is missing", more, next)}
		}
		return "", nil
	}
	if p.paging.Style == spec.PageNumber {
		// Of a link only the query is used: it may lead anywhere, and in old
		// recordings it has the scheme http.
		link, err := url.Parse(r.Next)
		if err != nil {
			return "", &wire.Error{Problem: "the link to the next page is not a URL: " + safehttp.Redact(abbreviate(r.Next))}
		}
		if link.RawQuery == "" || !validQuery(link.RawQuery) {
			return "", &wire.Error{Problem: "the link to the next page has no query"}
		}
		return link.RawQuery, nil
	}
	values, err := url.ParseQuery(p.query)
	if err != nil {
		return "", &wire.Error{Problem: "the query of the page cannot be read: " + safehttp.Redact(err.Error())}
	}
	values.Set(p.paging.CursorParameter, r.Next)
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
