package facade_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/credkit/credkit-go/facade"
	"github.com/credkit/credkit-go/facade/auth"
	"github.com/credkit/credkit-go/facade/sandbox"
)

// newSandbox starts a sandbox in memory in place of the services.
func newSandbox(opts ...sandbox.Option) *sandbox.Sandbox {
	sb, err := sandbox.New(opts...)
	if err != nil {
		log.Fatal(err)
	}
	return sb
}

// signedIn returns a client of a sandbox in which a worker has signed in.
func signedIn(sb *sandbox.Sandbox, opts ...facade.Option) *facade.Cosmic {
	cosmic, err := sb.Cosmic(opts...)
	if err != nil {
		log.Fatal(err)
	}
	return cosmic
}

// certification is a certification as COSMIC sends it.
func certification(slug, title string, days int) map[string]any {
	return map[string]any{
		"id":                 fmt.Sprintf("8c1f0c9e-5a1d-4c3e-9d52-%012d", max(days, 0)),
		"expires_on":         time.Now().AddDate(0, 0, days).Format(time.DateOnly),
		"certification_type": map[string]any{"slug": slug, "title": title},
	}
}

// A token that another part of the program has got; [auth.Sessions] has those that
// stay alive.
func ExampleNewCosmic() {
	ctx := context.Background()
	sb := newSandbox()
	defer sb.Close()
	token, err := sb.AccessToken("ada@example.com")
	if err != nil {
		log.Fatal(err)
	}

	cosmic, err := facade.NewCosmic(auth.StaticToken(token),
		facade.WithBaseURL(sb.CosmicURL()),    // without it the production server
		facade.WithHTTPClient(sb.Client()),    // your own: proxies, certificates, timeouts
		facade.WithUserAgent("acme-sync/2.1")) // before the library's own
	if err != nil {
		log.Fatal(err)
	}
	me, err := cosmic.Me(ctx)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(me.User.DisplayName, len(me.Scopes) > 0)
	// Output: Ada Lovelace true
}

// One client for each worker: they share connections and limits.
func ExampleCosmic_For() {
	ctx := context.Background()
	sb := newSandbox()
	defer sb.Close()
	cosmic := signedIn(sb)

	for _, worker := range []string{"ada@example.com", "grace@example.com"} {
		grant, err := sb.Grant(sandbox.SignIn{User: worker}) // or sessions.Key(worker)
		if err != nil {
			log.Fatal(err)
		}
		theirs, err := cosmic.For(grant)
		if err != nil {
			log.Fatal(err)
		}
		me, err := theirs.Me(ctx)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(me.User.DisplayName)
	}
	// Output:
	// Ada Lovelace
	// Grace Hopper
}

// A program learns at its start which scope it lacks, and not in the middle of its
// work.
func ExampleCosmic_Require() {
	ctx := context.Background()
	sb := newSandbox(sandbox.WithApps(sandbox.App{ClientID: "acme", Scopes: []string{"certification_records:read"}}))
	defer sb.Close()
	cosmic := signedIn(sb)

	err := cosmic.Require(ctx, cosmic.Operations()...)
	var scope *facade.ScopeError
	if errors.As(err, &scope) {
		fmt.Println(scope.Operation, "lacks", scope.Missing)
	}
	have, err := cosmic.Scopes(ctx)
	fmt.Println(have, err)
	// Output:
	// createCertification lacks [certification_records:write]
	// [certification_records:read] <nil>
}

// An element that does not fit is an error of its own; the range goes on.
func ExampleCosmic_Certifications() {
	ctx := context.Background()
	sb := newSandbox(sandbox.WithCertifications(certification("osha-10", "OSHA 10", 40), `{"id": 7}`, certification("cpr", "First aid", 90)))
	defer sb.Close()
	cosmic := signedIn(sb)

	for cert, err := range cosmic.Certifications().All(ctx) {
		var bad *facade.ElementError
		if errors.As(err, &bad) {
			fmt.Println("left out:", bad.Index, bad.Path)
			continue
		}
		if err != nil {
			log.Print(err)
			return
		}
		days, _ := cert.DaysLeft(time.Now())
		fmt.Println(cert.CertificationType.Title, days)
	}
	// Output:
	// OSHA 10 40
	// left out: 1 /data/1/id
	// First aid 90
}

// Lists are filtered while they are read.
func ExampleList_Where() {
	ctx := context.Background()
	sb := newSandbox(sandbox.WithCertifications(
		certification("osha-10", "OSHA 10", -3), certification("osha-10", "OSHA 10", 400), certification("cpr", "First aid", 20)))
	defer sb.Close()
	certifications := signedIn(sb).Certifications()
	now := time.Now()

	for name, list := range map[string]*facade.List[facade.Certification]{
		"expired":              certifications.Where(facade.Expired(now)),
		"due within 30 days":   certifications.Where(facade.Expiring(now, 30*24*time.Hour)),
		"OSHA, and still good": certifications.Where(facade.TypeSlug("osha-10"), facade.Matching("a good one", func(c facade.Certification) bool { return !c.IsExpired(now) })),
	} {
		first, err := list.First(ctx)
		if err != nil {
			log.Print(err)
			return
		}
		days, _ := first.DaysLeft(now)
		fmt.Println(name, days)
	}
	// Unordered output:
	// expired -3
	// due within 30 days 20
	// OSHA, and still good 400
}

