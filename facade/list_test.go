package facade_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/credkit/credkit-go/api/cosmic"
	"github.com/credkit/credkit-go/facade"
)

func ids(items []facade.Certification) (out []string) {
	for _, c := range items {
		out = append(out, c.ID.String())
	}
	return out
}

// once asks for nothing again: what a cut page is followed by is tested in
// pager_test.go.
var once = facade.WithRetry(facade.RetryPolicy{MaxAttempts: 1})

// everyReader runs a test with reading ahead and without.
func everyReader(t *testing.T, f func(t *testing.T, opts ...facade.Option)) {
	t.Run("reading ahead", func(t *testing.T) { f(t, once) })
	t.Run("one element ahead", func(t *testing.T) { f(t, once, facade.WithReadAhead(1, 1)) })
	t.Run("strictly lazy", func(t *testing.T) { f(t, once, facade.WithReadAhead(0, 0)) })
}

func TestListTakesEveryDocumentedShape(t *testing.T) {
	for name, test := range map[string]struct {
		replies []reply
		want    []string
		queries []string
	}{
		"legacy, unpaged":         {[]reply{jsonReply(`{"data":[` + certs(uuid1, uuid2) + `]}`)}, []string{uuid1, uuid2}, []string{""}},
		"empty":                   {[]reply{jsonReply(`{"data":[]}`)}, nil, []string{""}},
		"page is null":            {[]reply{jsonReply(`{"data":[` + certs(uuid1) + `],"page":null}`)}, []string{uuid1}, []string{""}},
		"last cursor null":        {[]reply{jsonReply(`{"data":[` + certs(uuid1) + `],"page":{"next_cursor":"a b","has_more":true}}`), jsonReply(`{"data":[` + certs(uuid2) + `],"page":{"next_cursor":null,"has_more":false}}`)}, []string{uuid1, uuid2}, []string{"", "cursor=a+b"}},
		"last cursor absent":      {[]reply{jsonReply(`{"data":[` + certs(uuid1) + `],"page":{"next_cursor":"x"}}`), jsonReply(`{"data":[` + certs(uuid2) + `],"page":{}}`)}, []string{uuid1, uuid2}, []string{"", "cursor=x"}},
		"no more in spite cursor": {[]reply{jsonReply(`{"data":[` + certs(uuid1) + `],"page":{"next_cursor":"x","has_more":false}}`)}, []string{uuid1}, []string{""}},
		"page before data":        {[]reply{jsonReply(`{"page":{"has_more":true,"next_cursor":"x"},"z":{"a":[1,{}]},"data":[` + certs(uuid1) + `]}`), jsonReply(`{"data":[]}`)}, []string{uuid1}, []string{"", "cursor=x"}},
		"an empty page between":   {[]reply{jsonReply(`{"data":[],"page":{"next_cursor":"x"}}`), jsonReply(`{"data":[` + certs(uuid2) + `]}`)}, []string{uuid2}, []string{"", "cursor=x"}},
	} {
		t.Run(name, func(t *testing.T) {
			everyReader(t, func(t *testing.T, opts ...facade.Option) {
				s := &script{replies: test.replies, me: `{"scopes":["certification_records:read"]}`}
				items, mismatches, err := drain(t.Context(), newCosmic(t, s, opts...).Certifications())
				if err != nil || mismatches != nil {
					t.Fatalf("mismatches %v, error %v", mismatches, err)
				}
				if diff := cmp.Diff(test.want, ids(items)); diff != "" {
					t.Error(diff)
				}
				var queries []string
				for _, r := range s.requests {
					queries = append(queries, r.URL.RawQuery)
					if r.URL.Path != "/prefix/v1/certifications" {
						t.Errorf("asked for %s", r.URL.Path)
					}
				}
				if diff := cmp.Diff(test.queries, queries); diff != "" {
					t.Error(diff)
				}
			})
		})
	}
}

