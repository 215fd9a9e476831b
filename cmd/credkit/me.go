package main

import (
	"context"
	"strings"

	"github.com/credkit/credkit-go/facade"
)

type meCommand struct{}

// Run shows who is signed in.
func (c *meCommand) Run(ctx context.Context, p *program) error {
	client, err := p.cosmic(ctx)
	if err != nil {
		return err
	}
	me, err := client.Me(ctx)
	if err != nil {
		return err
	}
	scopes, err := client.Scopes(ctx)
	if err != nil {
		return err
	}
	if p.format() != formatTable {
		return printOne(p, meLayout(scopes), *me)
	}
	return printFields(p, meFields(me, scopes))
}

func meLayout(scopes []string) layout[facade.Me] {
	return layout[facade.Me]{csv: []column[facade.Me]{
		{name: "id", cell: func(m facade.Me) string { return idText(m.User.ID) }},
		{name: "email", cell: func(m facade.Me) string { return m.User.Email }},
		{name: "display_name", cell: func(m facade.Me) string { return m.User.DisplayName }},
		{name: "scopes", cell: func(facade.Me) string { return strings.Join(scopes, " ") }},
	}}
}

func meFields(me *facade.Me, scopes []string) []field {
	all := []field{
		{"name", dashIfEmpty(me.User.DisplayName)},
		{"email", dashIfEmpty(me.User.Email)},
		{"id", dashIfEmpty(idText(me.User.ID))},
	}
	for _, organization := range me.Organizations {
		all = append(all, field{"organization", organization.Name})
	}
	if len(scopes) == 0 {
		return append(all, field{"scopes", "none named: the server decides (a first-party session has none)"})
	}
	for i, scope := range scopes {
		name := ""
		if i == 0 {
			name = "scopes"
		}
		all = append(all, field{name, scope})
	}
	return all
}

func idText(id facade.UUID) string {
	if id == (facade.UUID{}) {
		return ""
	}
	return id.String()
}
