package main

import (
	"context"
	"fmt"
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
	if p.format() != asTable {
		return one(p, meLayout(scopes), *me)
	}
	return fields(p, meFields(me, scopes))
}

func meLayout(scopes []string) layout[facade.Me] {
	return layout[facade.Me]{csv: []column[facade.Me]{
		{name: "id", cell: func(m facade.Me) string { return idOrNothing(m.User.ID) }},
		{name: "email", cell: func(m facade.Me) string { return m.User.Email }},
		{name: "display_name", cell: func(m facade.Me) string { return m.User.DisplayName }},
		{name: "scopes", cell: func(facade.Me) string { return strings.Join(scopes, " ") }},
	}}
}

func meFields(me *facade.Me, scopes []string) []field {
	all := []field{
		{"name", orDash(me.User.DisplayName)},
		{"email", orDash(me.User.Email)},
		{"id", orDash(idOrNothing(me.User.ID))},
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

// field is a line of a value that is shown for people.
type field struct{ name, value string }

func fields(p *program, all []field) error {
	widest := 0
	for _, f := range all {
		widest = max(widest, len(f.name))
	}
	paint := p.paint()
	for _, f := range all {
		name := fmt.Sprintf("%-*s", widest, f.name)
		if _, err := fmt.Fprintf(p.stdout, "%s  %s\n", paint.in(bold, name), printable(f.value)); err != nil {
			return err
		}
	}
	return nil
}