func TestCertnListFollowsOnlyTheQueryOfALink(t *testing.T) {
	s := &script{replies: []reply{
		jsonReply(`{"count":2,"next":"http://evil.test/elsewhere/?page=2&page_size=1","previous":null,"results":[` + certs(uuid1) + `]}`),
		jsonReply(`{"count":3,"next":null,"results":[` + certs(uuid2) + `]}`),
	}}
	users, err := newCertn(t, s).Users().PageSize(1).Collect(t.Context(), 10)
	if err != nil || len(users) != 2 {
		t.Fatal(users, err)
	}
	for i, want := range []string{"https://certn.test/prefix/api/v1/users/?page_size=1", "https://certn.test/prefix/api/v1/users/?page=2&page_size=1"} {
		if got := s.requests[i].URL.String(); got != want {
			t.Errorf("request %d went to %s, want %s", i, got, want)
		}
	}
}

func TestCertnListTakesABareArray(t *testing.T) {
	s := &script{replies: []reply{jsonReply(`[` + certs(uuid1, uuid2) + `]`)}}
	users, err := newCertn(t, s).Users().Collect(t.Context(), 10)
	if err != nil || len(users) != 2 || s.count() != 1 {
		t.Fatal(users, err, s.count())
	}
}

func TestACutOrStrangeListIsNeverAnEnd(t *testing.T) {
	whole := `{"data":[` + certs(uuid1, uuid2) + `],"page":{"next_cursor":null}}`
	type want struct {
		items int
		kind  error
	}
	tests := map[string]struct {
		reply reply
		want  want
	}{
		"data is null":             {jsonReply(`{"data":null}`), want{0, facade.ErrInvalidResponse}},
		"data is an object":        {jsonReply(`{"data":{}}`), want{0, facade.ErrInvalidResponse}},
		"no data":                  {jsonReply(`{"page":{}}`), want{0, facade.ErrInvalidResponse}},
		"empty object":             {jsonReply(`{}`), want{0, facade.ErrInvalidResponse}},
		"null":                     {jsonReply(`null`), want{0, facade.ErrInvalidResponse}},
		"empty body":               {jsonReply(``), want{0, facade.ErrInvalidResponse}},
		"HTML":                     {reply{body: "<html>sign in", header: map[string]string{"Content-Type": "text/html"}}, want{0, facade.ErrInvalidResponse}},
		"something follows":        {jsonReply(whole + `{}`), want{2, facade.ErrInvalidResponse}},
		"the same name twice":      {jsonReply(`{"data":[` + certs(uuid1) + `],"data":[]}`), want{1, facade.ErrInvalidResponse}},
		"a name twice in one":      {jsonReply(`{"data":[` + certs(uuid1) + `,{"id":"` + uuid2 + `","id":"` + uuid2 + `"}]}`), want{1, facade.ErrInvalidResponse}},
		"has_more without cursor":  {jsonReply(`{"data":[` + certs(uuid1) + `],"page":{"has_more":true}}`), want{1, facade.ErrInvalidResponse}},
		"cursor is a number":       {jsonReply(`{"data":[` + certs(uuid1) + `],"page":{"next_cursor":7}}`), want{1, facade.ErrInvalidResponse}},
		"a cursor that stands":     {jsonReply(`{"data":[` + certs(uuid1) + `],"page":{"next_cursor":"x"}}`), want{2, facade.ErrInvalidResponse}},
		"redirect":                 {reply{status: 302, header: map[string]string{"Location": "https://evil.test/"}}, want{0, facade.ErrInvalidResponse}},
		"no content":               {reply{status: 204}, want{0, facade.ErrInvalidResponse}},
		"nesting without an end":   {jsonReply(`{"data":[{"id":"` + uuid1 + `","x":` + strings.Repeat("[", 20000)), want{0, facade.ErrInvalidResponse}},
		"the connection is cut":    {reply{body: `{"data":[` + certs(uuid1), cut: true}, want{1, facade.ErrInvalidResponse}},
		"cut after the last one":   {reply{body: `{"data":[` + certs(uuid1) + `]`, cut: true}, want{1, facade.ErrInvalidResponse}},
		"an element over the size": {jsonReply(`{"data":[` + certs(uuid1) + `,{"id":"` + uuid2 + `","x":"` + strings.Repeat("y", 1<<17) + `"}]}`), want{1, facade.ErrInvalidResponse}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			everyReader(t, func(t *testing.T, opts ...facade.Option) {
				s := &script{replies: []reply{test.reply}, me: `{"scopes":[],"user":{"email":"a@b.c"}}`}
				items, _, err := drain(t.Context(), newCosmic(t, s, append(opts, facade.WithMaxResponseBytes(1<<16))...).Certifications())
				if len(items) != test.want.items || !errors.Is(err, test.want.kind) {
					t.Errorf("%d elements, then %v; want %d, then %v", len(items), err, test.want.items, test.want.kind)
				}
			})
		})
	}
}

