package sandbox

import (
	"net/http"
	"strconv"
	"time"

	"github.com/credkit/credkit-go/api/certn"
	"github.com/credkit/credkit-go/api/cosmic"
	"github.com/credkit/credkit-go/api/date"
	"github.com/credkit/credkit-go/api/server"
	"github.com/credkit/credkit-go/api/spec"
)

// rows are the elements of a list: given, generated or added. They are
// written one at a time and never held together.
type rows interface {
	len() int
	// appendRow appends row i, below len, as JSON.
	appendRow(b []byte, i int) []byte
}

// given are rows that options or users brought.
type given [][]byte

func (g given) len() int                         { return len(g) }
func (g given) appendRow(b []byte, i int) []byte { return append(b, g[i]...) }

// joined are the rows of one list after those of another.
type joined struct{ first, second rows }

func (j joined) len() int { return j.first.len() + j.second.len() }

func (j joined) appendRow(b []byte, i int) []byte {
	if n := j.first.len(); i >= n {
		return j.second.appendRow(b, i-n)
	}
	return j.first.appendRow(b, i)
}

// elements are those of a list that belong to an owner: the ones that options
// gave, or generated ones, or ones made of the examples of openapi.yaml.
func (s *Sandbox) elements(op *spec.Operation, owner string) rows {
	list, ok := s.set.elements[op.ID]
	switch {
	case op.ID == cosmic.OpListCertifications:
		return s.certificationsOf(owner)
	case ok:
		return given(list)
	case op.ID == certn.OpListUsers:
		return accountUsers{count: s.set.certnUserCount, seed: s.set.seed}
	default:
		return newExampleRows(s.set, op, owner)
	}
}

// certificationsOf are the certifications of a user by id, with those that
// were created at the end.
func (s *Sandbox) certificationsOf(id string) rows {
	s.mu.Lock()
	added := given(s.created[id])
	s.mu.Unlock()
	if user, ok := s.user(id); ok && user.Certifications != nil {
		return joined{given(user.Certifications), added}
	}
	if list, ok := s.set.elements[cosmic.OpListCertifications]; ok {
		return joined{given(list), added}
	}
	return joined{newCertifications(s.set, id), added}
}

// flushed is how many bytes of a list are sent at a time.
const flushed = 64 << 10

// stream writes head, rows from begin to end, and tail. It stops when the
// client has left or the sandbox closes.
func (s *Sandbox) stream(w http.ResponseWriter, list rows, begin, end int, head, tail string) {
	w.Header().Set("Content-Type", "application/json")
	flush := http.NewResponseController(w).Flush
	b := append(make([]byte, 0, flushed+4096), head...)
	for i := begin; i < end; i++ {
		if i > begin {
			b = append(b, ',')
		}
		b = list.appendRow(b, i)
		if len(b) < flushed {
			continue
		}
		if _, err := w.Write(b); err != nil {
			return
		}
		_ = flush() // not every writer can
		select {
		case <-s.done:
			cut(w, false)
			return
		default:
		}
		b = b[:0]
	}
	_, _ = w.Write(append(b, tail...)) // the client may have left
}

