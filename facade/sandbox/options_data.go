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

// CertificationCount generates so many certifications for each user, computed
// from their number as they are asked for and never held. The default is 12.
func CertificationCount(n int) Option {
	return count("certifications", n, func(s *settings) { s.certificationCount = n })
}

// CertnUserCount generates so many users of the Certn account, computed as
// [CertificationCount] does. The default is 12.
func CertnUserCount(n int) Option {
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

// Certifications gives the certifications of every user in place of generated
// ones. A []byte, json.RawMessage or string goes onto the wire as it is, even
// if it is no JSON; anything else is marshalled. No argument is an empty list.
func Certifications(rows ...any) Option { return Elements(cosmic.OpListCertifications, rows...) }

// CertnUsers gives the users of the Certn account, as [Certifications] does.
func CertnUsers(rows ...any) Option { return Elements(certn.OpListUsers, rows...) }

// Elements gives the elements of a list, as [Certifications] takes them. Without
// it they are made of the examples of openapi.yaml: 12, each with an id of its
// own; certifications and users are generated.
func Elements(list spec.OperationID, rows ...any) Option {
	return func(s *settings) error {
		if _, ok := server.Examples[list]; !ok {
			return fmt.Errorf("%q is no operation that is a list", list)
		}
		elements, err := Rows(rows...)
		s.elements[list] = elements
		return err
	}
}

// Rows makes list elements of values as [Certifications] takes them. The
// result is never nil.
func Rows(rows ...any) ([][]byte, error) {
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

// Seed changes the generated data; the same seed makes the same rows. It also
// drives faults with a [Percent]. The default is 1.
func Seed(seed uint64) Option {
	return func(s *settings) error { s.seed = seed; return nil }
}

// Today sets the day around which generated certifications expire; the default
// is the day of Start.
func Today(day time.Time) Option {
	return func(s *settings) error {
		if y := day.Year(); y < 1000 || y > 9000 {
			return fmt.Errorf("today in the year %d: want 1000 to 9000", y)
		}
		s.today = day
		return nil
	}
}

// NewWords has generated rows use enum words that openapi.yaml does not know.
func NewWords() Option {
	return func(s *settings) error { s.newWords = true; return nil }
}

// PageSize sets how many elements a page of COSMIC's lists has when the request
// does not say; the default is 50. A list that allows no page of that size has
// its largest.
func PageSize(n int) Option {
	return size("page", n, func(s *settings) { s.pageSize = n })
}

// CertnPageSize sets how many users a page has when the request does not say,
// and the most it can have, 0 for no bound: a larger page_size is quietly cut
// to it. The default is 50 and no bound; neither is documented.
func CertnPageSize(n, atMost int) Option {
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

// Unpaged has the list of certifications answer by its older contract:
// everything at once, and no page member; and so every list of COSMIC whose
// response need not have one.
func Unpaged() Option {
	return func(s *settings) error { s.unpaged = true; return nil }
}

// NoLastCursor leaves page.next_cursor out on the last page; the default is
// null.
func NoLastCursor() Option {
	return func(s *settings) error { s.noLastCursor = true; return nil }
}

// OldMe has the current user answered in its older form: organizations,
// memberships and members, no user and no scopes.
func OldMe() Option {
	return func(s *settings) error { s.oldMe = true; return nil }
}

// FirstParty makes every session a first-party one: the current user's scopes
// are empty, and every operation is allowed.
func FirstParty() Option {
	return func(s *settings) error { s.firstParty = true; return nil }
}

// OldScopeNames has the current user's scopes under their older names, where
// they have one.
func OldScopeNames() Option {
	return func(s *settings) error { s.oldScopeNames = true; return nil }
}

// NextLinkOrigin sets the scheme and host of Certn's next and previous links,
// such as "http://elsewhere.test". The default is that of old recordings: the
// host of the request with the scheme http, also where the API is https.
func NextLinkOrigin(origin string) Option {
	return func(s *settings) error {
		if u, err := url.Parse(origin); err != nil || u.Scheme == "" || u.Host == "" || u.Path != "" {
			return fmt.Errorf("the origin %q of next links: want scheme://host", origin)
		}
		s.nextLinkOrigin = origin
		return nil
	}
}

// BareArray has Certn's list answered as an array without an envelope, as a
// sibling of it is: everything at once.
func BareArray() Option {
	return func(s *settings) error { s.bareArray = true; return nil }
}
