package sandbox_test

import (
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/credkit/credkit-go/api/cosmic"
	"github.com/credkit/credkit-go/facade/sandbox"
)

// create posts a certification, under a key if there is one.
func create(t *testing.T, sb *sandbox.Sandbox, token, key, body string) answer {
	t.Helper()
	op, _ := cosmic.Service.Operation(cosmic.OpCreateCertification)
	req := request(t, op.Method, sb.CosmicURL()+op.Path, token, "application/json; charset=utf-8", []byte(body))
	if key != "" {
		req.Header.Set(op.IdempotencyHeader, key)
	}
	return do(t, sb, req)
}

const sample = `{"organization_member_id":"3c90c3cc-0d44-4b50-8888-8dd25736052a","external_id":"<string>","external_source":"<string>",
	"certification_type_id":"3c90c3cc-0d44-4b50-8888-8dd25736052a","source":"manual","issued_on":"2023-12-25","expires_on":"2023-12-25",
	"issuer_name":"<string>","serial_number":"<string>"}`

func TestACreatedCertificationStandsInTheList(t *testing.T) {
	sb := inMemory(t, sandbox.WithCertificationCount(3))
	token := signIn(t, sb).AccessToken
	a := create(t, sb, token, "", sample)
	wantStatus(t, a, http.StatusCreated)
	v := a.json(t)["data"].(map[string]any)
	for name, want := range map[string]any{
		"external_id": "<string>", "expires_on": "2023-12-25", "source": "manual", "user_id": sb.User().ID,
		"organization_member_id": "3c90c3cc-0d44-4b50-8888-8dd25736052a", "verification_status": "unverified", "last_verified_at": nil,
	} {
		if got, ok := v[name]; !ok || got != want {
			t.Errorf("%s is %v, want %v", name, got, want)
		}
	}
	list := certifications(t, sb, token, "").Data
	if len(list) != 4 || list[3]["id"] != v["id"] {
		t.Errorf("%v", list)
	}
	// It is that user's alone.
	other, err := sb.AccessToken("grace@example.com")
	if err != nil {
		t.Fatal(err)
	}
	if list := certifications(t, sb, other, "").Data; len(list) != 3 {
		t.Errorf("%d rows", len(list))
	}
}

func TestACreatedCertificationOfAKnownTypeShowsIt(t *testing.T) {
	sb := inMemory(t, sandbox.WithCertificationCount(1))
	token := signIn(t, sb).AccessToken
	kind := at(certifications(t, sb, token, "").Data[0], "certification_type")
	a := create(t, sb, token, "", `{"certification_type_id":"`+at(kind, "id").(string)+`"}`)
	if got := at(a.json(t), "data", "certification_type", "title"); got != at(kind, "title") {
		t.Errorf("%v", got)
	}
	if got := at(a.json(t), "data", "expires_on"); got != nil {
		t.Errorf("expires_on %v", got)
	}
}

func TestAnIdempotencyKeyCreatesOnce(t *testing.T) {
	sb := inMemory(t, sandbox.WithCertificationCount(0))
	token := signIn(t, sb).AccessToken
	first := create(t, sb, token, "key-1", sample)
	wantStatus(t, first, 201)
	again := create(t, sb, token, "key-1", " "+strings.ReplaceAll(sample, "\n\t", "  "))
	wantStatus(t, again, 201)
	if again.text() != first.text() {
		t.Errorf("%s\n%s", first.body, again.body)
	}
	wantStatus(t, create(t, sb, token, "key-1", `{}`), http.StatusUnprocessableEntity)
	wantStatus(t, create(t, sb, token, "key-2", sample), 201)
	wantStatus(t, create(t, sb, token, "", sample), 201)
	wantStatus(t, create(t, sb, token, "", sample), 201)
	if n := len(certifications(t, sb, token, "").Data); n != 4 {
		t.Errorf("%d certifications", n)
	}
	other, err := sb.AccessToken("grace@example.com")
	if err != nil {
		t.Fatal(err)
	}
	wantStatus(t, create(t, sb, other, "key-1", `{}`), 201) // another user's key

	deaf := inMemory(t, sandbox.WithCertificationCount(0), sandbox.WithoutIdempotency())
	token = signIn(t, deaf).AccessToken
	create(t, deaf, token, "key-1", sample)
	create(t, deaf, token, "key-1", sample)
	if n := len(certifications(t, deaf, token, "").Data); n != 2 {
		t.Errorf("%d certifications", n)
	}
}

