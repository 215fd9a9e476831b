package main

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/credkit/credkit-go/api/certn"
	"github.com/credkit/credkit-go/api/cosmic"
	"github.com/credkit/credkit-go/api/spec"
	"github.com/credkit/credkit-go/facade"
)

// listLayout is how the elements of a list look whose command has no more to
// say about them: a table has the members named, the first of which may be
// cut, and CSV all that openapi.yaml declares, in its order.
func listLayout[T any](list facade.OperationID, table ...string) layout[T] {
	all := slices.Concat(cosmic.Service.Operations, certn.Service.Operations)
	i := slices.IndexFunc(all, func(op spec.Operation) bool { return op.ID == list })
	l := layout[T]{table: members[T](table...), csv: members[T](all[i].Pagination.Members...)}
	for i := range l.table {
		l.table[i].name = strings.ReplaceAll(l.table[i].name, "_", " ")
	}
	l.table[0].least = 16
	return l
}

// members are columns of the members of a value's JSON, under their names.
func members[T any](names ...string) (columns []column[T]) {
	for _, name := range names {
		columns = append(columns, column[T]{name: name, member: name})
	}
	return columns
}

// texts are what a value has in each column. Its JSON is made once, and only for
// columns of its members.
func texts[T any](columns []column[T], v T) ([]string, error) {
	var fields map[string]json.RawMessage
	all := make([]string, 0, len(columns))
	for _, c := range columns {
		if c.cell != nil {
			all = append(all, c.cell(v))
			continue
		}
		if fields == nil {
			whole, err := json.Marshal(v)
			if err == nil {
				err = json.Unmarshal(whole, &fields)
			}
			if err != nil {
				return nil, err
			}
		}
		all = append(all, memberText(fields, c.member))
	}
	return all, nil
}

// memberText is the text of a member, or nothing where it is absent or null.
// What is no string is its JSON.
func memberText(fields map[string]json.RawMessage, path string) string {
	name, below, deeper := strings.Cut(path, ".")
	raw := fields[name]
	if deeper {
		var inner map[string]json.RawMessage
		_ = json.Unmarshal(raw, &inner) // what is no object has no members
		return memberText(inner, below)
	}
	var text string
	if json.Unmarshal(raw, &text) == nil { // null is none
		return text
	}
	return string(raw)
}