// mix spreads two numbers over 64 bits (the finalizer of splitmix64), so that
// row i looks random and is the same each time.
func mix(a, b uint64) uint64 {
	z := a*0x9e3779b97f4a7c15 + b + 0x9e3779b97f4a7c15
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// hashString is FNV-1a.
func hashString(text string) uint64 {
	h := uint64(14695981039346656037)
	for i := range len(text) {
		h = (h ^ uint64(text[i])) * 1099511628211
	}
	return h
}

// appendUUID appends a version 4 UUID made of a number.
func appendUUID(b []byte, n uint64) []byte {
	const digits = "0123456789abcdef"
	high, low := mix(n, 1), mix(n, 2)
	high = high&^0xf000 | 0x4000
	low = low&^(3<<62) | 2<<62
	for i := range 32 {
		if i == 8 || i == 12 || i == 16 || i == 20 {
			b = append(b, '-')
		}
		word := high
		if i >= 16 {
			word = low
		}
		b = append(b, digits[word>>(60-4*(i%16))&15])
	}
	return b
}

func uuidOf(n uint64) string { return string(appendUUID(nil, n)) }

// certificationType is one of the types that generated rows have.
type certificationType struct{ slug, title, issuer string }

func (t *certificationType) id() string { return uuidOf(hashString(t.slug)) }

// certificationTypes are of the trade. Nothing in them needs escaping in JSON.
var certificationTypes = []certificationType{
	{"air-conditioning-service", "Air Conditioning Service", "North American Technician Excellence"},
	{"epa-608-universal", "EPA Section 608 Universal", "ESCO Institute"},
	{"heat-pump-installation", "Heat Pump Installation", "North American Technician Excellence"},
	{"osha-30-construction", "OSHA 30-Hour Construction", "OSHA Training Institute"},
	{"gas-heating-service", "Gas Heating Service", "North American Technician Excellence"},
	{"first-aid-cpr", "First Aid, CPR and AED", "American Red Cross"},
	{"commercial-refrigeration", "Commercial Refrigeration", "North American Technician Excellence"},
	{"journeyman-electrician", "Journeyman Electrician", "State Licensing Board"},
	{"confined-space-entry", "Confined Space Entry", "National Safety Council"},
	{"hydronics-gas-service", "Hydronics Gas Service", "North American Technician Excellence"},
	{"a2l-refrigerant-safety", "A2L Refrigerant Safety", "ESCO Institute"},
	{"forklift-operator", "Forklift Operator", "National Safety Council"},
}

// certifications are a user's generated rows.
type certifications struct {
	count        int
	base         uint64
	user         string
	today        date.Date
	newWords     bool
	organization []byte
	member       []byte
	typeIDs      []string
	spread       int
	earliest     time.Time
}

func newCertifications(set *settings, user string) *certifications {
	base := mix(set.seed, hashString(user))
	day := date.FromTime(set.today)
	c := &certifications{
		count:        set.certificationCount,
		base:         base,
		user:         user,
		today:        day,
		newWords:     set.newWords,
		organization: appendUUID(nil, mix(base, 0xa)),
		member:       appendUUID(nil, mix(base, 0xb)),
		spread:       int(base % 29),
		earliest:     day.AddDays(-1500).In(time.UTC),
	}
	for i := range certificationTypes {
		c.typeIDs = append(c.typeIDs, certificationTypes[i].id())
	}
	return c
}

func (c *certifications) len() int { return c.count }

// Expiry days of generated rows lie from 90 days before today to 720 after it,
// and every eighth row does not expire. The step has no factor in common with
// the width, so that any few rows in a row lie far apart.
const (
	expiryWidth, expiryStep, expiryStart, expiryPast = 811, 251, 100, 90
	withoutExpiry                                    = 5 // of every 8
)

// appendRow writes row i by hand: a million rows are asked for at a time. A
// test holds it against the generated model.
func (c *certifications) appendRow(b []byte, i int) []byte {
	n := mix(c.base, uint64(i)<<8)
	t := &certificationTypes[i%len(certificationTypes)]
	days := (i%expiryWidth*expiryStep+expiryStart+c.spread)%expiryWidth - expiryPast
	expires := c.today.AddDays(days)
	issued := expires.AddDays(-730 - int(n%4)*365)
	created := c.earliest.Add(time.Duration(n%(86400*700)) * time.Second)
	verified := n>>8&3 == 0

	b = append(b, `{"id":"`...)
	b = appendUUID(b, n)
	b = append(b, `","organization_id":"`...)
	b = append(b, c.organization...)
	b = append(b, `","organization_member_id":"`...)
	b = append(b, c.member...)
	b = append(b, `","user_id":"`...)
	b = append(b, c.user...)
	if n>>10&3 == 0 {
		b = append(b, `","external_id":"HR-`...)
		b = strconv.AppendUint(b, 100000+n>>12%900000, 10)
		b = append(b, `","external_source":"payroll"`...)
	} else {
		b = append(b, `","external_id":null,"external_source":null`...)
	}
	b = append(b, `,"certification_type_id":"`...)
	b = append(b, c.typeIDs[i%len(c.typeIDs)]...)
	b = append(b, `","lifecycle_status":"`...)
	b = append(b, server.LifecycleStatusActive...)
	b = append(b, `","source":"`...)
	b = append(b, c.word(string(server.CertificationSourceManual), "imported", n>>14)...)
	b = append(b, `","issued_on":"`...)
	b, _ = issued.AppendText(b) // years of four digits
	if i%8 == withoutExpiry {
		b = append(b, `","expires_on":null`...)
	} else {
		b = append(b, `","expires_on":"`...)
		b, _ = expires.AppendText(b)
		b = append(b, '"')
	}
	b = append(b, `,"issuer_name":"`...)
	b = append(b, t.issuer...)
	b = append(b, `","serial_number":"SN-`...)
	b = strconv.AppendUint(b, 10000000+n>>20%90000000, 10)
	b = append(b, `","verification_status":"`...)
	b = append(b, c.word(string(server.VerificationStatusUnverified), "in_review", n>>16)...)
	b = append(b, `","validity_status":"`...)
	b = append(b, c.word(string(server.ValidityStatusValid), "under_appeal", n>>18)...)
	if verified {
		b = append(b, `","verification_method":"issuer_registry","last_verified_at":"`...)
		b = created.Add(72*time.Hour).AppendFormat(b, time.RFC3339)
		b = append(b, '"')
	} else {
		b = append(b, `","verification_method":null,"last_verified_at":null`...)
	}
	b = append(b, `,"created_at":"`...)
	b = created.AppendFormat(b, time.RFC3339)
	b = append(b, `","updated_at":"`...)
	b = created.Add(time.Duration(n>>30%(86400*90))*time.Second).AppendFormat(b, time.RFC3339)
	b = append(b, `","certification_type":{"id":"`...)
	b = append(b, c.typeIDs[i%len(c.typeIDs)]...)
	b = append(b, `","slug":"`...)
	b = append(b, t.slug...)
	b = append(b, `","title":"`...)
	b = append(b, t.title...)
	b = append(b, `","status":"`...)
	b = append(b, server.CertificationTypeStatusActive...)
	return append(b, `"}}`...)
}

// word is the known word of an enum, or now and then one that is not known.
func (c *certifications) word(known, other string, n uint64) string {
	if c.newWords && n&1 == 0 {
		return other
	}
	return known
}

var (
	givenNames  = []string{"Ada", "Grace", "Mary", "Alan", "Edsger", "Barbara", "Donald", "Frances", "Tony", "Radia", "Ken", "Margaret", "Dennis", "Adele"}
	familyNames = []string{"Lovelace", "Hopper", "Jackson", "Turing", "Dijkstra", "Liskov", "Knuth", "Allen", "Hoare", "Perlman", "Thompson", "Hamilton", "Ritchie", "Goldberg"}
	teams       = []string{"Operations", "Compliance", "Field Service"}
)

// accountUsers are the generated users of the Certn account.
type accountUsers struct {
	count int
	seed  uint64
}

func (u accountUsers) len() int { return u.count }

// appendRow writes user i; e-mail addresses are unique.
func (u accountUsers) appendRow(b []byte, i int) []byte {
	n := mix(u.seed, uint64(i)<<8|1)
	first := givenNames[i%len(givenNames)]
	last := familyNames[(i+i/len(givenNames))%len(familyNames)]
	team := teams[n%uint64(len(teams))]
	b = append(b, `{"id":"`...)
	b = appendUUID(b, n)
	b = append(b, `","email":"`...)
	b = append(b, first[0]|0x20)
	b = append(b, first[1:]...)
	b = append(b, '.')
	b = append(b, last[0]|0x20)
	b = append(b, last[1:]...)
	if round := i / len(givenNames); round > 0 {
		b = strconv.AppendInt(b, int64(round), 10)
	}
	b = append(b, `@example.com","first_name":"`...)
	b = append(b, first...)
	b = append(b, `","last_name":"`...)
	b = append(b, last...)
	b = append(b, `","team":{"id":"`...)
	b = appendUUID(b, hashString(team))
	b = append(b, `","name":"`...)
	b = append(b, team...)
	return append(b, `"}}`...)
}
