package sandbox_test

import (
	"bytes"
	"encoding/json"
	"io"
	"runtime"
	"testing"
	"time"

	"github.com/credkit/credkit-go/api/cosmic"
	"github.com/credkit/credkit-go/api/date"
	"github.com/credkit/credkit-go/api/server"
	"github.com/credkit/credkit-go/facade/sandbox"
)

// strict decodes into a generated model and refuses what it does not have.
func strict(t *testing.T, raw []byte, v any) {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		t.Fatalf("%v in %s", err, raw)
	}
}

func TestGeneratedCertificationsFitTheGeneratedModel(t *testing.T) {
	today := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	sb := inMemory(t, sandbox.WithCertificationCount(5000), sandbox.WithoutPaging(), sandbox.WithToday(today))
	a := get(t, sb, urlOf(t, sb, cosmic.OpListCertifications), signIn(t, sb).AccessToken)
	var list server.CertificationList
	strict(t, a.body, &list)
	if size := len(a.body) / 5000; size < 700 || size > 900 {
		t.Errorf("%d bytes a row", size)
	}
	ids := map[string]bool{}
	expired, soon, never := 0, 0, 0
	for _, c := range list.Data {
		ids[c.ID.String()] = true
		if !c.LifecycleStatus.Valid() || !c.Source.Valid() || !c.VerificationStatus.Valid() || !c.ValidityStatus.Valid() || !c.CertificationType.Status.Valid() {
			t.Fatalf("an enum word that is not described: %+v", c)
		}
		if c.UserID.String() != sb.User().ID || c.CertificationType.ID != c.CertificationTypeID || c.CertificationType.Title == "" || c.ID.Version() != 4 {
			t.Fatalf("%+v", c)
		}
		left := date.FromTime(today).DaysUntil(c.ExpiresOn)
		switch {
		case c.ExpiresOn.IsZero():
			never++
			continue
		case left < 0:
			expired++
		case left <= 30:
			soon++
		}
		if left < -90 || left > 720 || !c.IssuedOn.Before(c.ExpiresOn) || c.UpdatedAt.Before(c.CreatedAt) {
			t.Fatalf("%d days left: %+v", left, c)
		}
	}
	if len(ids) != 5000 || expired < 300 || soon < 100 || never != 625 {
		t.Errorf("%d ids, %d expired, %d soon, %d never", len(ids), expired, soon, never)
	}
}

func TestGeneratedUsersFitTheGeneratedModel(t *testing.T) {
	sb := inMemory(t, sandbox.WithCertnUserCount(1000), sandbox.WithCertnPageSize(1000, 0))
	a := get(t, sb, urlOf(t, sb, "listUsers"), sb.CertnAccessToken())
	var list server.UserList
	strict(t, a.body, &list)
	ids, emails := map[string]bool{}, map[string]bool{}
	for _, u := range list.Results {
		ids[u.ID.String()], emails[u.Email] = true, true
		if u.FirstName == "" || u.LastName == "" || u.Team["id"] == nil || u.ID.Version() != 4 {
			t.Fatalf("%+v", u)
		}
	}
	if len(ids) != 1000 || len(emails) != 1000 {
		t.Errorf("%d ids, %d addresses", len(ids), len(emails))
	}
}

func TestOtherAnswersFitTheGeneratedModel(t *testing.T) {
	sb, old := inMemory(t), inMemory(t, sandbox.WithOldMe())
	var me server.Me
	strict(t, get(t, sb, urlOf(t, sb, cosmic.OpGetMe), signIn(t, sb).AccessToken).body, &me)
	strict(t, get(t, old, urlOf(t, old, cosmic.OpGetMe), signIn(t, old).AccessToken).body, &me)
	if len(me.Organizations) != 1 || !me.OrganizationMemberships[0].IsPrimary || len(me.Scopes) == 0 {
		t.Errorf("%+v", me)
	}
	var created server.CertificationAnswer
	strict(t, create(t, sb, signIn(t, sb).AccessToken, "", sample).body, &created)
	if created.Data.IssuerName != "<string>" || created.Data.ID.Version() != 4 {
		t.Errorf("%+v", created)
	}
}

