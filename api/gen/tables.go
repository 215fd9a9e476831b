package main

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/credkit/credkit-go/api/spec"
)

// service is a row of the tables with what only the README shows.
type service struct {
	spec.Service
	texts    map[spec.OperationID]texts
	Examples map[spec.OperationID][]string // of the elements of lists, as JSON
	models   []string                      // the schemas that the operations are about
}

// texts are what an operation says for people.
type texts struct{ summary, description string }

// tables reads a service a tag, sorted by name.
func tables(doc *openapi3.T) ([]*service, error) {
	var p problems
	services := map[string]*service{}
	for _, tag := range doc.Tags {
		if s := readService(&p, doc, tag); s != nil {
			services[tag.Name] = s
		}
	}
	for _, path := range doc.Paths.InMatchingOrder() {
		item := doc.Paths.Value(path)
		for method, op := range item.Operations() {
			readOperation(&p, doc, services, path, method, item, op)
		}
	}
	sorted := slices.SortedFunc(maps.Values(services), func(a, b *service) int { return strings.Compare(a.Name, b.Name) })
	for _, s := range sorted {
		slices.Sort(s.models)
		slices.SortFunc(s.Operations, func(a, b spec.Operation) int { return strings.Compare(string(a.ID), string(b.ID)) })
	}
	return sorted, p.err()
}

func readService(p *problems, doc *openapi3.T, tag *openapi3.Tag) *service {
	where := "tag " + tag.Name + ", x-service"
	fields, ok := tag.Extensions["x-service"].(map[string]any)
	if !ok {
		p.addf("%s: missing; it names the service's title, servers and security-scheme", where)
		return nil
	}
	s := &service{Service: spec.Service{Name: tag.Name}, texts: map[spec.OperationID]texts{}, Examples: map[spec.OperationID][]string{}}
	for name, value := range fields {
		switch name {
		case "title":
			s.Title = text(p, where+", title", value)
		case "successor":
			s.Successor = text(p, where+", successor", value)
		case "servers":
			s.Servers = textMap(p, where+", servers", value)
		case "x-rate-limit":
			s.RateLimits = rateLimits(p, where+", x-rate-limit", value)
		case "security-scheme": // below, it needs the servers
		default:
			p.addf("%s: %q is not understood", where, name)
		}
	}
	if s.Servers["production"] == "" {
		p.addf("%s, servers: no production", where)
	}
	readScheme(p, doc, s, text(p, where+", security-scheme", fields["security-scheme"]))
	return s
}

func rateLimits(p *problems, where string, value any) (limits []spec.RateLimit) {
	rows, _ := value.([]any)
	if len(rows) == 0 {
		p.addf("%s: want a list of {requests, window}", where)
	}
	for i, row := range rows {
		at := fmt.Sprintf("%s[%d]", where, i)
		fields, _ := row.(map[string]any)
		requests, _ := fields["requests"].(float64)
		window, err := time.ParseDuration(text(p, at+", window", fields["window"]))
		if requests < 1 || requests != float64(int(requests)) {
			p.addf("%s: requests must be a whole number of at least 1", at)
		}
		if err != nil || window <= 0 {
			p.addf("%s: window must be a positive duration such as 60s", at)
		}
		for name := range fields {
			if name != "requests" && name != "window" && name != "x-evidence" {
				p.addf("%s: %q is not understood", at, name)
			}
		}
		limits = append(limits, spec.RateLimit{Requests: int(requests), Window: window})
	}
	return limits
}

