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
	return printList(ctx, p, client.Users(), c.Limit, userLayout(), "users")
}

func userLayout() layout[facade.User] {
	type user = facade.User
	return layout[user]{
		table: []column[user]{
			{name: "name", cell: func(u user) string { return orDash(u.Name()) }, least: 12},
			{name: "email", member: "email", least: 16},
			{name: "id", member: "id"},
		},
		csv: members[user]("id", "email", "first_name", "last_name"),
	}
}
