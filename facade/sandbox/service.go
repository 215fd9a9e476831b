package sandbox

import (
	"bytes"
	"cmp"
	"context"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/credkit/credkit-go/api/server"
	"github.com/credkit/credkit-go/api/spec"
	"github.com/credkit/credkit-go/facade/internal/memnet"
)

// service is one of the two services: its endpoints by path and method, and
// what every request goes through before it reaches one.
type service struct {
	sandbox   *Sandbox
	table     *spec.Service
	base      string // its URL, set before it serves
	endpoints map[string]map[string]endpoint
	// refuse responds to what reaches no endpoint, or is not allowed there.
	refuse func(w http.ResponseWriter, r *http.Request, status int, reason string)
	// authorize checks the access token of r for op and returns whose elements
	// it lists; if ok is false, it has responded.
	authorize func(w http.ResponseWriter, r *http.Request, op *spec.Operation) (owner string, ok bool)
	// pageSize is how many elements a page has when the request does not say,
	// maxPageSize the most it can have, 0 for no bound: a larger page is cut.
	pageSize, maxPageSize int
}

// endpoint is one method of one path.
type endpoint struct {
	name    spec.OperationID
	handler http.Handler
}

func newService(s *Sandbox, table *spec.Service) *service {
	return &service{sandbox: s, table: table, endpoints: map[string]map[string]endpoint{}}
}

// handle adds an endpoint.
func (v *service) handle(name spec.OperationID, method, path string, h http.HandlerFunc) {
	if v.endpoints[path] == nil {
		v.endpoints[path] = map[string]endpoint{}
	}
	v.endpoints[path][method] = endpoint{name, h}
}

// operations adds the service's operations as the generated router serves them.
func (v *service) operations(impl server.ServerInterface) {
	router := server.HandlerWithOptions(impl, server.StdHTTPServerOptions{
		ErrorHandlerFunc: func(w http.ResponseWriter, r *http.Request, err error) {
			v.violation(w, r, err.Error())
		},
	})
	for i := range v.table.Operations {
		op := &v.table.Operations[i]
		v.handle(op.ID, op.Method, op.Path, func(w http.ResponseWriter, r *http.Request) {
			if reason := undeclared(op, r); reason != "" {
				v.violation(w, r, reason)
				return
			}
			router.ServeHTTP(w, r)
		})
	}
}

// undeclared says what openapi.yaml does not allow about the query of r;
// types and formats are checked by the generated code, ranges by the
// operation.
func undeclared(op *spec.Operation, r *http.Request) string {
	q, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return "the query cannot be read"
	}
	for name, values := range q {
		switch {
		case !slices.Contains(op.Query, name):
			return "the query parameter " + printable(name) + " is not declared"
		case len(values) > 1:
			return name + " is there more than once"
		case values[0] == "":
			return name + " is empty"
		}
	}
	return ""
}

// violation responds to a request that openapi.yaml does not allow, and counts it.
func (v *service) violation(w http.ResponseWriter, r *http.Request, reason string) {
	v.sandbox.violated(r, reason)
	v.refuse(w, r, http.StatusBadRequest, reason)
}

// knows reports whether the path of r is the service's.
func (v *service) knows(r *http.Request) bool {
	path, ok := strings.CutPrefix(r.URL.Path, v.sandbox.set.basePath)
	return ok && (v.endpoints[path] != nil || v.endpoints[path+"/"] != nil)
}

// call is what is known of the request being handled.
type call struct {
	number      int           // in the log
	holdSession time.Duration // of [HoldSession]
}

type callKey struct{}

func callOf(r *http.Request) *call {
	if c, ok := r.Context().Value(callKey{}).(*call); ok {
		return c
	}
	return &call{}
}

