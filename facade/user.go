package facade

import (
	"errors"
	"strings"
)

// Name returns the user's given and family name, or the e-mail address, or "".
func (u User) Name() string {
	if name := strings.TrimSpace(u.FirstName + " " + u.LastName); name != "" {
		return name
	}
	return u.Email
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
