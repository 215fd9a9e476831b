package sandbox

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/credkit/credkit-go/api/certn"
	"github.com/credkit/credkit-go/api/cosmic"
	"github.com/credkit/credkit-go/api/server"
	"github.com/credkit/credkit-go/api/spec"
)

// operations serves the four operations through the generated interface.
type operations struct{ s *Sandbox }

var _ server.ServerInterface = (*operations)(nil)

// operation returns a row of the generated tables.
func operation(id spec.OperationID) *spec.Operation {
	for _, table := range []*spec.Service{&cosmic.Service, &certn.Service} {
		if op, ok := table.Operation(id); ok {
			return op
		}
	}
	return &spec.Operation{ID: id}
}

// GetMe answers who the token speaks for, in the current or the older form.
func (o *operations) GetMe(w http.ResponseWriter, r *http.Request) {
	s := o.s
	c, ok := s.allowed(w, r, operation(cosmic.OpGetMe))
	if !ok {
		return
	}
	user, ok := s.user(c.Subject)
	if !ok {
		s.cosmicProblem(w, http.StatusNotFound, "not_found", "There is no such user.")
		return
	}
	if s.set.oldMe {
		writeJSON(w, http.StatusOK, oldMe(user))
		return
	}
	writeJSON(w, http.StatusOK, map[string]any{
		"user":   map[string]string{"id": user.ID, "email": user.Email, "display_name": user.DisplayName},
		"scopes": s.shown(c.Scopes),
	})
}

// shown are scopes as the current user's answer names them.
func (s *Sandbox) shown(scopes []string) []string {
	out := make([]string, 0, len(scopes))
	for _, name := range scopes {
		if s.set.oldScopeNames {
			name = olderName(cosmic.Service.Scope(name))
		}
		out = append(out, name)
	}
	return out
}

// olderName is the first older name of a scope, or the scope.
func olderName(scope string) string {
	var older []string
	for old, now := range cosmic.Service.ScopeAliases {
		if now == scope {
			older = append(older, old)
		}
	}
	if len(older) == 0 {
		return scope
	}
	return slices.Min(older)
}

// oldMe is the older form of the current user.
func oldMe(u *User) any {
	n := hashString(u.ID)
	organization, member := uuidOf(mix(n, 1)), uuidOf(mix(n, 2))
	return map[string]any{
		"organizations": []any{
			map[string]any{"id": organization, "name": "Analytical Engines Heating and Cooling", "status": "active"},
		},
		"organization_memberships": []any{
			map[string]any{"id": member, "organization_id": organization, "role": "technician", "status": "active", "is_primary": true},
		},
		"accessible_member_ids": []string{member},
	}
}

// ListCertifications answers the certifications of the token's own subject, by
// page or all at once.
func (o *operations) ListCertifications(w http.ResponseWriter, r *http.Request, params server.ListCertificationsParams) {
	s := o.s
	op := operation(cosmic.OpListCertifications)
	offset, reason := 0, ""
	limit := s.set.pageSize
	if params.Limit != nil {
		limit = int(*params.Limit)
		reason = checkRange(op.Pagination.SizeParameter, limit, op.Pagination.MaxSize)
	}
	if params.Cursor != nil {
		var ok bool
		if offset, ok = s.readCursor(*params.Cursor); !ok {
			reason = op.Pagination.CursorParameter + " is not from a previous list response"
		}
	}
	if reason != "" {
		s.cosmic.violation(w, r, reason)
		return
	}
	c, ok := s.allowed(w, r, op)
	if !ok {
		return
	}
	rows := s.certificationsOf(c.Subject)
	if s.set.unpaged {
		s.stream(w, rows, 0, rows.len(), `{"`+op.Pagination.Items+`":[`, "]}")
		return
	}
	offset = min(offset, rows.len())
	end := offset + min(limit, rows.len()-offset)
	page := `"has_more":false`
	switch {
	case end < rows.len():
		page = `"next_cursor":"` + s.cursor(end) + `","has_more":true`
	case !s.set.noLastCursor:
		page = `"next_cursor":null,` + page
	}
	s.stream(w, rows, offset, end, `{"`+op.Pagination.Items+`":[`, `],"page":{`+page+`}}`)
}

// cursor is the opaque position of a row.
func (s *Sandbox) cursor(offset int) string {
	text := "o" + strconv.Itoa(offset)
	return encoding.EncodeToString(append([]byte(text+"."), s.mac("cursor" + text)[:6]...))
}

// readCursor reads what cursor wrote.
func (s *Sandbox) readCursor(cursor string) (offset int, ok bool) {
	b, err := encoding.DecodeString(cursor)
	if err != nil {
		return 0, false
	}
	number, _, ok := strings.Cut(strings.TrimPrefix(string(b), "o"), ".")
	offset, err = strconv.Atoi(number)
	if !ok || err != nil || s.cursor(offset) != cursor {
		return 0, false
	}
	return offset, true
}

// checkRange says what is wrong with a page size or number; atMost is 0 where
// no bound is described.
func checkRange(name string, n, atMost int) string {
	if n < 1 {
		return fmt.Sprintf("%s is %d: want at least 1", name, n)
	}
	if atMost > 0 && n > atMost {
		return fmt.Sprintf("%s is %d: want at most %d", name, n, atMost)
	}
	return ""
}
