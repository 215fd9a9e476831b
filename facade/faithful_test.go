package facade_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"strings"
	"testing"

	"github.com/credkit/credkit-go/facade"
)

// sameDocument compares two documents by value: numbers as they are written, names
// in any order.
func sameDocument(t *testing.T, got []byte, want string) bool {
	t.Helper()
	read := func(document string) (v any) {
		dec := json.NewDecoder(strings.NewReader(document))
		dec.UseNumber()
		if err := dec.Decode(&v); err != nil {
			t.Fatalf("%v in %s", err, document)
		}
		return v
	}
	return reflect.DeepEqual(read(string(got)), read(want))
}

// nothings are the values that a reader of Go structs loses: a field has its
// zero value for each of them.
var nothings = map[string][]string{
	"string": {`null`, `""`},
	"uuid":   {`null`, `"00000000-0000-0000-0000-000000000000"`},
	"date":   {`null`},
	"time":   {`null`},
	"object": {`null`, `{}`, `{"x":null}`, `{"x":{"y":[]}}`},
	"array":  {`null`, `[]`},
}

// unknown are the values of members that no specification knows.
var unknown = []string{`null`, `false`, `true`, `0`, `-0`, `1e2`, `1.50`, `12345678901234567890`, `""`, `"<a & b>"`, `"\u009b"`, `[]`, `{}`, `[null,{"a":[]}]`, `{"deep":{"deeper":[0,null,{"x":false}]}}`}

// declared are the declared members of an object and what they are.
type declared map[string]string

var (
	certificationMembers = declared{
		"certification_type": "object", "certification_type_id": "uuid", "created_at": "time", "expires_on": "date", "external_id": "string",
		"external_source": "string", "issued_on": "date", "issuer_name": "string", "last_verified_at": "time", "lifecycle_status": "string",
		"organization_id": "uuid", "organization_member_id": "uuid", "serial_number": "string", "source": "string", "updated_at": "time",
		"user_id": "uuid", "validity_status": "string", "verification_method": "string", "verification_status": "string",
	}
	typeMembers       = declared{"id": "uuid", "slug": "string", "title": "string", "status": "string"}
	userMembers       = declared{"email": "string", "first_name": "string", "last_name": "string", "team": "object"}
	meMembers         = declared{"user": "object", "scopes": "array", "organizations": "array", "organization_memberships": "array", "accessible_member_ids": "array"}
	meUserMembers     = declared{"id": "uuid", "email": "string", "display_name": "string"}
	orgMembers        = declared{"id": "uuid", "name": "string", "status": "string"}
	membershipMembers = declared{"id": "uuid", "organization_id": "uuid", "role": "string", "status": "string"}
)

func without(members declared, name string) declared {
	rest := maps.Clone(members)
	delete(rest, name)
	return rest
}

// documents are an object with each of its members in turn as nothing, all of
// them at once, and members that are not declared. shape puts the members into
// the object, which may be deep in another.
func documents(members declared, shape string) []string {
	in := func(text string) string {
		document := strings.Replace(shape, "MEMBERS", text, 1)
		return strings.NewReplacer("{,", "{", ",}", "}").Replace(document)
	}
	all := []string{in("")}
	nulls := ""
	for name, kind := range members {
		for _, v := range nothings[kind] {
			all = append(all, in(fmt.Sprintf(`%q:%s`, name, v)))
		}
		nulls += fmt.Sprintf(`,%q:null`, name)
	}
	all = append(all, in(nulls[1:]))
	for i, v := range unknown {
		all = append(all, in(fmt.Sprintf(`"unknown_%d":%s`, i, v)))
	}
	return all
}

// What the service sent is what a value is written as: null, empty, zero and
// unknown members, at every depth.
func TestTheJSONOfAValueIsWhatTheServiceSent(t *testing.T) {
	id := fmt.Sprintf(`"id":%q`, uuid1)
	certification := func(s *script) ([]byte, error) {
		v, err := newCosmic(t, s, unchecked).Certifications().First(t.Context())
		if err != nil {
			return nil, err
		}
		return json.Marshal(v)
	}
	created := func(s *script) ([]byte, error) {
		v, err := newCosmic(t, s, unchecked).CreateCertification(t.Context(), facade.CertificationCreate{})
		if err != nil {
			return nil, err
		}
		return json.Marshal(*v)
	}
	user := func(s *script) ([]byte, error) {
		v, err := newCertn(t, s).Users().First(t.Context())
		if err != nil {
			return nil, err
		}
		return json.Marshal(v)
	}
	me := func(s *script) ([]byte, error) {
		v, err := newCosmic(t, s).Me(t.Context())
		if err != nil {
			return nil, err
		}
		return json.Marshal(*v)
	}
	cert, list, users, bare := `{"data":%s}`, `{"data":[%s]}`, `{"count":1,"results":[%s]}`, `%s`
	for name, c := range map[string]struct {
		members  declared
		shape    string
		envelope string
		read     func(*script) ([]byte, error)
	}{
		"a certification":                {certificationMembers, `{` + id + `,MEMBERS}`, list, certification},
		"its type":                       {typeMembers, `{` + id + `,"certification_type":{MEMBERS}}`, list, certification},
		"a certification as it was made": {certificationMembers, `{` + id + `,MEMBERS}`, cert, created},
		"its type, as it was made":       {typeMembers, `{` + id + `,"certification_type":{MEMBERS}}`, cert, created},
		"a user":                         {userMembers, `{` + id + `,MEMBERS}`, users, user},
		"a team":                         {declared{"x": "object"}, `{` + id + `,"team":{MEMBERS}}`, users, user},
		"within a team":                  {declared{"x": "array"}, `{` + id + `,"team":{"owner":{MEMBERS}}}`, users, user},
		"me":                             {without(meMembers, "user"), `{"user":{` + id + `},MEMBERS}`, bare, me},
		"me in its older form":           {without(meMembers, "accessible_member_ids"), `{"accessible_member_ids":["` + uuid1 + `"],MEMBERS}`, bare, me},
		"the user of me":                 {meUserMembers, `{"user":{MEMBERS},"scopes":[]}`, bare, me},
		"an organization of me":          {orgMembers, `{"organizations":[{MEMBERS}]}`, bare, me},
		"a membership of me":             {membershipMembers, `{"organization_memberships":[{MEMBERS}],"accessible_member_ids":[]}`, bare, me},
	} {
		t.Run(name, func(t *testing.T) {
			all := documents(c.members, c.shape)
			if len(all) < len(c.members)+len(unknown) {
				t.Fatalf("%d documents", len(all))
			}
			for _, document := range all {
				got, err := c.read(&script{replies: []reply{jsonReply(fmt.Sprintf(c.envelope, document))}})
				if err != nil {
					t.Errorf("%s: %v", document, err)
				} else if !sameDocument(t, got, document) {
					t.Errorf("%s came out as %s", document, got)
				}
			}
		})
	}
}

// The tables above have every member that is declared.
func TestEveryDeclaredMemberIsTried(t *testing.T) {
	for _, c := range []struct {
		value any
		tried declared
	}{
		{facade.Certification{}, certificationMembers}, {facade.Certification{}.CertificationType, typeMembers},
		{facade.User{}, userMembers}, {facade.Me{}, meMembers}, {facade.Me{}.User, meUserMembers},
	} {
		of := reflect.TypeOf(c.value)
		for i := range of.NumField() {
			name, _, _ := strings.Cut(of.Field(i).Tag.Get("json"), ",")
			if name != "" && name != "-" && name != "id" && c.tried[name] == "" {
				t.Errorf("%s: %s is not tried", of, name)
			}
		}
	}
}
