package sandbox

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"

	openapi "github.com/oapi-codegen/runtime/types"

	"github.com/credkit/credkit-go/api/date"
	"github.com/credkit/credkit-go/api/spec"
)

// undeclared says what openapi.yaml does not allow about the query of r;
// types and formats are checked by the generated code, ranges by the
// operation.
func undeclared(op *spec.Operation, r *http.Request) string {
	q, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return "the query cannot be read"
	}
	for name, values := range q {
		switch {
		case !slices.Contains(op.Query, name):
			return "the query parameter " + printable(name) + " is not declared"
		case len(values) > 1:
			return name + " is there more than once"
		case values[0] == "":
			return name + " is empty"
		}
	}
	return ""
}

// membersOf are the JSON names of a struct's fields, in order.
func membersOf(v any) []string {
	t := reflect.TypeOf(v).Elem()
	names := make([]string, 0, t.NumField())
	for i := range t.NumField() {
		name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		names = append(names, name)
	}
	return names
}

// checkBody decodes a JSON object strictly into v: its media type, unknown and
// repeated members, nulls, wrong types and formats are all refused with the
// reason.
func checkBody(r *http.Request, body []byte, v any) string {
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		return "the body is application/json, and says so in Content-Type"
	}
	fields, reason := membersIn(body)
	if reason != "" {
		return reason
	}
	t := reflect.TypeOf(v).Elem()
	for i := range t.NumField() {
		name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		raw, ok := fields[name]
		if !ok {
			continue
		}
		delete(fields, name)
		if reason := checkMember(name, raw, t.Field(i).Type); reason != "" {
			return reason
		}
	}
	for name := range fields {
		return "the member " + printable(name) + " is not declared"
	}
	if err := json.Unmarshal(body, v); err != nil {
		return err.Error()
	}
	return ""
}

// membersIn reads the members of a JSON object, each of which may be there
// once.
func membersIn(body []byte) (map[string]json.RawMessage, string) {
	d := json.NewDecoder(bytes.NewReader(body))
	if open, err := d.Token(); err != nil || open != json.Delim('{') {
		return nil, "the body is not a JSON object"
	}
	fields := map[string]json.RawMessage{}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return nil, "the body is not JSON: " + err.Error()
		}
		key, _ := name.(string)
		if _, twice := fields[key]; twice {
			return nil, "the member " + printable(key) + " is there twice"
		}
		var raw json.RawMessage
		if err := d.Decode(&raw); err != nil {
			return nil, "the body is not JSON: " + err.Error()
		}
		fields[key] = raw
	}
	if _, err := d.Token(); err != nil {
		return nil, "the body is not JSON: " + err.Error()
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, "the body goes on after its JSON object"
	}
	return fields, ""
}

// checkMember holds one member against its type and format. No member may be
// null, and the formats are narrower here than where answers are read.
func checkMember(name string, raw json.RawMessage, t reflect.Type) string {
	var text string
	if json.Unmarshal(raw, &text) != nil || string(raw) == "null" {
		return name + " is not a string"
	}
	var err error
	switch t {
	case reflect.TypeFor[openapi.UUID]():
		var id openapi.UUID
		if err = id.UnmarshalText([]byte(text)); err == nil && len(text) != 36 {
			err = fmt.Errorf("%d characters", len(text))
		}
		if err != nil {
			return name + " is not a UUID"
		}
	case reflect.TypeFor[date.Date]():
		if _, err = date.Parse(text); err != nil || text == "" {
			return name + " is not a date like 2006-01-02"
		}
	}
	return ""
}