// ServeHTTP logs the request, applies faults, and responds.
func (v *service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s := v.sandbox
	if !s.begin() {
		cut(w, false)
		return
	}
	defer s.busy.Done()

	// Escaped, so that a slash in disguise is none.
	path, under := strings.CutPrefix(r.URL.EscapedPath(), s.set.basePath)
	if rest, ok := strings.CutPrefix(r.URL.EscapedPath(), serverMetadata+s.set.basePath); ok { // above the base path (RFC 8414 section 3.1)
		path, under = serverMetadata+rest, true
	}
	at := v.endpoints[path][r.Method]
	number := s.log.start(v.table.Name, at.name, r)
	rec := &recorder{ResponseWriter: w, log: s.log, number: number}
	defer rec.finish(s.set.logger)
	if s.set.requestIDs {
		w.Header().Set("X-Request-Id", requestID(number))
	}

	// Reading all of it leaves the connection usable, and lets net/http tell
	// when the client leaves.
	body, err := io.ReadAll(io.LimitReader(r.Body, mostBody+1))
	if rest, _ := io.Copy(io.Discard, r.Body); rest > 0 || len(body) > mostBody {
		err = errTooLong
	}
	r = r.WithContext(context.WithValue(r.Context(), callKey{}, &call{number: number}))
	r.URL = &url.URL{Path: path, RawQuery: r.URL.RawQuery}
	r.Body = io.NopCloser(bytes.NewReader(body))
	if err != nil {
		v.violation(rec, r, "the request's body cannot be read: "+err.Error())
		return
	}
	answer := func(w http.ResponseWriter) { v.respond(w, r, at, under, len(body)) }
	if f := s.faults.take(at.name, r); f != nil {
		s.log.fault(number, f.String())
		callOf(r).holdSession = f.holdSession
		f.apply(rec, r, s.done, answer)
		return
	}
	answer(rec)
}

// respond runs the endpoint, or says why there is none.
func (v *service) respond(w http.ResponseWriter, r *http.Request, at endpoint, under bool, body int) {
	s := v.sandbox
	methods := v.endpoints[r.URL.Path]
	switch {
	case inMemory(r, "80"):
		v.violation(w, r, "the request came over http to a service that is https")
	case !under:
		v.missing(w, r, "the path is not below the base path "+s.set.basePath)
	case v == s.certn && s.set.retired:
		detail(w, http.StatusGone, "This API has been retired.")
	case methods == nil && v.endpoints[r.URL.Path+"/"] != nil:
		s.violated(r, "the path ends with a slash")
		redirectToSlash(w, r, s.set.basePath)
	case methods == nil:
		v.missing(w, r, "there is no such path")
	case at.handler == nil:
		s.violated(r, r.Method+" is not allowed here")
		w.Header().Set("Allow", strings.Join(slices.Sorted(maps.Keys(methods)), ", "))
		v.refuse(w, r, http.StatusMethodNotAllowed, `Method "`+r.Method+`" not allowed.`)
	case body > 0 && r.Method == http.MethodGet:
		v.violation(w, r, "a GET has no body")
	default:
		at.handler.ServeHTTP(w, r)
	}
}

// missing responds with 404. Browsers ask for an icon by themselves: that is no
// violation.
func (v *service) missing(w http.ResponseWriter, r *http.Request, reason string) {
	if !strings.HasSuffix(r.URL.Path, "/favicon.ico") {
		v.sandbox.violated(r, reason)
	}
	v.refuse(w, r, http.StatusNotFound, "Not found.")
}

// redirectToSlash responds as Django does when the slash at the end is missing;
// a client that follows it re-issues a POST as a GET.
func redirectToSlash(w http.ResponseWriter, r *http.Request, basePath string) {
	to := url.URL{Path: basePath + r.URL.Path + "/", RawQuery: r.URL.RawQuery}
	w.Header().Set("Location", to.String())
	w.WriteHeader(http.StatusMovedPermanently)
}

// inMemory reports whether r came over the network of [Sandbox.Transport] to a
// port: 443 is https, which has no TLS handshake there.
func inMemory(r *http.Request, port string) bool {
	addr, _ := r.Context().Value(http.LocalAddrContextKey).(memnet.Addr)
	host, p, _ := strings.Cut(string(addr), ":")
	return p == port && !isLoopback(host)
}

// origin is the scheme and host by which the client reached the service, behind a
// proxy what the proxy says of them.
func origin(r *http.Request) string {
	scheme := "http"
	if r.TLS != nil || inMemory(r, "443") || r.Header.Get("X-Forwarded-Proto") == "https" {
		scheme = "https"
	}
	return scheme + "://" + cmp.Or(r.Header.Get("X-Forwarded-Host"), r.Host, "localhost")
}

// violated notes why r is against the description.
func (s *Sandbox) violated(r *http.Request, reason string) {
	s.log.update(callOf(r).number, func(e *Request) { e.Violation = reason })
	s.log.count(func(c *Counters) { c.Violations++ })
}