func TestGeneratedRowsAreTheSameEachTime(t *testing.T) {
	body := func() string {
		sb := inMemory(t, sandbox.WithToday(time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)))
		return get(t, sb, urlOf(t, sb, cosmic.OpListCertifications), signIn(t, sb).AccessToken).text() +
			get(t, sb, urlOf(t, sb, "listUsers"), sb.CertnAccessToken()).text()
	}
	if body() != body() {
		t.Error("they differ")
	}
}

func TestTheFirstRowsShowEveryCase(t *testing.T) {
	now := time.Now().UTC()
	sb, today := inMemory(t, sandbox.WithToday(now)), date.FromTime(now) // one day, also at midnight
	a := get(t, sb, urlOf(t, sb, cosmic.OpListCertifications), signIn(t, sb).AccessToken)
	var list server.CertificationList
	strict(t, a.body, &list)
	var expired, soon, later, never bool
	for _, c := range list.Data {
		left := today.DaysUntil(c.ExpiresOn)
		expired = expired || left < 0
		never = never || c.ExpiresOn.IsZero()
		soon = soon || left > 0 && left <= 45
		later = later || left > 45
	}
	if !expired || !soon || !later || !never {
		t.Errorf("expired %v, soon %v, later %v, never %v", expired, soon, later, never)
	}
}

func TestNewWordsAreUnknownToTheDescription(t *testing.T) {
	sb := inMemory(t, sandbox.WithUnknownValues(), sandbox.WithCertificationCount(50))
	var list server.CertificationList
	strict(t, get(t, sb, urlOf(t, sb, cosmic.OpListCertifications), signIn(t, sb).AccessToken).body, &list)
	news := map[string]bool{}
	for _, c := range list.Data {
		for word, known := range map[string]bool{
			string(c.Source): c.Source.Valid(), string(c.ValidityStatus): c.ValidityStatus.Valid(), string(c.VerificationStatus): c.VerificationStatus.Valid(),
		} {
			news[word] = !known
		}
	}
	if !news["imported"] || !news["under_appeal"] || !news["in_review"] || news["manual"] {
		t.Errorf("%v", news)
	}
}

func TestALongListIsNeverHeld(t *testing.T) {
	const rows = 150_000 // 110 MB
	sb := start(t, sandbox.WithCertificationCount(rows), sandbox.WithoutPaging())
	token := signIn(t, sb).AccessToken
	resp, err := sb.Client().Do(request(t, "GET", urlOf(t, sb, cosmic.OpListCertifications), token, "", nil))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	buffer, total, seen := make([]byte, 1<<20), int64(0), 0
	for err == nil {
		var n int
		n, err = resp.Body.Read(buffer)
		total += int64(n)
		seen += bytes.Count(buffer[:n], []byte(`{"id":"`))
	}
	runtime.ReadMemStats(&after)
	if err != io.EOF || total < 700*rows {
		t.Fatalf("%d bytes: %v", total, err)
	}
	if got := after.TotalAlloc - before.TotalAlloc; got > 16<<20 {
		t.Errorf("%d bytes allocated for %d bytes sent", got, total)
	}
	// Two objects a row begin so, unless a read cut one in two.
	if seen < 2*rows-20000 || seen > 2*rows {
		t.Errorf("%d objects", seen)
	}
	if n := sb.Requests()[0].Bytes; n != 0 && n != total {
		t.Errorf("the log says %d bytes of %d", n, total)
	}
}

func TestPagesOfAMillionRowsStartAtOnce(t *testing.T) {
	sb := inMemory(t, sandbox.WithCertificationCount(1_000_000), sandbox.WithCertnUserCount(1_000_000))
	p := users(t, sb, urlOf(t, sb, "listUsers")+"?page=20000&page_size=50")
	if p.Next != nil || len(p.Results) != 50 || p.Count != 1_000_000 {
		t.Errorf("%+v", p)
	}
}
