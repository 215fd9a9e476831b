package facade_test

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/credkit/credkit-go/api/cosmic"
	"github.com/credkit/credkit-go/facade"
	"github.com/credkit/credkit-go/facade/sandbox"
)

// The sample of the page "List certifications for the authenticated principal
// (legacy)", as it stands there.
const documentedCertification = `{
  "id": "3c90c3cc-0d44-4b50-8888-8dd25736052a",
  "organization_id": "3c90c3cc-0d44-4b50-8888-8dd25736052a",
  "organization_member_id": "3c90c3cc-0d44-4b50-8888-8dd25736052a",
  "user_id": "3c90c3cc-0d44-4b50-8888-8dd25736052a",
  "external_id": "<string>",
  "external_source": "<string>",
  "certification_type_id": "3c90c3cc-0d44-4b50-8888-8dd25736052a",
  "lifecycle_status": "active",
  "source": "manual",
  "issued_on": "2023-12-25",
  "expires_on": "2023-12-25",
  "issuer_name": "<string>",
  "serial_number": "<string>",
  "verification_status": "unverified",
  "validity_status": "valid",
  "verification_method": "<string>",
  "last_verified_at": "2023-11-07T05:31:56Z",
  "created_at": "2023-11-07T05:31:56Z",
  "updated_at": "2023-11-07T05:31:56Z",
  "certification_type": {
    "id": "3c90c3cc-0d44-4b50-8888-8dd25736052a",
    "slug": "<string>",
    "title": "<string>",
    "status": "active"
  }
}`

// start runs a sandbox and clients of both services, signed in.
func start(t *testing.T, opts ...sandbox.Option) (*sandbox.Sandbox, *facade.Cosmic, *facade.Certn) {
	t.Helper()
	sb, err := sandbox.Start(opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sb.Close)
	c, err := sb.Cosmic()
	if err != nil {
		t.Fatal(err)
	}
	n, err := sb.Certn()
	if err != nil {
		t.Fatal(err)
	}
	return sb, c, n
}

func TestTheDocumentedSamplesComeOutAsTypedValues(t *testing.T) {
	const user = `{"id": "123e4567-e89b-12d3-a456-426614174000"}`
	_, c, n := start(t, sandbox.WithoutPaging(), sandbox.WithCertifications(json.RawMessage(documentedCertification)), sandbox.WithCertnUsers(json.RawMessage(user)))
	certs, err := c.Certifications().Collect(t.Context(), 2)
	if err != nil || len(certs) != 1 {
		t.Fatal(certs, err)
	}
	cert := certs[0]
	when := time.Date(2023, 11, 7, 5, 31, 56, 0, time.UTC)
	if cert.ID.String() != uuid1 || cert.ExpiresOn.String() != "2023-12-25" || !cert.UpdatedAt.Equal(when) || cert.Source != cosmic.CertificationSourceManual ||
		cert.CertificationType.Status != cosmic.CertificationTypeStatusActive || cert.IssuerName != "<string>" || cert.Extra != nil {
		t.Errorf("%+v", cert)
	}
	v := reflect.ValueOf(cert)
	for f := range v.Type().Fields() {
		if f.Tag.Get("json") != "-" && f.IsExported() && v.FieldByIndex(f.Index).IsZero() {
			t.Errorf("%s is empty", f.Name)
		}
	}
	text, _ := json.Marshal(cert)
	var want, got any
	_ = json.Unmarshal([]byte(documentedCertification), &want)
	_ = json.Unmarshal(text, &got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the sample does not survive: %s", diff)
	}
	users, err := n.Users().Collect(t.Context(), 2)
	if err != nil || len(users) != 1 || users[0].ID.String() != uuid2 {
		t.Fatal(users, err)
	}
}

func TestNullsOnEveryOptionalFieldAndUnknownWordsComeThrough(t *testing.T) {
	var members map[string]any
	if err := json.Unmarshal([]byte(documentedCertification), &members); err != nil {
		t.Fatal(err)
	}
	nulls := map[string]any{"id": members["id"]}
	words := map[string]any{"id": members["id"], "unheard": "of"}
	for name := range members {
		if name != "id" {
			nulls[name] = nil
		}
		if strings.HasSuffix(name, "_status") || name == "source" {
			words[name] = "brand new"
		}
	}
	_, c, n := start(t, sandbox.WithCertifications(nulls, words),
		sandbox.WithCertnUsers(map[string]any{"id": uuid1, "email": nil, "first_name": nil, "last_name": nil, "team": nil, "is_active": true}))
	certs, err := c.Certifications().Collect(t.Context(), 2)
	if err != nil || len(certs) != 2 {
		t.Fatal(certs, err)
	}
	if diff := cmp.Diff(facade.Certification{ID: certs[0].ID}, certs[0]); diff != "" {
		t.Error(diff)
	}
	new := certs[1]
	if new.ValidityStatus != "brand new" || new.ValidityStatus.Valid() || string(new.Extra["unheard"]) != `"of"` {
		t.Errorf("%+v", new)
	}
	users, err := n.Users().Collect(t.Context(), 2)
	if err != nil || len(users) != 1 || string(users[0].Extra["is_active"]) != "true" {
		t.Fatal(users, err)
	}
}

