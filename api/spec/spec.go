// Package spec has the types of the operations tables that are generated from
// openapi.yaml: what each call needs, how it is retried, how a list goes on.
// The tables themselves are in the packages cosmic and certn beside it.
package spec

import "time"

// OperationID names an operation as the operationId of openapi.yaml does.
type OperationID string

// Service is one service of openapi.yaml, a row a tag.
type Service struct {
	// Name is the tag, in lower case: "cosmic".
	Name string
	// Title is the service's name for people: "COSMIC".
	Title string
	// Servers are the base URLs by the name of the environment; "production"
	// is always there.
	Servers map[string]string
	// AuthorizePath and TokenPath are where sign-in lies below the base URL.
	// AuthorizePath is empty where the service has no code flow.
	AuthorizePath, TokenPath string
	// LogoutPath is where a POST with an access token ends that token's session,
	// and no other of the same person: with its query, which is mandatory. Empty
	// where the service has none.
	LogoutPath string
	// ClientAuthentication lists how a client may name itself at the token
	// endpoint (RFC 7591 section 2, token_endpoint_auth_method).
	ClientAuthentication []string
	// IdentityScopes are what the authorize URL's scope may carry.
	IdentityScopes []string
	// Scopes are the API scopes of the service, sorted; empty where it has none.
	Scopes []string
	// ScopeAliases maps older names of scopes to the current ones.
	ScopeAliases map[string]string
	// RateLimits are the limits to keep on our side; empty where none is known.
	RateLimits []RateLimit
	// Successor says what came after a retired service; empty if it is not.
	Successor string
	// Operations is the table, sorted by id.
	Operations []Operation
}

// Operation returns the row of id.
func (s *Service) Operation(id OperationID) (*Operation, bool) {
	for i := range s.Operations {
		if s.Operations[i].ID == id {
			return &s.Operations[i], true
		}
	}
	return nil, false
}

// Scope returns the current name of a scope, which may be given under an
// older one.
func (s *Service) Scope(name string) string {
	if now, ok := s.ScopeAliases[name]; ok {
		return now
	}
	return name
}

// Operation is one call of a service.
type Operation struct {
	// ID is its operationId.
	ID OperationID
	// Method and Path are where it lies below the base URL.
	Method, Path string
	// Scopes are the API scopes it needs, all of them; empty for none.
	Scopes []string
	// Retry is its retry class.
	Retry RetryClass
	// IdempotencyHeader is the header that makes it safe to send twice, if it
	// has one.
	IdempotencyHeader string
	// IdempotencyTrusted says that the header's grade is documented or
	// observed. Until then it is sent and not relied on.
	IdempotencyTrusted bool
	// Pagination is how a list goes on.
	Pagination Pagination
	// Query are the query parameters that it declares, in the specification's
	// order.
	Query []string
	// Success is the HTTP status of success.
	Success int
}

// RetryClass says when a call may be sent again.
type RetryClass string

// The retry classes of x-retry.
const (
	// RetrySafe calls change nothing and may always be sent again.
	RetrySafe RetryClass = "safe"
	// RetryIdempotencyKey calls may be sent again if they carry a key that
	// the server is known to honour.
	RetryIdempotencyKey RetryClass = "idempotency-key"
	// RetryNever calls are sent again only if the server never saw them.
	RetryNever RetryClass = "never"
)

// Pagination says how a list goes on.
type Pagination struct {
	// Style is none for a call that is no list.
	Style PageStyle
	// Items is the member of the envelope that has the elements.
	Items string
	// Next is the path of the member that leads on, as in page.next_cursor.
	Next []string
	// More is the path of the member that says whether there is more, if any.
	More []string
	// Count is the path of the member that counts the elements of all pages,
	// if any.
	Count []string
	// Required are the paths, among those of Next and More and of the objects
	// around them, that a response must have wherever it has the object around
	// them, null included. A response without one is no last page: it is invalid.
	Required [][]string
	// CursorParameter and SizeParameter are the query parameters.
	CursorParameter, SizeParameter string
	// MaxSize is the largest page that may be asked for; 0 if unknown.
	MaxSize int
	// Members are the members that an element declares, in the specification's
	// order.
	Members []string
}

// PageStyle is a way of paging.
type PageStyle string

// The paging styles of x-pagination.
const (
	// PageNone is a call that is no list.
	PageNone PageStyle = "none"
	// PageCursor lists respond with an opaque cursor for the next page.
	PageCursor PageStyle = "cursor"
	// PageNumber lists respond with a link to the next page.
	PageNumber PageStyle = "page-number"
)

// RateLimit allows so many requests in any window of that length.
type RateLimit struct {
	// Requests is how many.
	Requests int
	// Window is the length of the rolling window.
	Window time.Duration
}
