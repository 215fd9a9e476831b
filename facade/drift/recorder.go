package drift

import (
	"cmp"
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"

	"github.com/credkit/credkit-go/facade/internal/safehttp"
)

// Recorder holds the live responses of a client against the specification while
// the client reads them. It is a middleware: the client's responses and errors
// are what they would be without it. It is safe for concurrent use.
type Recorder struct {
	checker *Checker
	mu      sync.Mutex
	reports map[reportKey]*Report
}

type reportKey struct {
	operation string
	status    int
}

// NewRecorder returns a recorder with no reports.
func (c *Checker) NewRecorder() *Recorder {
	return &Recorder{checker: c, reports: map[reportKey]*Report{}}
}

// Reports returns what was seen so far, one report for each operation and
// status, sorted by both. A response counts once its body is closed.
func (r *Recorder) Reports() []*Report {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := make([]*Report, 0, len(r.reports))
	for _, report := range r.reports {
		one := *report
		one.Findings = slices.Clone(report.Findings)
		all = append(all, &one)
	}
	slices.SortFunc(all, func(a, b *Report) int {
		return cmp.Or(cmp.Compare(a.Operation, b.Operation), cmp.Compare(a.Status, b.Status))
	})
	return all
}

func (r *Recorder) add(report *Report) {
	r.mu.Lock()
	defer r.mu.Unlock()
	key := reportKey{report.Operation, report.Status}
	if old := r.reports[key]; old != nil {
		old.Merge(report)
		return
	}
	r.reports[key] = report
}

// Middleware returns a transport that hands each response on and holds a copy
// of it against the specification as it is read. What is no operation of the
// specification, such as a token request, is only handed on. nil stands for
// [http.DefaultTransport].
func (r *Recorder) Middleware(next http.RoundTripper) http.RoundTripper {
	if next == nil {
		next = http.DefaultTransport
	}
	return safehttp.RoundTripFunc(func(request *http.Request) (*http.Response, error) {
		response, err := next.RoundTrip(request)
		if err != nil {
			return response, err
		}
		if id := r.checker.operationOf(request.Method, request.URL); id != "" {
			response.Body = r.tee(id, request, response)
		}
		return response, nil
	})
}

// operationOf finds the operation of a request by its method and the end of
// its path: a base URL may have a path of its own.
func (c *Checker) operationOf(method string, u *url.URL) (id string) {
	have := strings.Split(strings.TrimPrefix(u.EscapedPath(), "/"), "/")
	longest := 0
	for _, op := range c.operations {
		want := op.path
		if op.method != method || len(want) <= longest || len(want) > len(have) {
			continue
		}
		tail := have[len(have)-len(want):]
		if slices.EqualFunc(want, tail, func(w, h string) bool { return w == h || w == "{}" && h != "" }) {
			id, longest = op.id, len(want)
		}
	}
	return id
}

// tee copies a body, as it is read, to a check of its own.
func (r *Recorder) tee(id string, request *http.Request, response *http.Response) io.ReadCloser {
	out, in := io.Pipe()
	t := &tee{body: response.Body, to: in, done: make(chan struct{})}
	check := Response{Operation: id, Status: response.StatusCode, Header: response.Header.Clone(), Body: out}
	go func() {
		defer close(t.done)
		defer out.Close()
		report, _ := r.checker.Check(request.Context(), check)
		if report != nil {
			r.add(report)
		}
	}()
	return t
}

// tee is a body that is read once and seen twice.
type tee struct {
	body io.ReadCloser
	to   *io.PipeWriter
	done chan struct{}
}

// Read reads from the service and hands a copy to the check. A check that has
// ended does not disturb the reader.
func (t *tee) Read(p []byte) (int, error) {
	n, err := t.body.Read(p)
	if n > 0 {
		_, _ = t.to.Write(p[:n])
	}
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		_ = t.to.CloseWithError(err)
	case err != nil:
		_ = t.to.CloseWithError(errStopped)
	}
	return n, err
}

// Close closes the body and waits for the check. A reader that stops early is
// no cut response.
func (t *tee) Close() error {
	_ = t.to.CloseWithError(errStopped)
	<-t.done
	return t.body.Close()
}