func TestEveryCallAgainstTheSandbox(t *testing.T) {
	for name, opts := range map[string][]sandbox.Option{
		"paged":            {sandbox.WithPageSize(7)},
		"legacy":           {sandbox.WithoutPaging()},
		"no last cursor":   {sandbox.WithPageSize(7), sandbox.WithoutLastCursor()},
		"the older me":     {sandbox.WithOldMe()},
		"first party":      {sandbox.WithFirstPartySessions()},
		"older scopes":     {sandbox.WithOldScopeNames()},
		"new words":        {sandbox.WithUnknownValues()},
		"links elsewhere":  {sandbox.WithNextLinkOrigin("http://evil.test"), sandbox.WithCertnPageSize(3, 10)},
		"a bare array":     {sandbox.WithBareArray()},
		"below a prefix":   {sandbox.WithBasePath("/deep/er")},
		"no error bodies":  {sandbox.WithAPIErrors(sandbox.EmptyErrors)},
		"with request ids": {sandbox.WithRequestIDs()},
	} {
		t.Run(name, func(t *testing.T) {
			sb, c, n := start(t, append(opts, sandbox.WithCertificationCount(30), sandbox.WithCertnUserCount(10))...)
			if _, err := c.Me(t.Context()); err != nil {
				t.Error(err)
			}
			if err := c.Require(t.Context(), c.Operations()...); err != nil {
				t.Error(err)
			}
			certs, err := c.Certifications().Collect(t.Context(), 100)
			if err != nil || len(certs) != 30 {
				t.Fatal(len(certs), err)
			}
			created, err := c.CreateCertification(t.Context(), facade.CertificationCreate{SerialNumber: "new"})
			if err != nil {
				t.Fatal(err)
			}
			found, err := c.FindCertification(t.Context(), facade.CertificationID(created.ID.String()))
			if err != nil || found.SerialNumber != "new" {
				t.Error(found, err)
			}
			users, err := n.Users().Collect(t.Context(), 100)
			if err != nil || len(users) != 10 {
				t.Fatal(len(users), err)
			}
			again, err := n.FindUser(t.Context(), facade.ByEmail(strings.ToUpper(users[9].Email)))
			if err != nil || again.ID != users[9].ID {
				t.Error(again, err)
			}
			if v := sb.Counters().Violations; v != 0 {
				t.Errorf("%d requests that the specification does not allow", v)
			}
		})
	}
}

func TestACallSurvivesTheSandboxsFaults(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sb := sandbox.Test(t, sandbox.WithCertificationCount(5))
		c, err := sb.Cosmic()
		if err != nil {
			t.Fatal(err)
		}
		for name, parts := range map[string][]sandbox.Part{
			"503":       {sandbox.Status(503)},
			"throttled": {sandbox.Status(429), sandbox.RetryAfter("5")},
			"cut":       {sandbox.CutBefore()},
			"reset":     {sandbox.CutBefore(), sandbox.Reset()},
			"cut later": {sandbox.CutAfter(900)},
		} {
			if err := sb.Fail(append(parts, sandbox.On(facade.ListCertifications), sandbox.Times(2))...); err != nil {
				t.Fatal(err)
			}
			if certs, err := c.Certifications().Collect(t.Context(), 9); err != nil || len(certs) != 5 {
				t.Errorf("%s: %d, %v", name, len(certs), err)
			}
		}
		if err := sb.Fail(sandbox.On(facade.ListCertifications), sandbox.CutAfter(900), sandbox.Times(4)); err != nil {
			t.Fatal(err)
		}
		if certs, err := c.Certifications().Collect(t.Context(), 9); !errors.Is(err, facade.ErrTruncated) || len(certs) == 5 {
			t.Errorf("a cut list: %d, %v", len(certs), err)
		}
	})
}

func TestARetiredServiceSaysWhatIsKnown(t *testing.T) {
	_, _, n := start(t, sandbox.WithCertnRetired())
	_, err := n.Users().First(t.Context())
	if !errors.Is(err, facade.ErrRetired) || !strings.Contains(err.Error(), "CertnCentric") {
		t.Error(err)
	}
}
