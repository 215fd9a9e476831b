package main

import (
	"encoding/json"
	"fmt"
	"io"
)

// specChanges reads the JSON that "oasdiff breaking -f json" prints; it
// prints nothing where nothing breaks.
func specChanges(in io.Reader) ([]change, error) {
	text, err := io.ReadAll(in)
	if err != nil || len(text) == 0 {
		return nil, err
	}
	var rows []struct {
		ID, Text, Operation, OperationID, Path string
	}
	if err := json.Unmarshal(text, &rows); err != nil {
		return nil, fmt.Errorf("the output of oasdiff cannot be read: %w", err)
	}
	var changes []change
	for _, r := range rows {
		c := change{Text: fmt.Sprintf("%s %s: %s (%s)", r.Operation, r.Path, r.Text, r.ID)}
		for _, name := range []string{r.OperationID, r.Path, r.ID} {
			if name != "" {
				c.Names = append(c.Names, name)
			}
		}
		changes = append(changes, c)
	}
	return changes, nil
}
