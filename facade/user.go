package facade

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"sync"

	"github.com/credkit/credkit-go/api/certn"
)

// User is a user of a Certn partner account. Only ID is always there. Most of
// the real object is not documented and stands in Extra.
type User struct {
	certn.User
	// Extra has the members that the specification does not know, as they
	// came; nil if there are none. It is written flat by json.Marshal.
	Extra map[string]json.RawMessage `json:",embed"`
}

// bareUser has the fields of a User without its methods.
type bareUser User

// MarshalJSON writes the user as the service does, Extra included.
func (u User) MarshalJSON() ([]byte, error) { return marshal(bareUser(u)) }

// UnmarshalJSON reads a user as the service writes it.
func (u *User) UnmarshalJSON(b []byte) error {
	var bare bareUser
	if err := unmarshal(b, &bare); err != nil {
		return err
	}
	*u = User(bare)
	return nil
}

// Name returns the user's given and family name, or the e-mail address, or "".
func (u User) Name() string {
	if name := strings.TrimSpace(u.FirstName + " " + u.LastName); name != "" {
		return name
	}
	return u.Email
}

// userPlan is how elements of a list are decoded by the shortcut.
var userPlan = sync.OnceValue(func() *plan { return newPlan(reflect.TypeFor[certn.User]()) })

// userElement returns how the elements of one list are decoded.
func userElement() element[User] {
	return element[User]{
		shortcut: shortcut{plan: userPlan().clone()},
		parts:    func(into *User) (any, *extra) { return &into.User, &into.Extra },
		whole:    func(into *User) any { return (*bareUser)(into) },
		check:    (*User).check,
	}
}

// check holds a user against what is relied on.
func (u *User) check() error {
	if u.ID == (UUID{}) {
		return &misfit{"", "a user without an id"}
	}
	return nil
}

// ByID picks the user with the given id.
func ByID(id string) Match[User] {
	return byID("a user", id, func(u User) UUID { return u.ID })
}

// ByEmail picks the user with the given e-mail address, in upper or lower case.
func ByEmail(address string) Match[User] {
	want := strings.TrimSpace(address)
	if want == "" {
		return Match[User]{err: errors.New("ByEmail: the address is empty")}
	}
	return Matching("a user with that e-mail address", func(u User) bool { return strings.EqualFold(u.Email, want) })
}