func TestSimultaneousCreatesUnderOneKeyCreateOnce(t *testing.T) {
	sb := start(t, sandbox.WithCertificationCount(0))
	token := signIn(t, sb).AccessToken
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() { wantStatus(t, create(t, sb, token, "same", sample), 201) })
	}
	wg.Wait()
	if n := len(certifications(t, sb, token, "").Data); n != 1 {
		t.Errorf("%d certifications", n)
	}
}

func TestBodiesThatAreNotDescribedAreRefused(t *testing.T) {
	sb := inMemory(t, sandbox.WithCertificationCount(0))
	token := signIn(t, sb).AccessToken
	for body, want := range map[string]string{
		``:                                      "not a JSON object",
		`[]`:                                    "not a JSON object",
		`null`:                                  "not a JSON object",
		`{`:                                     "not JSON",
		`{"issuer_name":"a"} {}`:                "goes on",
		`{"issuer_name":"a",}`:                  "not JSON",
		`{"issuer_name":1}`:                     "issuer_name is not a string",
		`{"issuer_name":null}`:                  "issuer_name is not a string",
		`{"issuer_name":"a","issuer_name":"b"}`: "twice",
		`{"issued_on":"25.12.2023"}`:            "issued_on is not a date",
		`{"issued_on":"2023-02-30"}`:            "issued_on is not a date",
		`{"expires_on":""}`:                     "expires_on is not a date",
		`{"expires_on":"2023-12-25T00:00:00Z"}`: "expires_on is not a date",
		`{"certification_type_id":"3c90c3cc"}`:  "certification_type_id is not a UUID",
		`{"certification_type_id":"3c90c3cc0d444b5088888dd25736052a"}`:   "certification_type_id is not a UUID",
		`{"organization_member_id":"{3c90c3cc-0d44-4b50-8888-8dd25736"}`: "organization_member_id is not a UUID",
		`{"verification_status":"verified"}`:                             `the member \"verification_status\" is not declared`,
		`{"Issuer_Name":"a"}`:                                            "not declared",
		`{"id":"3c90c3cc-0d44-4b50-8888-8dd25736052a"}`:                  "not declared",
	} {
		a := create(t, sb, token, "", body)
		if a.StatusCode != 400 || !strings.Contains(a.text(), strings.ReplaceAll(want, `\"`, `\\\"`)) && !strings.Contains(a.text(), want) {
			t.Errorf("%s: %s %s", body, a.Status, a.body)
		}
	}
	op := urlOf(t, sb, cosmic.OpCreateCertification)
	for _, kind := range []string{"", "text/plain", "application/x-www-form-urlencoded", "application/jsonx"} {
		wantStatus(t, do(t, sb, request(t, "POST", op, token, kind, []byte(`{}`))), 400)
	}
	wantStatus(t, do(t, sb, request(t, "POST", op+"?limit=1", token, "application/json", []byte(`{}`))), 400)
	wantStatus(t, create(t, sb, token, strings.Repeat("k", 256), `{}`), 400)
	twice := request(t, "POST", op, token, "application/json", []byte(`{}`))
	twice.Header["Idempotency-Key"] = []string{"a", "b"}
	wantStatus(t, do(t, sb, twice), 400)
	if n := len(certifications(t, sb, token, "").Data); n != 0 {
		t.Errorf("%d certifications", n)
	}
	// An enum is open: a word of one's own is allowed.
	wantStatus(t, create(t, sb, token, strings.Repeat("k", 255), `{"source":"imported"}`), 201)
}
