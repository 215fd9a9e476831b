package sandbox

import (
	"bytes"
	"crypto/subtle"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/credkit/credkit-go/api/certn"
	"github.com/credkit/credkit-go/api/server"
)

// routeCertn lays out Certn.
func (s *Sandbox) routeCertn() {
	v := s.certn
	v.refuse = func(w http.ResponseWriter, r *http.Request, status int, reason string) {
		switch {
		case status == http.StatusMethodNotAllowed && r.URL.Path == certn.Service.TokenPath:
			writeBody(w, status, "", nil)
		case status == http.StatusMethodNotAllowed:
			writeJSON(w, status, map[string]string{"details": reason})
		case status == http.StatusBadRequest:
			writeJSON(w, status, map[string][]string{fieldOf(r): {reason}})
		default:
			detail(w, status, reason)
		}
	}
	v.operations(&operations{s})
	v.handle(OpCertnToken, http.MethodPost, certn.Service.TokenPath, s.certnTokenEndpoint)
}

// fieldOf guesses which query parameter a refusal is about: the only one, or
// the request as a whole.
func fieldOf(r *http.Request) string {
	if q := r.URL.Query(); len(q) == 1 {
		for name := range q {
			return name
		}
	}
	return "non_field_errors"
}

// certnTokenEndpoint is Certn's token endpoint (RFC 6749 section 4.4).
func (s *Sandbox) certnTokenEndpoint(w http.ResponseWriter, r *http.Request) {
	form, ok := s.tokenForm(w, r)
	if !ok {
		return
	}
	user, password, basic := r.BasicAuth()
	id, err1 := url.QueryUnescape(user)
	secret, err2 := url.QueryUnescape(password)
	good := basic && err1 == nil && err2 == nil && id == s.set.certnID &&
		subtle.ConstantTimeCompare([]byte(secret), []byte(s.set.certnSecret)) == 1
	switch {
	case !good:
		w.Header().Set("WWW-Authenticate", `Basic realm="api"`)
		oauthError(w, http.StatusUnauthorized, "invalid_client", "")
	case form.Get("grant_type") != grantClient:
		oauthError(w, http.StatusBadRequest, "unsupported_grant_type", "")
	case len(form) != 1:
		s.violated(r, "the only parameter is grant_type")
		oauthError(w, http.StatusBadRequest, "invalid_request", "")
	default:
		access := s.certnToken()
		sendTokens(w, tokenAnswer{
			AccessToken: access,
			TokenType:   "Bearer",
			ExpiresIn:   s.expiresIn(s.set.certnTokenLifetime),
			Scope:       "read write",
		})
	}
}

// ListUsers answers one page of the account's users.
func (o *operations) ListUsers(w http.ResponseWriter, r *http.Request, params server.ListUsersParams) {
	s := o.s
	op := operation(certn.OpListUsers)
	page, size := 1, s.set.certnPageSize
	reason := ""
	if params.Page != nil {
		page = int(*params.Page)
		reason = checkRange(op.Pagination.CursorParameter, page, 0)
	}
	if params.PageSize != nil && reason == "" {
		size = int(*params.PageSize)
		reason = checkRange(op.Pagination.SizeParameter, size, op.Pagination.MaxSize)
		if s.set.certnMaxPageSize > 0 {
			size = min(size, s.set.certnMaxPageSize)
		}
	}
	if reason != "" {
		s.certn.violation(w, r, reason)
		return
	}
	if !s.certnBearer(r) {
		s.log.count(func(c *Counters) { c.Unauthorized++ })
		w.Header().Set("WWW-Authenticate", `Bearer realm="api"`)
		detail(w, http.StatusUnauthorized, "Authentication credentials were not provided.")
		return
	}
	if wait, over := s.overLimit(s.certn, s.set.certnID, s.set.limits); over {
		detail(w, http.StatusTooManyRequests, fmt.Sprintf("Request was throttled. Expected available in %d seconds.", s.throttled(w, wait)))
		return
	}
	rows := s.certnUsers()
	if s.set.bareArray {
		s.stream(w, rows, 0, rows.len(), "[", "]")
		return
	}
	pages := max(1, (rows.len()+size-1)/size)
	if page > pages {
		detail(w, http.StatusNotFound, "Invalid page.")
		return
	}
	begin := (page - 1) * size
	head := fmt.Sprintf(`{"count":%d,"next":%s,"previous":%s,"%s":[`,
		rows.len(), s.pageLink(r, page+1, pages), s.pageLink(r, page-1, pages), op.Pagination.Items)
	s.stream(w, rows, begin, min(begin+size, rows.len()), head, "]}")
}

// pageLink is the address of another page in JSON, or null. It is absolute,
// and http as in old recordings, whatever the scheme of the request.
func (s *Sandbox) pageLink(r *http.Request, page, pages int) string {
	if page < 1 || page > pages {
		return "null"
	}
	op := operation(certn.OpListUsers)
	from := s.set.nextLinkOrigin
	if from == "" {
		_, host, _ := strings.Cut(origin(r), "://")
		from = "http://" + host
	}
	q := r.URL.Query()
	q.Set(op.Pagination.CursorParameter, strconv.Itoa(page))
	if page == 1 {
		q.Del(op.Pagination.CursorParameter)
	}
	link := from + s.set.basePath + op.Path
	if len(q) > 0 {
		link += "?" + q.Encode()
	}
	return quote(link)
}

// quote writes a JSON string; & stays readable.
func quote(text string) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(text) // a string always can
	return string(bytes.TrimSpace(b.Bytes()))
}
