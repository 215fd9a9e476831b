package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/credkit/credkit-go/api/certn"
	"github.com/credkit/credkit-go/api/cosmic"
	"github.com/credkit/credkit-go/api/spec"
	"github.com/credkit/credkit-go/facade"
)

type checkCommand struct {
	Operations []string `arg:"" optional:"" name:"operation" complete:"operations" help:"Operations of openapi.yaml, such as listCertifications. Default: all of COSMIC."`
}

// verdict says whether one operation is allowed. It is printed as JSON.
type verdict struct {
	Operation facade.OperationID `json:"operation"`
	Needs     []string           `json:"needs"`
	Verdict   string             `json:"verdict"`
	Missing   []string           `json:"missing"`
}

// The verdicts, as they are printed.
const (
	allowed       = "allowed"
	denied        = "not allowed"
	serverDecides = "server decides" // the sign-in names no scopes
)

// Run checks the scopes of operations against what the sign-in has.
func (c *checkCommand) Run(ctx context.Context, p *program) error {
	operations, err := c.operations()
	if err != nil {
		return err
	}
	verdicts, err := checkScopes(ctx, p, operations)
	if err != nil {
		return err
	}
	if err := writeAll(newRows(p, verdictColumns()), verdicts); err != nil {
		return err
	}
	var missing []string
	denials := 0
	for _, v := range verdicts {
		if v.Verdict == denied {
			denials++
			missing = append(missing, v.Missing...)
		}
	}
	if denials == 0 {
		return nil
	}
	slices.Sort(missing)
	missing = slices.Compact(missing)
	return notAllowedError{fmt.Sprintf("%d of %d operations not allowed: the sign-in lacks %s\n  add the scope to the app in COSMIC's developer portal, then run: credkit login",
		denials, len(verdicts), strings.Join(missing, ", ")), missing}
}

// operations are the rows of openapi.yaml's tables for the arguments.
func (c *checkCommand) operations() ([]spec.Operation, error) {
	if len(c.Operations) == 0 {
		return cosmic.Service.Operations, nil
	}
	known := slices.Concat(cosmic.Service.Operations, certn.Service.Operations)
	var found []spec.Operation
	for _, name := range c.Operations {
		i := slices.IndexFunc(known, func(op spec.Operation) bool { return string(op.ID) == name })
		if i < 0 {
			var names []string
			for _, op := range known {
				names = append(names, string(op.ID))
			}
			return nil, usagef("there is no operation %q: want one of %s", name, strings.Join(names, ", "))
		}
		found = append(found, known[i])
	}
	return found, nil
}

// checkScopes asks for the scopes of the sign-in, if an operation needs one.
func checkScopes(ctx context.Context, p *program, operations []spec.Operation) ([]verdict, error) {
	var client *facade.Cosmic
	var have []string
	verdicts := make([]verdict, 0, len(operations))
	for _, op := range operations {
		v := verdict{Operation: op.ID, Needs: append([]string{}, op.Scopes...), Verdict: allowed, Missing: []string{}}
		if len(op.Scopes) > 0 {
			if client == nil {
				var err error
				if client, err = p.cosmic(ctx); err != nil {
					return nil, err
				}
				if have, err = client.Scopes(ctx); err != nil {
					return nil, err
				}
			}
			err := client.Require(ctx, op.ID)
			var missing *facade.ScopeError
			switch {
			case errors.As(err, &missing):
				v.Verdict, v.Missing = denied, missing.Missing
			case err != nil:
				return nil, err
			case len(have) == 0:
				v.Verdict = serverDecides
			}
		}
		verdicts = append(verdicts, v)
	}
	return verdicts, nil
}

func verdictColumns() layout[verdict] {
	color := func(v verdict) style {
		return map[string]style{allowed: green, denied: red, serverDecides: yellow}[v.Verdict]
	}
	operation := column[verdict]{name: "operation", cell: func(v verdict) string { return string(v.Operation) }}
	word := column[verdict]{name: "verdict", cell: func(v verdict) string { return v.Verdict }, style: color}
	return layout[verdict]{
		table: []column[verdict]{
			operation, word,
			{name: "needs", cell: func(v verdict) string { return dashIfEmpty(strings.Join(v.Needs, " ")) }},
		},
		csv: []column[verdict]{
			operation, word,
			{name: "needs", cell: func(v verdict) string { return strings.Join(v.Needs, " ") }},
			{name: "missing", cell: func(v verdict) string { return strings.Join(v.Missing, " ") }},
		},
	}
}
