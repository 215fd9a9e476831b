package sandbox

import (
	"strconv"
	"time"

	"github.com/credkit/credkit-go/api/date"
	"github.com/credkit/credkit-go/api/server"
)

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