// Wherever a list is cut, the elements before the cut come and an error after
// them: never an end.
func TestEveryPrefixOfAListIsAnError(t *testing.T) {
	whole := `{"data":[` + certs(uuid1, uuid2) + `],"page":{"next_cursor":null,"has_more":false}} `
	for n := range len(whole) - 1 {
		for _, cut := range []bool{true, false} {
			s := &script{replies: []reply{{body: whole[:n], cut: cut}}}
			c := newCosmic(t, s, facade.WithScopeCheck(facade.CheckNever), once)
			if _, _, err := drain(t.Context(), c.Certifications()); err == nil {
				t.Fatalf("no error for %q", whole[:n])
			}
		}
	}
}

func TestAnElementThatDoesNotFitIsToldAndTheRangeGoesOn(t *testing.T) {
	everyReader(t, func(t *testing.T, opts ...facade.Option) {
		s := &script{replies: []reply{jsonReply(`{"data":[` + certs(uuid1) +
			`,{"id":"` + uuid2 + `","issued_on":"31.12.2025"},7,null,[[{}]],{},"x",{"id":"no uuid"},` +
			`{"id":"` + uuid2 + `","certification_type":{"slug":{"deep":[1]}},"z":1},` + certs(uuid3) + `]}`)}}
		items, mismatches, err := drain(t.Context(), newCosmic(t, s, append(opts, facade.WithScopeCheck(facade.CheckNever))...).Certifications())
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{uuid1, uuid3}, ids(items)); diff != "" {
			t.Error(diff)
		}
		var paths []string
		for i, bad := range mismatches {
			paths = append(paths, bad.Path)
			if bad.Index != i+1 || strings.Contains(bad.Error(), "31.12") {
				t.Errorf("mismatches %d: %v", i, bad)
			}
		}
		want := []string{"/data/1/issued_on", "/data/2", "/data/3", "/data/4", "/data/5", "/data/6", "/data/7/id", "/data/8/certification_type/slug"}
		if diff := cmp.Diff(want, paths); diff != "" {
			t.Error(diff)
		}
	})
}

