package sandbox

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"
	"reflect"
	"strings"
	"time"

	openapi "github.com/oapi-codegen/runtime/types"

	"github.com/credkit/credkit-go/api/cosmic"
	"github.com/credkit/credkit-go/api/date"
	"github.com/credkit/credkit-go/api/server"
)

// create is a certification created under an Idempotency-Key.
type create struct {
	payload [sha256.Size]byte
	answer  []byte
}

// CreateCertification adds a certification to the token's own subject: it
// stands at the end of that user's list from then on. The same
// Idempotency-Key with the same payload gets the first creation again; with
// another payload it is refused with 422.
func (o *operations) CreateCertification(w http.ResponseWriter, r *http.Request, params server.CreateCertificationParams) {
	s := o.s
	_, op := s.find(cosmic.OpCreateCertification)
	key := ""
	if params.IdempotencyKey != nil {
		if key = *params.IdempotencyKey; key == "" || len(key) > 255 {
			s.cosmic.violation(w, r, op.IdempotencyHeader+" has 1 to 255 characters")
			return
		}
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		s.cosmic.violation(w, r, "the body cannot be read")
		return
	}
	var in server.CertificationCreate
	if reason := checkBody(r, body, &in); reason != "" {
		s.cosmic.violation(w, r, reason)
		return
	}
	c, ok := s.allowed(w, r, op)
	if !ok {
		return
	}

	answer, ok := s.create(&in, c.Subject, key)
	if !ok {
		s.cosmicProblem(w, http.StatusUnprocessableEntity, "idempotency_key_reused", "The Idempotency-Key was used with another payload.")
		return
	}
	writeBody(w, op.Success, "application/json", answer)
}

// create adds a certification, or finds the one that was created under the
// key; ok is false if that one had another payload.
func (s *Sandbox) create(in *server.CertificationCreate, subject, key string) (answer []byte, ok bool) {
	// encoding/json writes the fields of a struct in one order: what is the
	// same certification is the same text. Its types always can be written.
	canonical, _ := json.Marshal(in)
	payload := sha256.Sum256(canonical)
	name := subject + "\x00" + key
	s.mu.Lock()
	defer s.mu.Unlock()
	if before, ok := s.creates[name]; ok && key != "" && s.set.honourIdempotency {
		return before.answer, before.payload == payload
	}
	row, _ := json.Marshal(createdRow(in, subject, len(s.created[subject])))
	s.created[subject] = append(s.created[subject], row)
	answer = append(append([]byte(`{"data":`), row...), '}')
	if key != "" {
		s.creates[name] = create{payload, answer}
	}
	return answer, true
}

// createdRow is a certification as its user's list has it; what was not sent
// is null.
func createdRow(in *server.CertificationCreate, subject string, n int) map[string]any {
	now := time.Now().UTC().Truncate(time.Second)
	base := mix(hashString(subject), 0xc4ea7e)
	row := map[string]any{
		"id":                  uuidOf(mix(base, uint64(n))),
		"organization_id":     uuidOf(mix(base, 1<<32)),
		"user_id":             subject,
		"lifecycle_status":    server.LifecycleStatusActive,
		"source":              server.CertificationSourceManual,
		"verification_status": server.VerificationStatusUnverified,
		"validity_status":     server.ValidityStatusValid,
		"verification_method": nil,
		"last_verified_at":    nil,
		"created_at":          now,
		"updated_at":          now,
		"certification_type":  nil,
	}
	if in.Source != "" {
		row["source"] = in.Source
	}
	sent, _ := json.Marshal(in)
	var fields map[string]json.RawMessage
	_ = json.Unmarshal(sent, &fields) // it was written a line above
	for _, name := range membersOf(in) {
		if name == "source" {
			continue
		}
		row[name] = nil
		if v, ok := fields[name]; ok {
			row[name] = v
		}
	}
	for i := range certificationTypes {
		if t := &certificationTypes[i]; in.CertificationTypeID.String() == t.id() {
			row["certification_type"] = map[string]any{"id": t.id(), "slug": t.slug, "title": t.title, "status": server.CertificationTypeStatusActive}
		}
	}
	return row
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
// null, and the formats are narrower here than where responses are read.
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
