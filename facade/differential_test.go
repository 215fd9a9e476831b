package facade

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	gojson "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"pgregory.net/rapid"

	"github.com/credkit/credkit-go/api/certn"
	"github.com/credkit/credkit-go/api/cosmic"
	"github.com/credkit/credkit-go/api/server"
	"github.com/credkit/credkit-go/api/spec"
	"github.com/credkit/credkit-go/api/wire"
	"github.com/credkit/credkit-go/facade/internal/page"
)

// These tests hold the generated readers and the page reader against two other
// decoders, go-json-experiment/json and encoding/json, on the models of package
// server, which are those of the same specification without our readers. The
// first must agree on what is accepted; the second wherever it and we accept a
// document. What differs on purpose is listed in TestDecodingDiffersOnPurpose.

const anID = "3c90c3cc-0d44-4b50-8888-8dd25736052a"

// kind is one kind of element.
type kind[T any] struct {
	paging spec.Pagination
	names  []string
	peer   func() any // a stock model to decode into
	value  func(*T) wire.Value
	extra  func(*T) map[string]json.RawMessage
}

func certificationKind() kind[Certification] {
	op, _ := cosmic.Service.Operation(ListCertifications)
	return kind[Certification]{
		paging: op.Pagination, names: namesOf(reflect.TypeFor[server.Certification]()),
		peer:  func() any { return new(server.Certification) },
		value: func(c *Certification) wire.Value { return c.model() },
		extra: func(c *Certification) map[string]json.RawMessage { return c.Extra },
	}
}