// A bound keeps a list from being longer than the program can use.
func ExampleList_Collect() {
	ctx := context.Background()
	sb := newSandbox(sandbox.WithCertificationCount(7))
	defer sb.Close()

	certs, err := signedIn(sb).Certifications().PageSize(5).Collect(ctx, 6)
	fmt.Println(len(certs), errors.Is(err, facade.ErrTooMany))
	// Output: 6 true
}

// A range that stops after a page goes on from there later, in this process or
// another: what Resume holds can be stored.
func ExampleList_From() {
	ctx := context.Background()
	sb := newSandbox(sandbox.WithCertificationCount(7))
	defer sb.Close()
	list := signedIn(sb).Certifications().PageSize(5)

	var resume string
	for page, err := range list.Pages(ctx) {
		if err != nil {
			log.Print(err)
			return
		}
		fmt.Println(len(page.Items), "now")
		resume = page.Resume
		break
	}
	for page, err := range list.From(resume).Pages(ctx) {
		if err != nil {
			log.Print(err)
			return
		}
		fmt.Println(len(page.Items), "later")
	}
	// Output:
	// 5 now
	// 2 later
}

func ExampleCosmic_FindCertification() {
	ctx := context.Background()
	sb := newSandbox(sandbox.WithCertifications(certification("osha-10", "OSHA 10", 40)))
	defer sb.Close()
	cosmic := signedIn(sb)

	found, err := cosmic.FindCertification(ctx, facade.CertificationID("8c1f0c9e-5a1d-4c3e-9d52-000000000040"))
	if err != nil {
		log.Print(err)
		return
	}
	_, err = cosmic.FindCertification(ctx, facade.TypeSlug("cpr"))
	fmt.Println(found.CertificationType.Slug, errors.Is(err, facade.ErrNotFound))
	// Output: osha-10 true
}

// A create is sent once, unless the service never saw it or responded with 429. The
// id of the record in a system of one's own tells afterwards whether a create
// whose response was lost has been made.
func ExampleCosmic_CreateCertification() {
	ctx := context.Background()
	sb := newSandbox()
	defer sb.Close()
	cosmic := signedIn(sb)

	create := facade.CertificationCreate{
		IssuerName:     "ESCO Institute",
		SerialNumber:   "SN-22301260",
		IssuedOn:       facade.DateOf(2026, time.May, 31),
		ExpiresOn:      facade.DateOf(2029, time.May, 31),
		ExternalID:     "HR-122751",
		ExternalSource: "payroll",
	}
	var response facade.Response
	created, err := cosmic.CreateCertification(ctx, create,
		facade.WithIdempotencyKey("payroll-HR-122751"), // the header is not documented: not relied on
		facade.WithHeader("X-Trace", "payroll-sync"),
		facade.WithResponse(&response))
	var refused *facade.Error
	switch {
	case errors.Is(err, facade.ErrForbidden): // a *facade.ScopeError names the scope
		log.Print(err)
		return
	case errors.Is(err, facade.ErrInvalid) && errors.As(err, &refused):
		log.Print(refused.Fields, refused.Message) // which fields, and why
		return
	case err != nil: // look whether it is there before trying again
		ours := facade.Matching("our "+create.ExternalID, func(c facade.Certification) bool { return c.ExternalID == create.ExternalID })
		if created, err = cosmic.FindCertification(ctx, ours); err != nil {
			log.Print(err)
			return
		}
	}
	fmt.Println(created.SerialNumber, "until", created.ExpiresOn, "status", response.Status)
	// Output: SN-22301260 until 2029-05-31 status 201
}

// Certn has an id and a secret, and no sign-in of people.
func ExampleNewCertn() {
	ctx := context.Background()
	sb := newSandbox()
	defer sb.Close()
	id, secret := sb.CertnClient()

	certn, err := facade.NewCertn(auth.ClientCredentials(id, secret), sb.CertnOptions()...)
	if err != nil {
		log.Fatal(err)
	}
	user, err := certn.FindUser(ctx, facade.ByEmail("grace.hopper@example.com")) // reads the list: there is no search
	if err != nil {
		log.Fatal(err)
	}
	same, err := certn.Users().Where(facade.ByID(user.ID.String())).First(ctx)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(same.Name())
	// Output: Grace Hopper
}

// Days and ids, without another import.
func ExampleDateOf() {
	until, err := facade.ParseDate("2027-05-31")
	if err != nil {
		log.Fatal(err)
	}
	id, err := facade.ParseUUID("8c1f0c9e-5a1d-4c3e-9d52-1f6a0e0f4b21")
	if err != nil {
		log.Fatal(err)
	}
	cert := facade.Certification{ID: id, ExpiresOn: until}
	fmt.Println(cert.ExpiresOn == facade.DateOf(2027, time.May, 31), cert.IsExpired(time.Date(2027, time.June, 1, 0, 0, 0, 0, time.UTC)))
	// Output: true true
}
