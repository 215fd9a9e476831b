package facade_test

import (
	"encoding/json"
	"testing"

	"github.com/google/uuid"

	"github.com/credkit/credkit-go/facade"
)

// What a caller puts into Extra is written flat, or is an error: no document
// comes out that has a name twice or is broken.
func TestExtraNeverMakesABrokenDocument(t *testing.T) {
	const id = `{"id":"` + uuid1 + `"`
	for name, test := range map[string]struct {
		extra map[string]json.RawMessage
		want  string // empty is an error
	}{
		"nil":                          {nil, id + `}`},
		"empty":                        {map[string]json.RawMessage{}, id + `}`},
		"a member":                     {map[string]json.RawMessage{"a": json.RawMessage(`[1]`)}, id + `,"a":[1]}`},
		"no value":                     {map[string]json.RawMessage{"a": nil}, id + `,"a":null}`},
		"the name of a field":          {map[string]json.RawMessage{"id": json.RawMessage(`"x"`)}, ""},
		"broken JSON":                  {map[string]json.RawMessage{"a": json.RawMessage(`{`)}, ""},
		"two values":                   {map[string]json.RawMessage{"a": json.RawMessage(`1,"b":2`)}, ""},
		"a name with quotes in it":     {map[string]json.RawMessage{`"`: json.RawMessage(`1`)}, id + `,"\"":1}`},
		"a field's name in upper case": {map[string]json.RawMessage{"ID": json.RawMessage(`1`)}, id + `,"ID":1}`},
	} {
		t.Run(name, func(t *testing.T) {
			var c facade.Certification
			var u facade.User
			c.Extra, u.Extra = test.extra, test.extra
			c.ID, u.ID = uuid.MustParse(uuid1), uuid.MustParse(uuid1)
			for _, v := range []any{c, &c, u, &u} {
				text, err := json.Marshal(v)
				if string(text) != test.want || (err == nil) != (test.want != "") {
					t.Errorf("%T: %s, %v", v, text, err)
				}
			}
		})
	}
}