func userKind() kind[User] {
	op, _ := certn.Service.Operation(ListUsers)
	return kind[User]{
		paging: op.Pagination, names: namesOf(reflect.TypeFor[server.User]()),
		peer:  func() any { return new(server.User) },
		value: func(u *User) wire.Value { return u.model() },
		extra: func(u *User) map[string]json.RawMessage { return u.Extra },
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
	Size  int
	Err   string
	Fatal bool
}

// readPage reads a page to its end, in chunks of so many bytes. The last
// reading is io.EOF or a fatal error.
func (k kind[T]) readPage(body []byte, chunk int) (all []reading[T]) {
	p := page.NewReader(k.paging, 1<<20)
	p.Start(&chunked{body, chunk}, -1)
	for {
		var r reading[T]
		size, mismatch, err := p.Read(k.value(&r.Value))
		r.Size = size
		switch {
		case err != nil:
			r.Value, r.Err, r.Fatal = *new(T), err.Error(), true
		case mismatch != nil:
			r.Value, r.Err = *new(T), mismatch.Error()
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

// valid reports whether raw is JSON without duplicate names.
func valid(raw []byte) bool { return jsontext.Value(raw).IsValid(jsontext.AllowInvalidUTF8(true)) }

// holdPage holds a page that comes in chunks against the same page in one
// piece, and both against the JSON library.
func (k kind[T]) holdPage(body []byte, chunk int) error {
	parts, once := k.readPage(body, chunk), k.readPage(body, 1<<16)
	if !reflect.DeepEqual(parts, once) {
		return fmt.Errorf("on %q\nin one piece we read %+v\nin chunks of %d %+v", body, once, chunk, parts)
	}
	if whole(once) && !valid(body) {
		return fmt.Errorf("a page ends well that is not valid JSON: %q", body)
	}
	elements, isList := k.elements(body)
	if !isList || !valid(body) {
		return nil
	}
	if whole(once) && len(once)-1 != len(elements) {
		return fmt.Errorf("we read %d elements of %d: %q", len(once)-1, len(elements), body)
	}
	if last := once[len(once)-1]; strings.HasPrefix(last.Err, `"`) {
		return nil // a member that leads on, such as "page", has another type
	}
	for i, raw := range elements {
		if i >= len(once) || once[i].Fatal {
			return fmt.Errorf("a valid page ends at element %d: %s: %q", i, once[len(once)-1].Err, body)
		}
		if accepted := gojson.Unmarshal(raw, k.peer(), jsontext.AllowInvalidUTF8(true)) == nil && k.hasID(raw); accepted != (once[i].Err == "") {
			return fmt.Errorf("element %d: we: %q, the JSON library accepts: %v: %q", i, once[i].Err, accepted, body)
		}
	}
	return nil
}

// elements are those of a page, if it is a list.
func (k kind[T]) elements(body []byte) (all []jsontext.Value, isList bool) {
	var envelope map[string]jsontext.Value
	items := jsontext.Value(body)
	if gojson.Unmarshal(body, &envelope, jsontext.AllowInvalidUTF8(true)) == nil {
		items = envelope[k.paging.Items]
	}
	if items.Kind() != jsontext.KindBeginArray {
		return nil, false
	}
	return all, gojson.Unmarshal(items, &all, jsontext.AllowInvalidUTF8(true)) == nil
}

// hasID reports whether an element has an id that is not zero.
func (k kind[T]) hasID(raw []byte) bool {
	var element struct {
		ID UUID `json:"id"`
	}
	return gojson.Unmarshal(raw, &element, jsontext.AllowInvalidUTF8(true)) == nil && element.ID != UUID{}
}

// holdElement holds an element of a page against encoding/json, and what is
// written of it against what came.
func (k kind[T]) holdElement(raw []byte) error {
	body := append(append([]byte("["), raw...), ']')
	if err := k.holdPage(body, 7); err != nil {
		return err
	}
	if !json.Valid(raw) {
		return nil // the page may have other elements then
	}
	all := k.readPage(body, 1<<16)
	ours, accepted := all[0], all[0].Err == ""
	theirs := k.peer()
	err := json.Unmarshal(raw, theirs)
	why := k.onPurpose(raw)
	switch {
	case accepted != (err == nil) && why == "":
		return fmt.Errorf("we: %v, encoding/json: %w, on %q", ours.Err, err, raw)
	case !accepted || err != nil || why != "":
		return nil
	}
	if diff := differs(reflect.ValueOf(theirs).Elem(), reflect.ValueOf(ours.Value)); diff != "" {
		return fmt.Errorf("on %q\nencoding/json reads another %s: %+v\nand we %+v", raw, diff, theirs, ours.Value)
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(raw, &members); err != nil {
		return err
	}
	unknown := maps.Clone(members)
	for _, name := range k.names {
		delete(unknown, name)
	}
	extra := k.extra(&ours.Value)
	if len(unknown)+len(extra) > 0 && !reflect.DeepEqual(unknown, extra) {
		return fmt.Errorf("on %q\nencoding/json leaves %q\nand we %q", raw, unknown, extra)
	}
	return k.holdWriting(raw, members, ours.Value)
}

// holdWriting checks that a value is written with the members that came, null
// where it was null, and that what is written reads as the same value.
func (k kind[T]) holdWriting(raw []byte, members map[string]json.RawMessage, v T) error {
	text, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("%q cannot be written: %w", raw, err)
	}
	var written map[string]json.RawMessage
	if err := json.Unmarshal(text, &written); err != nil {
		return fmt.Errorf("%q is written as %q: %w", raw, text, err)
	}
	came, now := slices.Sorted(maps.Keys(members)), slices.Sorted(maps.Keys(written))
	if !slices.Equal(came, now) {
		return fmt.Errorf("%q is written with other members: %q", raw, text)
	}
	for name, value := range members {
		if (string(value) == "null") != (string(written[name]) == "null") {
			return fmt.Errorf("%s of %q is written as %q", name, raw, text)
		}
	}
	again := k.readPage(append(append([]byte("["), text...), ']'), 1<<16)[0]
	second, err := json.Marshal(again.Value)
	if again.Err != "" || err != nil || !bytes.Equal(text, second) {
		return fmt.Errorf("%q is written as %q, and that as %q: %s, %w", raw, text, second, again.Err, err)
	}
	return nil
}

// differs names the first field of a stock model that another model has
// otherwise; "" for none.
func differs(stock, ours reflect.Value) string {
	for f, v := range stock.Fields() {
		have := ours.FieldByName(f.Name)
		switch {
		case v.Kind() == reflect.Struct && have.FieldByName("Extra").IsValid():
			if diff := differs(v, have); diff != "" {
				return f.Name + "." + diff
			}
		case v.Kind() == reflect.String:
			if v.String() != have.String() {
				return f.Name
			}
		case !reflect.DeepEqual(v.Interface(), have.Interface()):
			return f.Name
		}
	}
	return ""
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
		"duplicate names: we cannot know which is meant":      {`{"id":"` + anID + `","id":` + other + `}`, `the same name twice in one object at "/0/id"`, ""},
		"duplicate names, one of them escaped":                {`{"id":"` + anID + `","\u0069d":` + other + `}`, "the same name twice in one object", ""},
		"duplicate names deep within what is not known":       {`{"id":"` + anID + `","x":[{"y":1,"y":2}]}`, `the same name twice in one object at "/0/x`, ""},
		"names match by case: another case is another member": {`{"id":"` + anID + `","Issuer_Name":7}`, "", "cannot unmarshal number"},
		"no id: an element without it is good for nothing":    {`{"issuer_name":"x"}`, `required "id" is missing or null`, ""},
		"no id: null":     {`{"id":null}`, `required "id" is missing or null`, ""},
		"no id: all zero": {`{"id":"00000000-0000-0000-0000-000000000000"}`, `required "id" is zero`, ""},
		"times: those of RFC 3339, no hour of one digit":       {`{"id":"` + anID + `","created_at":"2026-02-28T1:34:56Z"}`, "/0/created_at", ""},
		"times: those of RFC 3339, no comma":                   {`{"id":"` + anID + `","created_at":"2026-02-28T12:34:56,5Z"}`, "/0/created_at", ""},
		"times: those of RFC 3339, no zone a day off":          {`{"id":"` + anID + `","created_at":"2026-02-28T12:34:56+24:00"}`, "/0/created_at", ""},
		"no object: null is no element":                        {`null`, "want an object, got a JSON null", ""},
		"no object: encoding/json refuses an array as well":    {`[]`, "want an object, got a JSON array", "cannot unmarshal array"},
		"the same: broken UTF-8 is replaced":                   {"{\"id\":\"" + anID + "\",\"issuer_name\":\"\xff\"}", "", ""},
		"the same: half a surrogate pair is replaced":          {`{"id":"` + anID + `","issuer_name":"\ud800"}`, "", ""},
		"the same: a number where a string belongs":            {`{"id":"` + anID + `","issuer_name":7}`, `want a string, got a JSON number at "/0/issuer_name"`, "cannot unmarshal number"},
		"the same: a day that does not exist":                  {`{"id":"` + anID + `","issued_on":"2026-02-29"}`, "/0/issued_on", "is not a day"},
		"the same: a number that fits nothing, where none may": {`{"id":"` + anID + `","expires_on":1e999}`, "/0/expires_on", "date"},
		"the same: a number that fits nothing, not known":      {`{"id":"` + anID + `","x":1e999}`, "", ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			k := certificationKind()
			got := k.readPage([]byte("["+test.raw+"]"), 1<<16)[0]
			err := json.Unmarshal([]byte(test.raw), k.peer())
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
func TestOnlyTheEndOfTheResponseIsAnEnd(t *testing.T) {
	k := certificationKind()
	p := page.NewReader(k.paging, 1<<20)
	p.Start(io.MultiReader(strings.NewReader(`{"data":[]}`), failingReader{fmt.Errorf("the connection: %w", io.EOF)}), -1)
	if _, _, err := p.Read(new(Certification).model()); err == io.EOF { //nolint:errorlint // that is the point
		t.Error("it ends well")
	}
}

type failingReader struct{ err error }

func (f failingReader) Read([]byte) (int, error) { return 0, f.err }

// says reports whether an error has that text; no text is no error.
func says(err, text string) bool { return strings.Contains(err, text) && (text != "" || err == "") }

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