func readScheme(p *problems, doc *openapi3.T, s *service, name string) {
	where := "security scheme " + name
	ref := doc.Components.SecuritySchemes[name]
	if ref == nil || ref.Value == nil || ref.Value.Flows == nil {
		p.addf("%s: not an OAuth scheme of components", where)
		return
	}
	scheme := ref.Value
	s.ClientAuthentication = textList(p, where+", x-client-authentication", scheme.Extensions["x-client-authentication"])
	for _, style := range s.ClientAuthentication {
		if !slices.Contains([]string{"none", "client_secret_basic", "client_secret_post"}, style) {
			p.addf("%s, x-client-authentication: %q is not understood", where, style)
		}
	}
	if v, ok := scheme.Extensions["x-identity-scopes"]; ok {
		s.IdentityScopes = textList(p, where+", x-identity-scopes", v)
	}
	if v, ok := scheme.Extensions["x-scope-aliases"]; ok {
		s.ScopeAliases = textMap(p, where+", x-scope-aliases", v)
	}
	if v, ok := scheme.Extensions["x-logout"]; ok {
		s.LogoutPath = readLogout(p, where+", x-logout", s, v)
	}
	flow := scheme.Flows.AuthorizationCode
	if flow == nil {
		flow = scheme.Flows.ClientCredentials
	} else {
		s.AuthorizePath = below(p, where+", authorizationUrl", s, flow.AuthorizationURL)
	}
	if flow == nil {
		p.addf("%s: neither an authorizationCode nor a clientCredentials flow", where)
		return
	}
	s.TokenPath = below(p, where+", tokenUrl", s, flow.TokenURL)
	if flow.RefreshURL != "" && flow.RefreshURL != flow.TokenURL {
		p.addf("%s, refreshUrl: tokens are renewed at the tokenUrl alone, %s", where, flow.TokenURL)
	}
	s.Scopes = slices.Sorted(maps.Keys(flow.Scopes))
	for old, now := range s.ScopeAliases {
		if !slices.Contains(s.Scopes, now) {
			p.addf("%s, x-scope-aliases: %s stands for %s, which is no scope of the scheme", where, old, now)
		}
		if slices.Contains(s.Scopes, old) {
			p.addf("%s, x-scope-aliases: %s is a current scope", where, old)
		}
	}
}

// readLogout returns the path and query of a service's logout. The query has to
// limit it to one session: Supabase Auth's default is every session of the user.
func readLogout(p *problems, where string, s *service, value any) string {
	fields, _ := value.(map[string]any)
	path := below(p, where+", url", s, text(p, where+", url", fields["url"]))
	if _, query, _ := strings.Cut(path, "?"); query != "scope=local" {
		p.addf("%s, url: its query must be scope=local, which ends one session and not all of a person", where)
	}
	if _, ok := fields["x-evidence"]; !ok || len(fields) != 2 {
		p.addf("%s: want url and x-evidence", where)
	}
	return path
}

// below returns the path of an address under the production server.
func below(p *problems, where string, s *service, address string) string {
	path, ok := strings.CutPrefix(address, s.Servers["production"])
	if !ok || !strings.HasPrefix(path, "/") {
		p.addf("%s: %q does not lie below the production server %q", where, address, s.Servers["production"])
	}
	return path
}

func readOperation(p *problems, doc *openapi3.T, services map[string]*service, path, method string, item *openapi3.PathItem, op *openapi3.Operation) {
	where := method + " " + path
	if op.OperationID == "" {
		p.addf("%s: no operationId", where)
		return
	}
	if len(op.Tags) != 1 || services[op.Tags[0]] == nil {
		p.addf("%s: want exactly one tag, the name of a service; have %v", where, op.Tags)
		return
	}
	s := services[op.Tags[0]]
	for _, server := range item.Servers {
		if !slices.Contains(slices.Collect(maps.Values(s.Servers)), server.URL) {
			p.addf("%s: the server %s is not one of tag %s", where, server.URL, s.Name)
		}
	}
	if len(item.Servers) != len(s.Servers) {
		p.addf("%s: its servers are not those of tag %s", where, s.Name)
	}
	row := spec.Operation{ID: spec.OperationID(op.OperationID), Method: method, Path: path}
	row.Scopes = readSecurity(p, where, doc, s, op)
	readParameters(op, &row)
	readRetry(p, where, op, &row)
	readPagination(p, where, op, &row)
	for status := range op.Responses.Map() {
		code, err := strconv.Atoi(status)
		if err != nil {
			continue
		}
		if code >= 200 && code < 300 {
			if row.Success != 0 {
				p.addf("%s: more than one 2xx response", where)
			}
			row.Success = code
		}
	}
	if row.Success == 0 {
		p.addf("%s: no 2xx response", where)
	}
	s.Operations = append(s.Operations, row)
	if row.Pagination.Style != spec.PageNone {
		if s.Examples[row.ID] = elementExamples(op, row.Pagination.Items); len(s.Examples[row.ID]) == 0 {
			p.addf("%s: no example of its 2xx response has an element in %s", where, row.Pagination.Items)
		}
	}
	s.texts[row.ID] = texts{op.Summary, op.Description}
	for _, name := range operationModels(op, row.Pagination.Items) {
		if name == "" {
			p.addf("%s: give what it takes and returns schemas of their own in components, so that their Go types have names", where)
		} else if !slices.Contains(s.models, name) {
			s.models = append(s.models, name)
		}
	}
}

