package facade

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/credkit/credkit-go/api/certn"
	"github.com/credkit/credkit-go/api/cosmic"
	"github.com/credkit/credkit-go/api/spec"
)

// These tests hold three decoders against each other: the shortcut of
// wire_shortcut.go, the JSON package that it falls back on, and encoding/json.
// The first two must agree in everything, errors included. The third must
// agree wherever it and we accept a document; what differs on purpose is
// listed in TestDecodingDiffersOnPurpose.

const anID = "3c90c3cc-0d44-4b50-8888-8dd25736052a"

// kind is one kind of element.
type kind[T any] struct {
	paging  spec.Pagination
	element func() element[T]
	names   []string
	// peer decodes with encoding/json into the generated model.
	peer func(raw []byte) (model any, err error)
	// parts are what we have of it.
	parts func(*T) (model any, extra map[string]json.RawMessage)
}

func certificationKind() kind[Certification] {
	op, _ := cosmic.Service.Operation(ListCertifications)
	return kind[Certification]{
		paging: op.Pagination, element: certificationElement, names: namesOf(reflect.TypeFor[cosmic.Certification]()),
		peer: func(raw []byte) (any, error) {
			var v cosmic.Certification
			err := json.Unmarshal(raw, &v)
			return v, err
		},
		parts: func(c *Certification) (any, map[string]json.RawMessage) { return c.Certification, c.Extra },
	}
}

func userKind() kind[User] {
	op, _ := certn.Service.Operation(ListUsers)
	return kind[User]{
		paging: op.Pagination, element: userElement, names: namesOf(reflect.TypeFor[certn.User]()),
		peer: func(raw []byte) (any, error) {
			var v certn.User
			err := json.Unmarshal(raw, &v)
			return v, err
		},
		parts: func(u *User) (any, map[string]json.RawMessage) { return u.User, u.Extra },
	}
}

// namesOf returns the JSON names of a struct's fields.
func namesOf(t reflect.Type) (names []string) {
	for f := range t.Fields() {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		names = append(names, name)
	}
	return names
}

// reading is what came of one step through a page.
type reading[T any] struct {
	Value T
	Size  int64
	Err   string
	Fatal bool
}

// readPage reads a page to its end, in chunks of so many bytes. The last
// reading is io.EOF or a fatal error.
func (k kind[T]) readPage(page []byte, chunk int, shortcut bool) (all []reading[T]) {
	element := k.element()
	if !shortcut {
		element.shortcut.plan = nil
	}
	p := newPageDecoder(k.paging, 1<<20, element)
	p.start(&chunked{page, chunk})
	for {
		var r reading[T]
		var err error
		r.Size, err = p.read(&r.Value)
		if err != nil {
			var bad *ElementError
			r.Value, r.Err, r.Fatal = *new(T), err.Error(), !errors.As(err, &bad)
		}
		all = append(all, r)
		if r.Fatal {
			return all
		}
	}
}

// chunked gives at most so many bytes at a time.
type chunked struct {
	rest []byte
	most int
}

func (c *chunked) Read(p []byte) (int, error) {
	if len(c.rest) == 0 {
		return 0, io.EOF
	}
	n := copy(p, c.rest[:min(len(c.rest), c.most)])
	c.rest = c.rest[n:]
	return n, nil
}

// whole reports whether the page was read to a good end.
func whole[T any](all []reading[T]) bool { return all[len(all)-1].Err == io.EOF.Error() }

// holdPage holds the shortcut against the JSON package, and both against
// encoding/json.
func (k kind[T]) holdPage(page []byte, chunk int) error {
	short, long := k.readPage(page, chunk, true), k.readPage(page, 1<<16, false)
	if !reflect.DeepEqual(long, short) {
		return fmt.Errorf("on %q\nthe JSON package reads %+v\nand the shortcut %+v", page, long, short)
	}
	if whole(short) && !json.Valid(page) {
		return fmt.Errorf("a page ends well that is not JSON: %q", page)
	}
	return nil
}

