package wire_test

import (
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/credkit/credkit-go/api/cosmic"
	"github.com/credkit/credkit-go/api/wire"
)

const id = "3c90c3cc-0d44-4b50-8888-8dd25736052a"

func TestErrorsSayWhatAndWhere(t *testing.T) {
	for name, test := range map[string]struct{ document, want string }{
		"a member of another type": {`{"id":"` + id + `","issued_on":7}`, `want a date, got a JSON number at "/issued_on"`},
		"deep":                     {`{"id":"` + id + `","certification_type":{"x":1,"id":{}}}`, `want a UUID, got a JSON object at "/certification_type/id"`},
		"the first of two":         {`{"issued_on":"yesterday","id":false}`, `not a date like 2006-01-02 at "/issued_on"`},
		"a missing id":             {`{"issued_on":"2026-01-01"}`, `required "id" is missing or null`},
		"a name twice":             {`{"id":"` + id + `","x":{"y":[0,{"z":1,"z":2}]}}`, `the same name twice in one object at "/x/y/1/z"`},
		"broken within":            {`{"id":"` + id + `","x":{"y":tru}}`, `not valid JSON at "/x/y"`},
		"a name without quotes":    {`{id:"` + id + `"}`, `not valid JSON`},
		"a comma too many":         {`{"id":"` + id + `",}`, `not valid JSON`},
		"something after it":       {`{"id":"` + id + `"} {}`, `unexpected data after the JSON value`},
		"an array":                 {`[]`, `want an object, got a JSON array`},
		"a number":                 {`7`, `want an object, got a JSON number`},
		"a name that is long":      {`{"id":"` + id + `","` + strings.Repeat("n", 1000) + `":[}`, "…"},
	} {
		t.Run(name, func(t *testing.T) {
			err := wire.Unmarshal([]byte(test.document), new(cosmic.Certification))
			var e *wire.Error
			if !errors.As(err, &e) || !strings.Contains(err.Error(), test.want) || len(err.Error()) > 300 {
				t.Errorf("%v, want %s", err, test.want)
			}
		})
	}
}

func TestADocumentThatEndsEarlyIsAnUnexpectedEnd(t *testing.T) {
	whole := `{"id":"` + id + `","issuer_name":"a\u00e9\\","x":[{"y":null}],"certification_type":{"slug":"s"}}`
	if err := wire.Unmarshal([]byte(whole), new(cosmic.Certification)); err != nil {
		t.Fatal(err)
	}
	for n := range len(whole) {
		if err := wire.Unmarshal([]byte(whole[:n]), new(cosmic.Certification)); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%q: %v", whole[:n], err)
		}
	}
}

// What came is written again, and what a program changes is written as changed.
func TestValuesAreWrittenAsTheyCame(t *testing.T) {
	for name, test := range map[string]struct {
		came   string
		change func(*cosmic.Me)
		want   string // empty for what came
	}{
		"null and empty":           {came: `{"accessible_member_ids":[],"organizations":null,"scopes":[],"user":{}}`},
		"null and zero deep":       {came: `{"organization_memberships":[{"is_primary":false,"role":"","status":null},{}],"user":{"email":null}}`},
		"unknown members deep":     {came: `{"user":{"email":"a","locale":null},"tenant":{"n":1.50,"a":[]}}`},
		"a field that is set":      {`{"user":{"email":null}}`, func(m *cosmic.Me) { m.User.Email = "a@b.c" }, `{"user":{"email":"a@b.c"}}`},
		"a field that is cleared":  {`{"scopes":["a"],"user":{"email":"a"}}`, func(m *cosmic.Me) { m.Scopes = nil }, `{"user":{"email":"a"}}`},
		"a member that is deleted": {`{"scopes":[],"tenant":1}`, func(m *cosmic.Me) { delete(m.Extra, "tenant") }, `{"scopes":[]}`},
	} {
		t.Run(name, func(t *testing.T) {
			var me cosmic.Me
			if err := json.Unmarshal([]byte(test.came), &me); err != nil {
				t.Fatal(err)
			}
			want := test.came
			if test.change != nil {
				test.change(&me)
				want = test.want
			}
			text, err := json.Marshal(me)
			if err != nil || string(text) != want {
				t.Errorf("%s, %v\nwant %s", text, err, want)
			}
			var again cosmic.Me
			if err := json.Unmarshal(text, &again); err != nil || !again.Equal(me) {
				t.Errorf("it reads as %+v, %v", again, err)
			}
		})
	}
}

// The end of a value is found whatever the parts are that it comes in.
func FuzzBoundary(f *testing.F) {
	for _, seed := range []string{`{"a":"}\"","b":[1,{"c":"\\"}]} `, `[[],"]"],`, `"a\\" `, `-1.5e3]`, `null,`, `{}`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var whole, parts wire.Boundary
		length, ok := whole.Find([]byte(text))
		for n := range len(text) + 1 {
			if at, found := parts.Find([]byte(text[:n])); found {
				if !ok || at != length {
					t.Fatalf("%q ends at %d (%v) in one piece and at %d in parts", text, length, ok, at)
				}
				break
			}
		}
		d := jsontext.NewDecoder(strings.NewReader(strings.TrimLeft(text, " \t\r\n")+" "), jsontext.AllowInvalidUTF8(true))
		value, err := d.ReadValue()
		if err != nil || text == "" || strings.TrimLeft(text, " \t\r\n") != text {
			return
		}
		if rest := text[len(value):]; rest != "" && !strings.ContainsAny(rest[:1], " \t\r\n,:{}[]\"") {
			return // "00" is no JSON, though the library reads a 0 of it
		}
		if at, found := whole.Find([]byte(text)); found && at != len(value) {
			t.Fatalf("%q ends at %d, and for the JSON library at %d", text, at, len(value))
		}
	})
}
