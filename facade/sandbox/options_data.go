package sandbox

import (
	"encoding/json"
	"fmt"
	"net/url"
	"time"

	"github.com/credkit/credkit-go/api/certn"
	"github.com/credkit/credkit-go/api/cosmic"
	"github.com/credkit/credkit-go/api/server"
	"github.com/credkit/credkit-go/api/spec"
)

// most is how many rows a sandbox can have; none of them is held.
const most int64 = 1 << 40

// WithCertificationCount generates so many certifications for each user, computed
// from their number as they are asked for and never held. The default is 12.
func WithCertificationCount(n int) Option {
	return count("certifications", n, func(s *settings) { s.certificationCount = n })
}

// WithCertnUserCount generates so many users of the Certn account, computed as
// [WithCertificationCount] does. The default is 12.
func WithCertnUserCount(n int) Option {
	return count("users", n, func(s *settings) { s.certnUserCount = n })
}

func count(what string, n int, set func(*settings)) Option {
	return func(s *settings) error {
		if n < 0 || int64(n) > most {
			return fmt.Errorf("%d %s: want 0 to %d", n, what, most)
		}
		set(s)
		return nil
	}
}

// WithCertifications gives the certifications of every user in place of generated
// ones. A []byte, json.RawMessage or string goes onto the wire as it is, even
// if it is no JSON; anything else is marshalled. No argument is an empty list.
func WithCertifications(rows ...any) Option {
	return WithElements(cosmic.OpListCertifications, rows...)
}

// WithCertnUsers gives the users of the Certn account, as [WithCertifications] does.
func WithCertnUsers(rows ...any) Option { return WithElements(certn.OpListUsers, rows...) }

// WithElements gives the elements of a list, as [WithCertifications] takes them. Without
// it they are made of the examples of openapi.yaml: 12, each with an id of its
// own; certifications and users are generated.
func WithElements(list spec.OperationID, rows ...any) Option {
	return func(s *settings) error {
		if _, ok := server.Examples[list]; !ok {
			return fmt.Errorf("%q is no operation that is a list", list)
		}
		elements, err := marshalRows(rows)
		s.elements[list] = elements
		return err
	}
}

// marshalRows makes list elements of values as [WithCertifications] takes them. The
// result is never nil.
func marshalRows(rows []any) ([][]byte, error) {
	out := make([][]byte, 0, len(rows))
	for i, row := range rows {
		switch v := row.(type) {
		case []byte:
			out = append(out, v)
		case json.RawMessage:
			out = append(out, v)
		case string:
			out = append(out, []byte(v))
		default:
			b, err := json.Marshal(v)
			if err != nil {
				return nil, fmt.Errorf("row %d: %w", i, err)
			}
			out = append(out, b)
		}
	}
	return out, nil
}

// WithToday sets the day around which generated certifications expire; the default
// is the day of Start.
func WithToday(day time.Time) Option {
	return func(s *settings) error {
		if y := day.Year(); y < 1000 || y > 9000 {
			return fmt.Errorf("today in the year %d: want 1000 to 9000", y)
		}
		s.today = day
		return nil
	}
}

// WithUnknownValues has generated rows use enum words that openapi.yaml does not know.
func WithUnknownValues() Option {
	return func(s *settings) error { s.newWords = true; return nil }
}

// WithPageSize sets how many elements a page of COSMIC's lists has when the request
// does not say; the default is 50. A list that allows no page of that size has
// its largest.
func WithPageSize(n int) Option {
	return size("page", n, func(s *settings) { s.pageSize = n })
}

// WithCertnPageSize sets how many users a page has when the request does not say,
// and the most it can have, 0 for no bound: a larger page_size is quietly cut
// to it. The default is 50 and no bound; neither is documented.
func WithCertnPageSize(n, atMost int) Option {
	return func(s *settings) error {
		if n < 1 || atMost < 0 || atMost > 0 && n > atMost {
			return fmt.Errorf("pages of %d users, at most %d: want at least 1, and no more than the bound", n, atMost)
		}
		s.certnPageSize, s.certnMaxPageSize = n, atMost
		return nil
	}
}

func size(what string, n int, set func(*settings)) Option {
	return func(s *settings) error {
		if n < 1 {
			return fmt.Errorf("a %s size of %d: want at least 1", what, n)
		}
		set(s)
		return nil
	}
}

// WithoutPaging has the list of certifications respond by its older contract:
// everything at once, and no page member; and so every list of COSMIC whose
// response need not have one.
func WithoutPaging() Option {
	return func(s *settings) error { s.unpaged = true; return nil }
}

// WithoutLastCursor leaves page.next_cursor out on the last page; the default is
// null.
func WithoutLastCursor() Option {
	return func(s *settings) error { s.noLastCursor = true; return nil }
}

// WithOldMe has the current user in its older form: organizations,
// memberships and members, no user and no scopes.
func WithOldMe() Option {
	return func(s *settings) error { s.oldMe = true; return nil }
}

// WithFirstPartySessions makes every session a first-party one: the current user's scopes
// are empty, and every operation is allowed.
func WithFirstPartySessions() Option {
	return func(s *settings) error { s.firstParty = true; return nil }
}

// WithOldScopeNames has the current user's scopes under their older names, where
// they have one.
func WithOldScopeNames() Option {
	return func(s *settings) error { s.oldScopeNames = true; return nil }
}

// WithNextLinkOrigin sets the scheme and host of Certn's next and previous links,
// such as "http://elsewhere.test". The default is that of old recordings: the
// host of the request with the scheme http, also where the API is https.
func WithNextLinkOrigin(origin string) Option {
	return func(s *settings) error {
		if u, err := url.Parse(origin); err != nil || u.Scheme == "" || u.Host == "" || u.Path != "" {
			return fmt.Errorf("the origin %q of next links: want scheme://host", origin)
		}
		s.nextLinkOrigin = origin
		return nil
	}
}

// WithBareArray has Certn's list as an array without an envelope, as a
// sibling of it is: everything at once.
func WithBareArray() Option {
	return func(s *settings) error { s.bareArray = true; return nil }
}
