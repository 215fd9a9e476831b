package sandbox

import (
	"crypto/sha256"
	"encoding/json"
	"io"
	"net/http"
	"time"

	"github.com/credkit/credkit-go/api/cosmic"
	"github.com/credkit/credkit-go/api/server"
)

// create is a certification created under an Idempotency-Key.
type create struct {
	payload [sha256.Size]byte
	answer  []byte
}

// CreateCertification adds a certification to the token's own subject: it
// stands at the end of that user's list from then on. The same
// Idempotency-Key with the same payload answers the first creation again; with
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