func readSecurity(p *problems, where string, doc *openapi3.T, s *service, op *openapi3.Operation) []string {
	if op.Security == nil || len(*op.Security) != 1 || len((*op.Security)[0]) != 1 {
		p.addf("%s: want exactly one security requirement with one scheme", where)
		return nil
	}
	for name, scopes := range (*op.Security)[0] {
		if scheme := doc.Components.SecuritySchemes[name]; scheme == nil {
			p.addf("%s: the security scheme %s is not in components", where, name)
		}
		for _, scope := range scopes {
			if !slices.Contains(s.Scopes, scope) {
				p.addf("%s: the scope %s is not one of %s", where, scope, name)
			}
		}
		return slices.Sorted(slices.Values(scopes))
	}
	return nil
}

func readParameters(op *openapi3.Operation, row *spec.Operation) {
	for _, ref := range op.Parameters {
		param := ref.Value
		if param.In == openapi3.ParameterInQuery {
			row.Query = append(row.Query, param.Name)
		}
		if param.In == openapi3.ParameterInHeader && strings.EqualFold(param.Name, "Idempotency-Key") {
			row.IdempotencyHeader = param.Name
			fields, _ := param.Extensions["x-evidence"].(map[string]any)
			row.IdempotencyTrusted = fields["grade"] == "documented" || fields["grade"] == "observed"
		}
	}
}

func readRetry(p *problems, where string, op *openapi3.Operation, row *spec.Operation) {
	class := spec.RetryClass(text(p, where+", x-retry", op.Extensions["x-retry"]))
	row.Retry = class
	safeMethod := row.Method == "GET" || row.Method == "HEAD"
	switch {
	case class == spec.RetrySafe && !safeMethod:
		p.addf("%s: x-retry safe on a method that changes things", where)
	case class == spec.RetryIdempotencyKey && row.IdempotencyHeader == "":
		p.addf("%s: x-retry idempotency-key without an Idempotency-Key header parameter", where)
	case class == spec.RetrySafe, class == spec.RetryIdempotencyKey, class == spec.RetryNever:
	default:
		p.addf("%s: x-retry must be safe, idempotency-key or never", where)
	}
}

func readPagination(p *problems, where string, op *openapi3.Operation, row *spec.Operation) {
	where += ", x-pagination"
	fields := textMap(p, where, op.Extensions["x-pagination"])
	page := &row.Pagination
	for name, value := range fields {
		switch name {
		case "style":
			page.Style = spec.PageStyle(value)
		case "items":
			page.Items = value
		case "next":
			page.Next = strings.Split(value, ".")
		case "more":
			page.More = strings.Split(value, ".")
		case "count":
			page.Count = strings.Split(value, ".")
		case "cursor-parameter":
			page.CursorParameter = value
		case "size-parameter":
			page.SizeParameter = value
		default:
			p.addf("%s: %q is not understood", where, name)
		}
	}
	switch page.Style {
	case spec.PageNone:
		if len(fields) > 1 {
			p.addf("%s: style none goes with nothing else", where)
		}
		return
	case spec.PageCursor, spec.PageNumber:
	default:
		p.addf("%s: style must be none, cursor or page-number", where)
		return
	}
	for _, name := range []string{page.CursorParameter, page.SizeParameter} {
		if op.Parameters.GetByInAndName(openapi3.ParameterInQuery, name) == nil {
			p.addf("%s: the query parameter %q is not declared", where, name)
		}
	}
	if param := op.Parameters.GetByInAndName(openapi3.ParameterInQuery, page.SizeParameter); param != nil {
		if most := param.Schema.Value.Max; most != nil {
			page.MaxSize = int(*most)
		}
	}
	answer := successSchema(op)
	page.Members = elementMembers(answer, page.Items)
	for _, path := range [][]string{page.Next, page.More} {
		for n := 1; n <= len(path); n++ {
			known := slices.ContainsFunc(page.Required, func(have []string) bool { return slices.Equal(have, path[:n]) })
			if !known && requiresProperty(answer, path[:n]) {
				page.Required = append(page.Required, path[:n])
			}
		}
	}
	for _, path := range [][]string{{page.Items}, page.Next, page.More, page.Count} {
		if len(path) > 0 && !hasProperty(answer, path) {
			p.addf("%s: the answer has no property %s", where, strings.Join(path, "."))
		}
	}
}
