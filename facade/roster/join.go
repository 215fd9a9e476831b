package roster

import (
	"cmp"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/credkit/credkit-go/facade"
)

// Presence says on which side a person was found.
type Presence string

// The presences. Persons are told apart by their e-mail addresses, in upper or
// lower case.
const (
	// PresenceBoth: one worker and one Certn user have the address.
	PresenceBoth Presence = "both"
	// PresenceOnlyCosmic: a worker, and no Certn user.
	PresenceOnlyCosmic Presence = "only_cosmic"
	// PresenceOnlyCertn: a Certn user, and no worker.
	PresenceOnlyCertn Presence = "only_certn"
	// PresenceSeveral: more than one worker or more than one Certn user has the
	// address.
	PresenceSeveral Presence = "several"
	// PresenceUnknown: the address is not known, so that nothing can be said.
	PresenceUnknown Presence = "unknown"
)

// CertnMatch is what [Join] found of a row.
type CertnMatch struct {
	// Presence is on which side the person is.
	Presence Presence `json:"presence"`
	// Users are the ids of the Certn users with the row's e-mail address.
	Users []facade.UUID `json:"users,omitempty"`
}

// Join sets the Certn of each row, in place, and returns the rows with one
// for each address that only Certn users have, or user without an address.
// Users that cannot be read are left out, and are an error beside good rows; any
// other error of the list comes without rows.
func Join(rows []Row, users iter.Seq2[facade.User, error]) ([]Row, error) {
	type side struct {
		workers int
		users   []facade.User
	}
	byEmail := map[string]*side{}
	for _, r := range rows {
		if email := foldEmail(r.Email); email != "" {
			if byEmail[email] == nil {
				byEmail[email] = &side{}
			}
			byEmail[email].workers++
		}
	}
	var added []Row
	var bad int
	var firstBad error
	for u, err := range users {
		var element *facade.ElementError
		switch {
		case errors.As(err, &element):
			if bad++; firstBad == nil {
				firstBad = err
			}
			continue
		case err != nil:
			return nil, err
		}
		u.Extra = nil // most of a user, and not needed
		email := foldEmail(u.Email)
		if email == "" {
			added = append(added, certnRow(u))
			continue
		}
		if byEmail[email] == nil {
			byEmail[email] = &side{}
		}
		byEmail[email].users = append(byEmail[email].users, u)
	}
	for i := range rows {
		r := &rows[i]
		s := byEmail[foldEmail(r.Email)]
		if s == nil {
			if r.Key != "" {
				r.Certn = &CertnMatch{Presence: PresenceUnknown}
			}
			continue
		}
		r.Certn = &CertnMatch{Presence: presence(s.workers, len(s.users))}
		for _, u := range s.users {
			r.Certn.Users = append(r.Certn.Users, u.ID)
		}
	}
	for _, s := range byEmail {
		if s.workers > 0 {
			continue
		}
		row := certnRow(s.users...)
		if len(s.users) > 1 {
			row.Certn.Presence = PresenceSeveral
		}
		added = append(added, row)
	}
	slices.SortFunc(added, func(a, b Row) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.Email, b.Email), slices.Compare(a.Certn.Users[0][:], b.Certn.Users[0][:]))
	})
	rows = append(rows, added...)
	if bad > 0 {
		return rows, fmt.Errorf("%d of the Certn users could not be read, the first: %w", bad, firstBad)
	}
	return rows, nil
}

func presence(workers, users int) Presence {
	switch {
	case workers > 1 || users > 1:
		return PresenceSeveral
	case users == 0:
		return PresenceOnlyCosmic
	default:
		return PresenceBoth
	}
}

// certnRow is a row of Certn users who are no workers and share an address.
func certnRow(users ...facade.User) Row {
	row := Row{Name: users[0].Name(), Email: users[0].Email, Certn: &CertnMatch{Presence: PresenceOnlyCertn}}
	for _, u := range users {
		row.Certn.Users = append(row.Certn.Users, u.ID)
	}
	return row
}