func TestUnknownWordsFieldsAndNullsAreKept(t *testing.T) {
	const body = `{"id":"` + uuid1 + `","lifecycle_status":"dormant","badge":{"colour":"red"},"expires_on":null,"issued_on":"","created_at":null,"organization_id":null,"certification_type":null,"level":3}`
	s := &script{replies: []reply{jsonReply(`{"data":[` + body + `]}`)}}
	c, err := newCosmic(t, s, facade.WithScopeCheck(facade.CheckNever)).Certifications().First(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if c.LifecycleStatus != "dormant" || c.LifecycleStatus.Valid() || !c.ExpiresOn.IsZero() {
		t.Errorf("%+v", c)
	}
	text, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"certification_type":null,"created_at":null,"expires_on":null,"id":"` + uuid1 + `","issued_on":"","lifecycle_status":"dormant",` +
		`"organization_id":null,"badge":{"colour":"red"},"level":3}`
	if diff := cmp.Diff(want, string(text)); diff != "" {
		t.Error(diff)
	}
	var back facade.Certification
	if err := json.Unmarshal(text, &back); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(*c, back); diff != "" {
		t.Error(diff)
	}
}

func TestPagesResumeInAnotherClient(t *testing.T) {
	s := &script{replies: []reply{
		jsonReply(`{"data":[` + certs(uuid1) + `,{}],"page":{"next_cursor":"two&=","has_more":true}}`),
		jsonReply(`{"data":[` + certs(uuid2) + `],"page":{"next_cursor":null}}`),
	}}
	var resume string
	for page, err := range newCosmic(t, s, facade.WithScopeCheck(facade.CheckNever)).Certifications().PageSize(2).Pages(t.Context()) {
		if err != nil || len(page.Items) != 1 || len(page.Bad) != 1 {
			t.Fatal(page, err)
		}
		resume = page.Resume
		break
	}
	other := newCosmic(t, s, facade.WithScopeCheck(facade.CheckNever))
	items, err := other.Certifications().From(resume).Collect(t.Context(), 5)
	if err != nil || len(items) != 1 || items[0].ID.String() != uuid2 {
		t.Fatal(items, err)
	}
	if q := s.requests[1].URL.Query(); q.Get("cursor") != "two&=" || q.Get("limit") != "2" {
		t.Errorf("resumed with %v", q)
	}
	for _, bad := range []string{"", "x", resume + "!", resume[:len(resume)-9]} {
		if _, err := other.Certifications().From(bad).First(t.Context()); !errors.Is(err, facade.ErrInvalid) {
			t.Errorf("From(%q): %v", bad, err)
		}
	}
	for name, list := range map[string]*facade.List[facade.Certification]{
		"another base URL":  newCosmic(t, s, facade.WithBaseURL("https://cosmic.test/other")).Certifications(),
		"another worker":    newCosmicFor(t, s, keyed{"worker-2"}).Certifications(),
		"another page size": newCosmic(t, s).Certifications().PageSize(3),
	} {
		if _, err := list.From(resume).First(t.Context()); !errors.Is(err, facade.ErrInvalid) || !strings.Contains(err.Error(), "Page.Resume is of") {
			t.Errorf("%s: %v", name, err)
		}
	}
	users := newCertn(t, s).Users()
	if _, err := users.From(resume).First(t.Context()); !errors.Is(err, facade.ErrInvalid) {
		t.Errorf("another list's Resume: %v", err)
	}
}

// A paging member that the specification requires must be there: without it a
// list that goes on would look complete.
func TestAListWithoutARequiredPagingMemberIsNotComplete(t *testing.T) {
	op, _ := cosmic.Service.Operation(facade.ListCertifications)
	declared := op.Pagination
	defer func() { op.Pagination = declared }()
	for _, test := range []struct {
		required [][]string
		page     string
		ok       bool
	}{
		{nil, ``, true},
		{nil, `,"page":{}`, true},
		{[][]string{{"page"}}, ``, false},
		{[][]string{{"page"}}, `,"page":null`, true},
		{[][]string{{"page"}}, `,"page":{}`, true},
		{[][]string{{"page", "has_more"}}, ``, true},
		{[][]string{{"page", "has_more"}}, `,"page":null`, true},
		{[][]string{{"page", "has_more"}}, `,"page":{"next_cursor":null}`, false},
		{[][]string{{"page", "has_more"}}, `,"page":{"has_more":null}`, true},
		{[][]string{{"page", "has_more"}}, `,"page":{"has_more":false}`, true},
		{[][]string{{"page"}, {"page", "next_cursor"}}, `,"page":{"has_more":false}`, false},
	} {
		op.Pagination.Required = test.required
		s := &script{replies: []reply{jsonReply(`{"data":[` + certs(uuid1) + `]` + test.page + `}`)}}
		items, err := newCosmic(t, s, unchecked).Certifications().Collect(t.Context(), 5)
		if len(items) != 1 || test.ok && err != nil || !test.ok && (!errors.Is(err, facade.ErrInvalidResponse) || !strings.Contains(err.Error(), "is missing")) {
			t.Errorf("required %v, have %s: %d items, %v", test.required, test.page, len(items), err)
		}
	}
}

func TestCollectNeverGivesHalfAListAsAWhole(t *testing.T) {
	s := &script{replies: []reply{jsonReply(`{"data":[` + certs(uuid1, uuid2, uuid3) + `]}`)}}
	l := newCosmic(t, s, facade.WithScopeCheck(facade.CheckNever)).Certifications()
	if items, err := l.Collect(t.Context(), 2); len(items) != 2 || !errors.Is(err, facade.ErrTooMany) {
		t.Errorf("%d items, %v", len(items), err)
	}
	if items, err := l.Collect(t.Context(), 3); len(items) != 3 || err != nil {
		t.Errorf("%d items, %v", len(items), err)
	}
}

func TestTooManyPagesEndInAnError(t *testing.T) {
	s := &script{}
	for i := range 10 {
		s.replies = append(s.replies, jsonReply(fmt.Sprintf(`{"data":[],"page":{"next_cursor":"%d"}}`, i)))
	}
	c := newCosmic(t, s, facade.WithScopeCheck(facade.CheckNever), facade.WithMaxPages(4))
	if _, _, err := drain(t.Context(), c.Certifications()); !errors.Is(err, facade.ErrTooMany) || s.count() != 4 {
		t.Errorf("%v after %d pages", err, s.count())
	}
}

func TestFiltersAndFind(t *testing.T) {
	const body = `{"data":[
		{"id":"` + uuid1 + `","expires_on":"2026-01-10","lifecycle_status":"active","certification_type":{"slug":"forklift"}},
		{"id":"` + uuid2 + `","expires_on":"2026-03-01","validity_status":"valid","certification_type":{"slug":"crane"}},
		{"id":"` + uuid3 + `","verification_status":"unverified"}]}`
	now := time.Date(2026, 1, 5, 12, 0, 0, 0, time.UTC)
	l := func() *facade.List[facade.Certification] {
		return newCosmic(t, &script{replies: []reply{jsonReply(body)}}, facade.WithScopeCheck(facade.CheckNever)).Certifications()
	}
	for name, test := range map[string]struct {
		match facade.Match[facade.Certification]
		want  []string
	}{
		"expiring":     {facade.Expiring(now, 5*24*time.Hour), []string{uuid1}},
		"expiring not": {facade.Expiring(now, 4*24*time.Hour), nil},
		"expired":      {facade.Expired(now.AddDate(0, 1, 0)), []string{uuid1}},
		"slug":         {facade.TypeSlug("crane", "saw"), []string{uuid2}},
		"id":           {facade.CertificationID(strings.ToUpper(uuid3)), []string{uuid3}},
	} {
		t.Run(name, func(t *testing.T) {
			items, err := l().Where(test.match).Collect(t.Context(), 9)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, ids(items)); diff != "" {
				t.Error(diff)
			}
		})
	}
	for name, bad := range map[string]facade.Match[facade.Certification]{
		"zero": {}, "nil function": facade.Matching[facade.Certification]("x", nil), "no slug": facade.TypeSlug(), "empty slug": facade.TypeSlug(""),
		"empty id": facade.CertificationID(""), "dots": facade.CertificationID(".."), "no uuid": facade.CertificationID("42"),
	} {
		s := &script{replies: []reply{jsonReply(body)}}
		if _, err := newCosmic(t, s).FindCertification(t.Context(), bad); !errors.Is(err, facade.ErrInvalid) || s.count() != 0 {
			t.Errorf("%s: %v after %d requests", name, err, s.count())
		}
	}
}

func TestFindUser(t *testing.T) {
	const body = `{"results":[{"id":"` + uuid1 + `","email":"Ada@Example.com","first_name":"Ada","is_active":true},{"id":"` + uuid2 + `"}]}`
	find := func(m facade.Match[facade.User]) (*facade.User, error) {
		return newCertn(t, &script{replies: []reply{jsonReply(body)}}).FindUser(t.Context(), m)
	}
	ada, err := find(facade.ByEmail(" ada@example.COM "))
	if err != nil || ada.ID.String() != uuid1 || ada.Name() != "Ada" || string(ada.Extra["is_active"]) != "true" {
		t.Error(ada, err)
	}
	if u, err := find(facade.ByID(uuid2)); err != nil || u.ID.String() != uuid2 {
		t.Error(u, err)
	}
	if u, err := find(facade.ByID(uuid3)); u != nil || !errors.Is(err, facade.ErrNotFound) {
		t.Error(u, err)
	}
	if u, err := find(facade.ByEmail("")); u != nil || !errors.Is(err, facade.ErrInvalid) {
		t.Error(u, err)
	}
}

func TestARangeStartsAnewAndLeavesNothingBehind(t *testing.T) {
	defer goleak.VerifyNone(t)
	everyReader(t, func(t *testing.T, opts ...facade.Option) {
		body := &watchedReader{Reader: strings.NewReader(`{"data":[` + certs(uuid1, uuid2) + `,` + strings.Repeat(certs(uuid3)+",", 5000) + certs(uuid1) + `]}`)}
		s := &script{replies: []reply{{reader: body}, jsonReply(`{"data":[` + certs(uuid2) + `]}`)}}
		l := newCosmic(t, s, append(opts, facade.WithScopeCheck(facade.CheckNever))...).Certifications()
		for c, err := range l.All(t.Context()) {
			if err != nil || c.ID.String() != uuid1 {
				t.Fatal(c.ID, err)
			}
			break
		}
		if !body.closed {
			t.Error("breaking out left the body open")
		}
		if items, err := l.Collect(t.Context(), 10); err != nil || len(items) != 1 {
			t.Error(items, err)
		}
	})
}

type watchedReader struct {
	io.Reader
	closed bool
}

func (w *watchedReader) Close() error { w.closed = true; return nil }

func TestACancelledRangeEndsInTheContextsError(t *testing.T) {
	everyReader(t, func(t *testing.T, opts ...facade.Option) {
		s := &script{replies: []reply{jsonReply(`{"data":[` + strings.Repeat(certs(uuid3)+",", 50_000) + certs(uuid1) + `]}`)}}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		n := 0
		var last error
		for _, err := range newCosmic(t, s, append(opts, facade.WithScopeCheck(facade.CheckNever))...).Certifications().All(ctx) {
			if last = err; err == nil {
				n++
			}
			cancel()
		}
		// The body is all there, and a range may read on in it; but an end
		// without an error must be the true end.
		if last == nil && n != 50_001 || last != nil && !errors.Is(last, context.Canceled) {
			t.Errorf("%d elements, then %v", n, last)
		}
	})
}

// A connection that fails in the middle of an element is told as that, wherever
// the element was.
func TestAFailedReadIsToldAsSuchWhereverItHappens(t *testing.T) {
	reset := errors.New("connection reset by peer")
	whole := `{"data":[{"id":"` + uuid1 + `","issuer_name":"a b","x":{"y":[1,true,null,"z"]}}]}`
	for n := range len(whole) {
		everyReader(t, func(t *testing.T, opts ...facade.Option) {
			s := &script{replies: []reply{{reader: io.NopCloser(io.MultiReader(strings.NewReader(whole[:n]), failing{reset}))}}}
			if _, _, err := drain(t.Context(), newCosmic(t, s, append(opts, facade.WithScopeCheck(facade.CheckNever))...).Certifications()); !errors.Is(err, reset) {
				t.Errorf("after %q: %v", whole[:n], err)
			}
		})
	}
}

func TestAPanicOfTheCallersReachesTheCaller(t *testing.T) {
	defer goleak.VerifyNone(t)
	s := &script{replies: []reply{jsonReply(`{"data":[` + certs(uuid1) + `]}`)}}
	defer func() {
		if r := recover(); r != "ouch" {
			t.Errorf("recovered %v", r)
		}
	}()
	m := facade.Matching("a panic", func(facade.Certification) bool { panic("ouch") })
	_, _ = newCosmic(t, s, facade.WithScopeCheck(facade.CheckNever)).Certifications().Where(m).First(t.Context())
}

// The reader runs ahead within its bound and not further, and asks for the
// next page while the caller still works on this one.
func TestReadingAheadKeepsItsBoundAndAsksEarly(t *testing.T) {
	for _, ahead := range []int{1, 4, 40, 256} {
		synctest.Test(t, func(t *testing.T) {
			s := &script{replies: []reply{
				jsonReply(`{"data":[` + certs(uuid1, uuid1, uuid1) + `],"page":{"next_cursor":"2"}}`),
				jsonReply(`{"data":[` + certs(uuid1, uuid1, uuid1) + `],"page":{"next_cursor":"3"}}`),
				{reader: io.NopCloser(&drip{})},
			}}
			read := 0
			m := facade.Matching("a counter", func(facade.Certification) bool { read++; return true })
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			n := 0
			for range newCosmic(t, s, facade.WithScopeCheck(facade.CheckNever), facade.WithReadAhead(ahead, 1<<20)).Certifications().Where(m).All(ctx) {
				n++
				synctest.Wait()
				if over := read - n; over > ahead {
					t.Fatalf("%d elements ahead, %d allowed", over, ahead)
				}
				if n == 1 && s.count() != 1 {
					t.Errorf("the second page was requested before the first was read")
				}
				if n == 4 && ahead >= 40 && s.count() != 3 {
					t.Errorf("the next page was not requested")
				}
				if n == 1000 {
					break
				}
			}
		})
	}
}

// drip is a page without end.
type drip struct{ begun bool }

func (d *drip) Read(p []byte) (int, error) {
	text := "," + certs(uuid2)
	if !d.begun {
		d.begun = true
		text = `{"data":[` + certs(uuid2)
	}
	return copy(p, text), nil
}

func TestListOfYieldsItsValues(t *testing.T) {
	ada, grace := facade.User{}, facade.User{}
	ada.Email, grace.Email = "ada@example.com", "grace@example.com"
	users := facade.ListOf(ada, grace)
	if got, err := users.PageSize(1).Collect(t.Context(), 2); err != nil || len(got) != 2 || got[0].Email != ada.Email {
		t.Error(got, err)
	}
	if got, err := users.Where(facade.ByEmail(grace.Email)).First(t.Context()); err != nil || got.Email != grace.Email {
		t.Error(got, err)
	}
	if got, err := users.Collect(t.Context(), 1); !errors.Is(err, facade.ErrTooMany) || len(got) != 1 {
		t.Error(got, err)
	}
	pages := 0
	for page, err := range users.Where(facade.ByEmail(ada.Email)).Pages(t.Context()) {
		if pages++; err != nil || len(page.Items) != 1 || page.Resume != "" {
			t.Error(page, err)
		}
	}
	if pages != 1 {
		t.Errorf("%d pages", pages)
	}
	for range users.All(t.Context()) {
		break // no panic by a yield after the end
	}
	if got, err := facade.ListOf[facade.User]().Collect(t.Context(), 0); err != nil || len(got) != 0 {
		t.Error(got, err)
	}

	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := users.Collect(ended, 2); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	for what, wrong := range map[string]*facade.List[facade.User]{
		"an empty Match": users.Where(facade.Match[facade.User]{}), "no page size": users.PageSize(0), "a Resume": users.From("from elsewhere"),
	} {
		if _, err := wrong.Collect(t.Context(), 2); !errors.Is(err, facade.ErrInvalid) {
			t.Errorf("%s: %v", what, err)
		}
	}
	var facadeError *facade.Error
	if _, err := users.Where(facade.ByEmail("nobody@example.com")).First(t.Context()); !errors.Is(err, facade.ErrNotFound) || !errors.As(err, &facadeError) {
		t.Error(err)
	}
	t.Log(facadeError)
}
