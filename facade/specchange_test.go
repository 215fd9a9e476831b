package facade_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/credkit/credkit-go/api/cosmic"
	"github.com/credkit/credkit-go/facade"
	"github.com/credkit/credkit-go/facade/auth"
	"github.com/credkit/credkit-go/facade/sandbox"
)

// A scope that is added to an operation in openapi.yaml is demanded with no
// change by hand. The tests of api/gen show that it reaches the generated
// table; this one, that the facade demands what the table says.
func TestAScopeAddedToTheSpecificationIsDemanded(t *testing.T) {
	sb, err := sandbox.New()
	if err != nil {
		t.Fatal(err)
	}
	defer sb.Close()
	token, err := sb.AccessToken("", "certification_records:read")
	if err != nil {
		t.Fatal(err)
	}
	list := func() error {
		client, err := facade.NewCosmic(auth.StaticToken(token), facade.WithBaseURL(sb.CosmicURL()), facade.WithHTTPClient(sb.Client()))
		if err != nil {
			t.Fatal(err)
		}
		_, err = client.Certifications().First(t.Context())
		return err
	}
	if err := list(); err != nil || sb.Count(facade.ListCertifications) != 1 {
		t.Fatalf("as the specification is: listed %d times: %v", sb.Count(facade.ListCertifications), err)
	}

	row, ok := cosmic.Service.Operation(cosmic.OpListCertifications)
	if !ok {
		t.Fatal("the table has no listCertifications")
	}
	before := row.Scopes
	row.Scopes = append(slices.Clone(before), "organizations:read")
	defer func() { row.Scopes = before }()
	const want = "listCertifications needs the scope organizations:read"
	if err := list(); err == nil || !strings.HasPrefix(err.Error(), want) || sb.Count(facade.ListCertifications) != 1 {
		t.Errorf("with the scope added: listed %d times: %v, want %q", sb.Count(facade.ListCertifications)-1, err, want)
	}
}