// holdElement holds an element of a page against encoding/json.
func (k kind[T]) holdElement(raw []byte) error {
	page := append(append([]byte("["), raw...), ']')
	if err := k.holdPage(page, 7); err != nil {
		return err
	}
	if !json.Valid(raw) {
		return nil // the page may have other elements then
	}
	all := k.readPage(page, 1<<16, true)
	ours, accepted := all[0], all[0].Err == ""
	theirs, err := k.peer(raw)
	why := k.onPurpose(raw)
	switch {
	case accepted != (err == nil) && why == "":
		return fmt.Errorf("we: %v, encoding/json: %w, on %q", ours.Err, err, raw)
	case !accepted || err != nil || why != "":
		return nil
	}
	model, extra := k.parts(&ours.Value)
	if !reflect.DeepEqual(theirs, model) {
		return fmt.Errorf("on %q\nencoding/json reads %+v\nand we %+v", raw, theirs, model)
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(raw, &members); err != nil {
		return err
	}
	for _, name := range k.names {
		delete(members, name)
	}
	if len(members)+len(extra) > 0 && !reflect.DeepEqual(members, extra) {
		return fmt.Errorf("on %q\nencoding/json leaves %q\nand we %q", raw, members, extra)
	}
	return nil
}

// onPurpose says why encoding/json may read valid JSON in another way than we
// do, or "" if it may not. Each reason is a row of
// TestDecodingDiffersOnPurpose.
func (k kind[T]) onPurpose(raw []byte) string {
	var top any
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	if err := d.Decode(&top); err != nil {
		return ""
	}
	members, isObject := top.(map[string]any)
	id, _ := members["id"].(string)
	switch {
	case !isObject:
		return "no object"
	case !valid(raw):
		return "duplicate names"
	case id == "" || strings.Trim(id, "0-{}urn:id") == "":
		return "no id"
	case k.otherCase(members):
		return "names match by case"
	case oddTime(members):
		return "times"
	default:
		return ""
	}
}

var rfc3339 = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]([01]\d|2[0-3]):[0-5]\d)$`)

// oddTime reports whether a time is none of RFC 3339.
func oddTime(members map[string]any) bool {
	for name, v := range members {
		if text, ok := v.(string); ok && strings.HasSuffix(name, "_at") && !rfc3339.MatchString(text) {
			return true
		}
	}
	return false
}

// otherCase reports whether an object has a name that is one of the model's in
// another case, at any depth.
func (k kind[T]) otherCase(v any) bool {
	members, _ := v.(map[string]any)
	for name, inner := range members {
		for _, known := range append([]string{"id", "slug", "title", "status"}, k.names...) {
			if name != known && strings.EqualFold(name, known) {
				return true
			}
		}
		if k.otherCase(inner) {
			return true
		}
	}
	return false
}

func TestDecodersAgreeOnElements(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		if err := certificationKind().holdElement([]byte(documents{t, certificationKind().names}.one())); err != nil {
			t.Fatal(err)
		}
		if err := userKind().holdElement([]byte(documents{t, userKind().names}.one())); err != nil {
			t.Fatal(err)
		}
	})
}

func TestDecodersAgreeOnPages(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		chunk := rapid.SampledFrom([]int{1, 5, 100, 1 << 16}).Draw(t, "chunk")
		page := []byte(documents{t, certificationKind().names}.page())
		if err := certificationKind().holdPage(page, chunk); err != nil {
			t.Fatal(err)
		}
	})
}

func TestDecodingDiffersOnPurpose(t *testing.T) {
	const other = `"123e4567-e89b-12d3-a456-426614174000"`
	tests := map[string]struct {
		raw    string
		ours   string // our error, or "" if we accept it
		theirs string // the error of encoding/json
	}{
		"duplicate names: we cannot know which is meant":      {`{"id":"` + anID + `","id":` + other + `}`, "the same name twice in one object at /0/id", ""},
		"duplicate names, one of them escaped":                {`{"id":"` + anID + `","\u0069d":` + other + `}`, "the same name twice in one object", ""},
		"duplicate names deep within what is not known":       {`{"id":"` + anID + `","x":[{"y":1,"y":2}]}`, "the same name twice in one object at /0/x/0/y", ""},
		"names match by case: another case is another member": {`{"id":"` + anID + `","Issuer_Name":7}`, "", "cannot unmarshal number"},
		"no id: an element without it is good for nothing":    {`{"issuer_name":"x"}`, "a certification without an id", ""},
		"no id: null":     {`{"id":null}`, "a certification without an id", ""},
		"no id: all zero": {`{"id":"00000000-0000-0000-0000-000000000000"}`, "a certification without an id", ""},
		"times: those of RFC 3339, no hour of one digit":       {`{"id":"` + anID + `","created_at":"2026-02-28T1:34:56Z"}`, "/0/created_at", ""},
		"times: those of RFC 3339, no comma":                   {`{"id":"` + anID + `","created_at":"2026-02-28T12:34:56,5Z"}`, "/0/created_at", ""},
		"times: those of RFC 3339, no zone a day off":          {`{"id":"` + anID + `","created_at":"2026-02-28T12:34:56+24:00"}`, "/0/created_at", ""},
		"no object: null is no element":                        {`null`, "want an object, have a JSON null", ""},
		"no object: encoding/json refuses an array as well":    {`[]`, "want an object, have a JSON array", "cannot unmarshal array"},
		"the same: broken UTF-8 is replaced":                   {"{\"id\":\"" + anID + "\",\"issuer_name\":\"\xff\"}", "", ""},
		"the same: half a surrogate pair is replaced":          {`{"id":"` + anID + `","issuer_name":"\ud800"}`, "", ""},
		"the same: a number where a string belongs":            {`{"id":"` + anID + `","issuer_name":7}`, "at /0/issuer_name: a JSON number is no string", "cannot unmarshal number"},
		"the same: a day that does not exist":                  {`{"id":"` + anID + `","issued_on":"2026-02-29"}`, "/0/issued_on", "is not a day"},
		"the same: a number that fits nothing, where none may": {`{"id":"` + anID + `","expires_on":1e999}`, "/0/expires_on", "date"},
		"the same: a number that fits nothing, not known":      {`{"id":"` + anID + `","x":1e999}`, "", ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			k := certificationKind()
			got := k.readPage([]byte("["+test.raw+"]"), 1<<16, true)[0]
			_, err := k.peer([]byte(test.raw))
			if !says(got.Err, test.ours) {
				t.Errorf("we: %q, want %q", got.Err, test.ours)
			}
			if !says(fmt.Sprint(err), test.theirs) && (err != nil || test.theirs != "") {
				t.Errorf("encoding/json: %v, want %q", err, test.theirs)
			}
			if err := k.holdElement([]byte(test.raw)); err != nil {
				t.Error(err)
			}
			if why, _, _ := strings.Cut(name, ":"); test.theirs == "" && test.ours != "" && !strings.HasPrefix(why, k.onPurpose([]byte(test.raw))) {
				t.Errorf("the test takes the reason to be %q", k.onPurpose([]byte(test.raw)))
			}
		})
	}
}

// A reader's own error may have io.EOF within it.
func TestOnlyTheEndOfTheAnswerIsAnEnd(t *testing.T) {
	k := certificationKind()
	p := newPageDecoder(k.paging, 1<<20, k.element())
	p.start(io.MultiReader(strings.NewReader(`{"data":[]}`), failingReader{fmt.Errorf("the connection: %w", io.EOF)}))
	if _, err := p.read(new(Certification)); err == io.EOF { //nolint:errorlint // that is the point
		t.Error("it ends well")
	}
}

type failingReader struct{ err error }

func (f failingReader) Read([]byte) (int, error) { return 0, f.err }

// says reports whether an error has that text; no text is no error.
func says(err, text string) bool { return strings.Contains(err, text) && (text != "" || err == "") }

// The shortcut must be the usual way: this is what keeps it fast when the
// specification gains a property of a new kind.
func TestTheShortcutTakesWhatServicesSend(t *testing.T) {
	for name, raw := range map[string]string{
		"every member": `{"id":"` + anID + `","organization_id":"` + anID + `","organization_member_id":"` + anID + `","user_id":"` + anID + `","external_id":"HR-1",
			"external_source":"payroll","certification_type_id":"` + anID + `","lifecycle_status":"active","source":"manual","issued_on":"2024-12-19","expires_on":null,
			"issuer_name":"José","serial_number":"\u00e9 \"1\"","verification_status":"unverified","validity_status":"valid","verification_method":null,
			"last_verified_at":null,"created_at":"2023-01-19T14:28:20Z","updated_at":"2023-04-12T01:50:38.5+02:00",
			"certification_type":{"id":"` + anID + `","slug":"a","title":"A","status":"active","new":[1]},"new":{"a":[1,"\n"]}}`,
		"the smallest": `{"id":"` + anID + `"}`,
	} {
		t.Run(name, func(t *testing.T) {
			e := certificationElement()
			var c Certification
			if n, _ := e.shortcut.decode([]byte(raw), reflect.ValueOf(&c.Certification).Elem(), &c.Extra); n != len(raw) {
				t.Errorf("it took %d bytes of %d", n, len(raw))
			}
		})
	}
	for _, p := range []*plan{certificationPlan(), userPlan()} {
		for _, m := range p.members {
			if m.kind == asOther && string(m.quoted) != `"team"` {
				t.Errorf("%s is decoded by the JSON package", m.quoted)
			}
		}
	}
}

func FuzzCertification(f *testing.F) {
	f.Add([]byte(`{"id":"` + anID + `","issued_on":"2024-12-19","certification_type":{"slug":"a"},"x":[1,{"y":null}]}`))
	f.Add([]byte(`{"id":"` + anID + `","issuer_name":"\ud83d\ude00","\u0069d":"x"}`))
	f.Add([]byte(" { \"id\" : \"" + anID + "\" , \"serial_number\" : \"\xff\" } "))
	f.Fuzz(func(t *testing.T, raw []byte) {
		if err := certificationKind().holdElement(raw); err != nil {
			t.Fatal(err)
		}
	})
}

func FuzzListPage(f *testing.F) {
	f.Add([]byte(`{"data":[{"id":"`+anID+`"},{}],"page":{"next_cursor":"x","has_more":true}}`), byte(3))
	f.Add([]byte(`[{"id":"`+anID+`"} , null]`), byte(1))
	f.Add([]byte(`{"x":[{"a":"b"}],"data":[],"page":null} `), byte(200))
	f.Fuzz(func(t *testing.T, page []byte, chunk byte) {
		if err := certificationKind().holdPage(page, int(chunk)+1); err != nil {
			t.Fatal(err)
		}
	})
}
