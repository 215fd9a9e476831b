package main

import (
	"context"

	"github.com/credkit/credkit-go/facade"
)

type usersCommand struct {
	Limit count `placeholder:"N" help:"Stop after so many. Default: all of them."`
}

// Run lists the users of the Certn account.
func (c *usersCommand) Run(ctx context.Context, p *program) error {
	client, err := p.certn()
	if err != nil {
		return err
	}
	n, err := list(p, client.Users().All(ctx), c.Limit, newRows(p, userLayout()))
	if err == nil && n == 0 && p.format() == asTable {
		p.say("no users")
	}
	return err
}

func userLayout() layout[facade.User] {
	type user = facade.User
	id := column[user]{name: "id", cell: func(u user) string { return u.ID.String() }}
	email := column[user]{name: "email", cell: func(u user) string { return u.Email }, least: 16}
	return layout[user]{
		table: []column[user]{
			{name: "name", cell: func(u user) string { return orDash(u.Name()) }, least: 12},
			email,
			id,
		},
		csv: []column[user]{
			id, email,
			{name: "first_name", cell: func(u user) string { return u.FirstName }},
			{name: "last_name", cell: func(u user) string { return u.LastName }},
		},
	}
}
