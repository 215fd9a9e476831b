package sandbox

import (
	"net/http"
	"slices"
	"strings"

	"github.com/credkit/credkit-go/api/cosmic"
	"github.com/credkit/credkit-go/api/server"
	"github.com/credkit/credkit-go/api/spec"
)

// operations serves the operations of both services through the generated
// interface: the lists all alike, and each of the others by a method here.
type operations struct {
	server.Lists
	s *Sandbox
}

var _ server.ServerInterface = (*operations)(nil)

// GetMe says who the token speaks for, in the current or the older form.
func (o *operations) GetMe(w http.ResponseWriter, r *http.Request) {
	s := o.s
	_, op := s.find(cosmic.OpGetMe)
	c, ok := s.allowed(w, r, op)
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

// shown are scopes as the current user's response names them.
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

// authorizeCosmic checks the access token of r and its scopes. The owner of what
// it lists is the token's own subject.
func (s *Sandbox) authorizeCosmic(w http.ResponseWriter, r *http.Request, op *spec.Operation) (owner string, ok bool) {
	c, ok := s.allowed(w, r, op)
	return c.Subject, ok
}

// routeCosmic lays out COSMIC.
func (s *Sandbox) routeCosmic() {
	v := s.cosmic
	v.refuse = func(w http.ResponseWriter, _ *http.Request, status int, reason string) {
		code := strings.ReplaceAll(strings.ToLower(http.StatusText(status)), " ", "_")
		s.cosmicProblem(w, status, code, reason)
	}
	v.authorize, v.pageSize = s.authorizeCosmic, s.set.pageSize
	v.operations(&operations{s.list, s})
	flow, identity := identityPaths()
	v.handle(OpAuthorize, http.MethodGet, cosmic.Service.AuthorizePath, s.authorize)
	v.handle(OpConsent, http.MethodPost, cosmic.Service.AuthorizePath, s.decide)
	v.handle(OpToken, http.MethodPost, cosmic.Service.TokenPath, s.token)
	v.handle(OpUserInfo, http.MethodGet, flow+"/userinfo", s.userInfo)
	v.handle(OpMetadata, http.MethodGet, identity+wellKnown+"openid-configuration", s.metadata)
	v.handle(OpMetadata, http.MethodGet, identity+serverMetadata, s.metadata)
	v.handle(OpMetadata, http.MethodGet, serverMetadata+identity, s.metadata) // RFC 8414 section 3.1
	logout, _, _ := strings.Cut(cosmic.Service.LogoutPath, "?")
	v.handle(OpLogout, http.MethodPost, logout, s.logout)
	v.handle(OpMetadata, http.MethodGet, identity+wellKnown+"jwks.json", s.keys)
}
