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

// A create is sent once, unless the service never saw it or responded with 429. The
// id of the record in a system of one's own tells afterwards whether a create
// whose response was lost has been made.
func ExampleCosmic_CreateCertification() {
	ctx := context.Background()
	cosmic, end := signedIn()
	defer end()

	create := facade.CertificationCreate{
		IssuerName:     "ESCO Institute",
		SerialNumber:   "SN-22301260",
		IssuedOn:       facade.DateOf(2026, time.May, 31),
		ExpiresOn:      facade.DateOf(2029, time.May, 31),
		ExternalID:     "HR-122751",
		ExternalSource: "payroll",
	}
	created, err := cosmic.CreateCertification(ctx, create)
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
	fmt.Println(created.SerialNumber, "until", created.ExpiresOn)
	// Output: SN-22301260 until 2029-05-31
}

// A walk that stops after a page goes on from there later, in this process or
// another: what Resume holds can be stored.
func ExampleList_From() {
	ctx := context.Background()
	cosmic, end := signedIn(sandbox.WithCertificationCount(7))
	defer end()

	list := cosmic.Certifications().PageSize(5)
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

// signedIn returns a client of a sandbox in which a worker has signed in.
func signedIn(opts ...sandbox.Option) (cosmic *facade.Cosmic, end func()) {
	sb, err := sandbox.Start(opts...)
	if err != nil {
		log.Fatal(err)
	}
	tokens, err := sb.SignIn("")
	if err != nil {
		log.Fatal(err)
	}
	cosmic, err = facade.NewCosmic(auth.StaticToken(tokens.AccessToken), facade.WithBaseURL(sb.CosmicURL()))
	if err != nil {
		log.Fatal(err)
	}
	return cosmic, sb.Close
}
