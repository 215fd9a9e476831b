package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	credkit "github.com/credkit/credkit-go"
)

const readmeMarks = "# A README\n\n" + beginMark + "old\n" + endMark + "\nmore\n"

// generate runs the generator on a specification and returns the directory it
// wrote to.
func generate(t *testing.T, spec string) (string, error) {
	t.Helper()
	dir := t.TempDir()
	for name, content := range map[string]string{"openapi.yaml": spec, "README.md": readmeMarks} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, service := range []string{"cosmic", "certn"} { // what oapi-codegen has written
		models, err := os.ReadFile(filepath.Join("..", service, service+".gen.go"))
		if err != nil {
			t.Fatal(err)
		}
		if err := write(filepath.Join(dir, "api", service, service+".gen.go"), models); err != nil {
			t.Fatal(err)
		}
	}
	return dir, run(filepath.Join(dir, "openapi.yaml"), filepath.Join(dir, "api"), filepath.Join(dir, "facade", "models.gen.go"), filepath.Join(dir, "README.md"))
}

// changed returns the specification with old replaced by now, once.
func changed(t *testing.T, old, now string) string {
	t.Helper()
	spec := strings.Replace(credkit.Spec, old, now, 1)
	if spec == credkit.Spec {
		t.Fatalf("the specification has no %q any more", old)
	}
	return spec
}

// TestWhatIsNotUnderstoodIsRefused changes the specification in one place at
// a time; the error names the place.
func TestWhatIsNotUnderstoodIsRefused(t *testing.T) {
	const (
		meEvidence     = "      x-evidence:\n        grade: documented\n        source: https://docs.natecosmic.com/api-reference/me/current-user-and-granted-api-scopes\n      responses:"
		schemaEvidence = "      x-evidence:\n        grade: documented\n        source: https://docs.natecosmic.com/api-reference/certifications/list-certifications-for-the-token-subject\n"
		limitEvidence  = "          x-evidence:\n            grade: inferred\n            source: https://docs.natecosmic.com/api-reference/qualification-results\n"
		nullablePage   = "          anyOf:\n            - $ref: '#/components/schemas/Page'\n            - type: 'null'\n"
	)
	for _, test := range []struct{ name, old, now, place, problem string }{
		{"an operation without evidence", meEvidence, "      responses:", "GET /v1/me", "no x-evidence"},
		{"a schema without evidence", "    Page:\n      type: object\n      description: Where a list goes on.\n" + schemaEvidence, "    Page:\n      type: object\n      description: Where a list goes on.\n", "schema Page", "no x-evidence"},
		{"a grade that is none", "grade: inferred", "grade: rumoured", "x-security-evidence", `the grade "rumoured" is not one of`},
		{"a source from memory", "            source: https://docs.natecosmic.com/api-reference/qualification-results", "            source: somebody", "query parameter `limit`", "neither an https address nor a recording"},
		{"evidence with more than that", "            grade: inferred\n            source: https://docs.natecosmic.com/api-reference/qualification-results", "            grade: inferred\n            by: ada\n            source: https://docs.natecosmic.com/api-reference/qualification-results", "query parameter `limit`", "by is not read"},
		{"evidence that is a word", "          x-evidence:\n            grade: inferred\n            source: https://docs.natecosmic.com/api-reference/qualification-results", "          x-evidence: inferred", "query parameter `limit`", "must be {grade, source, checked}"},
		{"a document without a date", "x-evidence:\n  checked: '2026-11-22'\n", "", "document", "want x-evidence {checked}"},
		{"a document with a grade", "  checked: '2026-11-22'\n", "  checked: '2026-11-22'\n  grade: inferred\n", "document", "want x-evidence {checked}"},
		{"a date that is none", "  checked: '2026-11-22'\n", "  checked: last autumn\n", "document, x-evidence", "last autumn is not a day like '2026-11-22'"},
		{"a date of a part that is none", "        checked: '2026-11-25'\n", "        checked: 25\n", "cosmicOAuth", "25 is not a day like '2026-11-22'"},
		{"a date that has not come", "        checked: '2026-11-25'\n", "        checked: '9999-11-25'\n", "cosmicOAuth", "9999-11-25 has not come yet"},
		{"a service without evidence", "    x-evidence:\n      grade: documented\n      source: https://docs.natecosmic.com/api-reference/api\n", "", "tag cosmic", "no x-evidence of its own"},
		{"a limit without evidence", "          window: 60s\n          x-evidence:\n            grade: documented\n            source: https://docs.certn.co/api/faq\n", "          window: 60s\n", "tag certn, x-rate-limit[0]", "no x-evidence of its own"},
		{"a word of a limit", "          window: 60s\n", "          window: 60s\n          burst: 5\n", "x-rate-limit[0]", `"burst" is not understood`},
		{"an extension of an operation", "      x-retry: safe\n", "      x-retry: safe\n      x-cache: 60s\n", "/paths/~1v1~1me/get/x-cache:", "x-cache is not read in an operation"},
		{"an extension of a parameter", "          x-go-type-skip-optional-pointer: false\n", "          x-go-type-skip-optional-pointer: false\n          x-hidden: true\n", "/paths/~1v1~1certifications/get/parameters/0/x-hidden:", "x-hidden is not read in a parameter"},
		{"an extension of a schema", "      x-extensible-enum: [active]\n", "      x-extensible-enum: [active]\n      x-order: 1\n", "/components/schemas/LifecycleStatus/x-order:", "x-order is not read in a named schema"},
		{"an extension of a tag", "    externalDocs:\n      url: https://docs.natecosmic.com\n", "    x-logo: none\n", "/tags/0/x-logo:", "x-logo is not read in a tag"},
		{"an extension of a response", "        '404':\n", "        '404':\n          x-cache: 60s\n", "/paths/~1api~1v1~1users~1/get/responses/404/x-cache:", "x-cache is not read in a response"},
		{"an extension of a shared response", "    CosmicError:\n", "    CosmicError:\n      x-cache: 60s\n", "/components/responses/CosmicError/x-cache:", "x-cache is not read in a response"},
		{"a word of a service", "      title: COSMIC\n", "      title: COSMIC\n      owner: nobody\n", "tag cosmic, x-service", `"owner" is not understood`},
		{"a closed enum", "      x-extensible-enum: [active]\n", "      enum: [active]\n", "/components/schemas/LifecycleStatus/enum:", "write x-extensible-enum"},
		{"words that are none", "      x-extensible-enum: [active]\n", "      x-extensible-enum: [5]\n", "/components/schemas/LifecycleStatus/x-extensible-enum:", "want a list of words"},
		{"an example that nothing uses", "  examples:\n    Me:\n", "  examples:\n    Nobody: {value: {}}\n    Me:\n", "/components/examples/Nobody:", "nothing refers to it"},
		{"an optional parameter without its pointer", "          x-go-type-skip-optional-pointer: false\n", "", "/paths/~1v1~1certifications/get/parameters/0:", "x-go-type-skip-optional-pointer: false"},
		{"an optional parameter that skips it", "skip-optional-pointer: false", "skip-optional-pointer: true", "/paths/~1v1~1certifications/get/parameters/0:", "x-go-type-skip-optional-pointer: false"},
		{"an unknown scope", "            - certification_records:read\n", "            - certificates:read\n", "GET /v1/certifications", "the scope certificates:read is not one of cosmicOAuth"},
		{"two security requirements", "        - cosmicOAuth: []\n", "        - cosmicOAuth: []\n        - certnOAuth: []\n", "GET /v1/me", "exactly one security requirement"},
		{"two schemes in one requirement", "        - cosmicOAuth: []\n", "        - cosmicOAuth: []\n          certnOAuth: []\n", "GET /v1/me", "exactly one security requirement"},
		{"no security requirement", "      security:\n        - cosmicOAuth: []\n", "", "/paths/~1v1~1me/get:", "say x-retry, x-pagination and security"},
		{"an alias of no scope", "        job-roles:read: job_roles:read\n", "        job-roles:read: roles:read\n", "x-scope-aliases", "job-roles:read stands for roles:read, which is no scope"},
		{"an alias that is a scope", "        job-roles:read: job_roles:read\n", "        job_roles:write: job_roles:read\n", "x-scope-aliases", "job_roles:write is a current scope"},
		{"a client authentication", "[none, client_secret_basic, client_secret_post]", "[none, private_key_jwt]", "x-client-authentication", `"private_key_jwt" is not understood`},
		{"a logout of every session", "/auth/v1/logout?scope=local", "/auth/v1/logout", "cosmicOAuth, x-logout, url", "must be scope=local"},
		{"a logout elsewhere", "https://api.natecosmic.com/auth/v1/logout", "https://auth.natecosmic.com/logout", "cosmicOAuth, x-logout, url", "does not lie below the production server"},
		{"a word of a logout", "      x-logout: #", "      x-logout:\n        method: GET #", "cosmicOAuth, x-logout", "want url and x-evidence"},
		{"a retry class that is none", "x-retry: safe", "x-retry: sometimes", "GET /v1/me", "x-retry must be safe, idempotency-key or never"},
		{"a safe call that changes things", "x-retry: idempotency-key", "x-retry: safe", "POST /v1/certifications", "safe on a method that changes things"},
		{"a key without its header", "name: Idempotency-Key", "name: Idempotency-Token", "POST /v1/certifications", "without an Idempotency-Key header"},
		{"a paging style that is none", "style: cursor", "style: offset", "GET /v1/certifications, x-pagination", "style must be none, cursor or page-number"},
		{"a paging property that the answer has not", "next: page.next_cursor", "next: page.cursor", "GET /v1/certifications, x-pagination", "the answer has no property page.cursor"},
		{"a list that the answer has not", "items: results", "items: users", "GET /api/v1/users/, x-pagination", "the answer has no property users"},
		{"a paging parameter that is not declared", "cursor-parameter: cursor", "cursor-parameter: after", "GET /v1/certifications, x-pagination", `the query parameter "after" is not declared`},
		{"a word of paging", "more: page.has_more", "most: page.has_more", "GET /v1/certifications, x-pagination", `"most" is not understood`},
		{"paging where there is none", "        style: none\n", "        style: none\n        items: scopes\n", "GET /v1/me, x-pagination", "style none goes with nothing else"},
		{"an operation without id", "      operationId: getMe\n", "", "/paths/~1v1~1me/get:", "give the operation an operationId"},
		{"an operation of two services", "      tags: [certn]\n", "      tags: [certn, cosmic]\n", "GET /api/v1/users/", "exactly one tag"},
		{"a server of another service", "      - url: https://demo-api.certn.co\n        description: Certn, demo\n", "", "GET /api/v1/users/", "its servers are not those of tag certn"},
		{"a service without production", "        production: https://api.certn.co\n", "        live: https://api.certn.co\n", "tag certn, x-service", "no production"},
		{"a limit without requests", "        - requests: 240\n", "        - requests: 0.5\n", "x-rate-limit[0]", "whole number"},
		{"a limit without window", "          window: 24h\n", "          window: a day\n", "x-rate-limit[1]", "positive duration"},
		{"a token endpoint elsewhere", "tokenUrl: https://api.certn.co/token/", "tokenUrl: https://auth.certn.co/token/", "certnOAuth, tokenUrl", "does not lie below the production server"},
		{"two answers that are good", "        '401':\n          description: No access token", "        '202':\n          description: No access token", "GET /api/v1/users/", "more than one 2xx response"},
		{"no answer that is good", "        '201':\n", "        '301':\n", "POST /v1/certifications", "no 2xx response"},

		{"a description without the scope", "        Scopes: `certification_records:read` (inferred). Sent", "        Sent", "GET /v1/certifications", "must end with the words: Scopes: `certification_records:read` (inferred). Sent again: always. Grade: documented."},
		{"a scope that the description does not name", "            - certification_records:write\n", "            - certification_records:write\n            - organizations:read\n", "POST /v1/certifications", "Scopes: `certification_records:write`, `organizations:read` (inferred)."},
		{"a description that promises retries", "only if the server never saw it, or after a 429.", "always.", "POST /v1/certifications", "Sent again: only if the server never saw it, or after a 429."},
		{"a description of another grade", "Sent again: always. Grade: documented.", "Sent again: always. Grade: observed.", "GET /v1/me", "Grade: documented."},
		{"an element without a name", "          items:\n            $ref: '#/components/schemas/User'\n", "          items: {type: object, properties: {who: {$ref: '#/components/schemas/User'}}}\n", "GET /api/v1/users/", "schemas of their own in components"},
		{"a body without a name", "                $ref: '#/components/schemas/Me'\n", "                {type: object, properties: {who: {$ref: '#/components/schemas/Me'}}}\n", "GET /v1/me", "schemas of their own in components"},

		{"an anchor", "      operationId: getMe\n", "      operationId: &me getMe\n", "line ", "an anchor or alias of YAML"},
		{"an alias", "      value:\n        user:\n", "      value:\n        user: &user\n", "line ", "refer to a component by $ref"},

		// What has no reader, in every kind of object.
		{"allOf", nullablePage, "          allOf: [{$ref: '#/components/schemas/Page'}]\n", "/components/schemas/CertificationList/properties/page/allOf:", "write the members out in one schema"},
		{"oneOf", nullablePage, "          oneOf: [{$ref: '#/components/schemas/Page'}, {type: 'null'}]\n", "/components/schemas/CertificationList/properties/page/oneOf:", "what may be null is an anyOf"},
		{"anyOf of two schemas", nullablePage, "          anyOf: [{$ref: '#/components/schemas/Page'}, {$ref: '#/components/schemas/Me'}]\n", "/components/schemas/CertificationList/properties/page/anyOf:", "this union has no Go type"},
		{"anyOf of three", nullablePage, "          anyOf: [{$ref: '#/components/schemas/Page'}, {type: string}, {type: 'null'}]\n", "/components/schemas/CertificationList/properties/page/anyOf:", "this union has no Go type"},
		{"anyOf beside members", nullablePage, nullablePage + "          properties: {}\n", "/components/schemas/CertificationList/properties/page/properties:", "properties is not read in an anyOf"},
		{"anyOf in a named schema", "    Page:\n      type: object\n", "    Page:\n      type: object\n      anyOf: [{$ref: '#/components/schemas/Me'}, {type: 'null'}]\n", "/components/schemas/Page/anyOf:", "write the members out in one schema"},
		{"not", "    Page:\n      type: object\n", "    Page:\n      type: object\n      not: {required: [no]}\n", "/components/schemas/Page/not:", "not is not read in a named schema: remove it, or have api/gen read it"},
		{"a pattern", "          description: Who issued it.\n", "          description: Who issued it.\n          pattern: N.*\n", "/components/schemas/Certification/properties/issuer_name/pattern:", "pattern is not read in a property"},
		{"a keyword that is not invented yet", "          description: Who issued it.\n", "          description: Who issued it.\n          mustSparkle: true\n", "/components/schemas/Certification/properties/issuer_name/mustSparkle:", "is not read in a property"},
		{"a member beside a reference", "          $ref: '#/components/schemas/CertificationSource'\n", "          $ref: '#/components/schemas/CertificationSource'\n          minLength: 1\n", "/components/schemas/CertificationCreate/properties/source/minLength:", "is not read in a reference"},
		{"members that are closed", "      description: Where a list goes on.\n", "      description: Where a list goes on.\n      additionalProperties: false\n", "/components/schemas/Page/additionalProperties:", "want true"},
		{"a schema of the other members", "      description: Where a list goes on.\n", "      description: Where a list goes on.\n      additionalProperties: {type: string}\n", "/components/schemas/Page/additionalProperties:", "want true"},
		{"a type of two", "          type: [boolean, 'null']\n          description: Whether there is", "          type: [boolean, integer]\n          description: Whether there is", "/components/schemas/Page/properties/has_more/type:", "is not read"},
		{"a format", "          format: uuid\n          description: The user.\n", "          format: email\n          description: The user.\n", "/components/schemas/MeUser/properties/id/format:", "email is not read"},
		{"parameters of a path", "  /v1/certifications:\n", "  /v1/certifications:\n    parameters: [{name: trace, in: header, schema: {type: string}}]\n", "/paths/~1v1~1certifications/parameters:", "write each of them in every operation"},
		{"a parameter's style", "        - name: limit\n", "        - name: limit\n          style: form\n", "/paths/~1v1~1certifications/get/parameters/0/style:", "style is not read in a parameter"},
		{"a cookie", "        - name: cursor\n          in: query\n", "        - name: cursor\n          in: cookie\n", "/paths/~1v1~1certifications/get/parameters/1/in:", "want query, header or path"},
		{"a list in a parameter", "            type: string\n            minLength: 1\n", "            type: array\n            items: {type: string}\n", "/paths/~1v1~1certifications/get/parameters/1/schema/items:", "is not read in the schema of a parameter"},
		{"servers of an operation", "      operationId: getMe\n", "      operationId: getMe\n      servers: [{url: https://example.com}]\n", "/paths/~1v1~1me/get/servers:", "is not read in an operation"},
		{"a retired operation", "      operationId: getMe\n", "      operationId: getMe\n      deprecated: true\n", "/paths/~1v1~1me/get/deprecated:", "is not read in an operation"},
		{"a path's words", "  /v1/me:\n", "  /v1/me:\n    summary: Me\n", "/paths/~1v1~1me/summary:", "is not read in a path"},
		{"a body that is no JSON", "          description: The current user, without an envelope.\n          content:\n            application/json:\n", "          description: The current user, without an envelope.\n          content:\n            application/xml:\n", "/paths/~1v1~1me/get/responses/200/content/application~1xml:", "read are application/json"},
		{"a response's links", "          description: The current user, without an envelope.\n", "          description: The current user, without an envelope.\n          links: {}\n", "/paths/~1v1~1me/get/responses/200/links:", "is not read in a response"},
		{"shared parameters", "  schemas:\n    Me:\n", "  parameters: {}\n  schemas:\n    Me:\n", "/components/parameters:", "is not read in the components"},
		{"webhooks", "security: []\n", "security: []\nwebhooks: {}\n", "/webhooks:", "is not read in a specification"},
		{"a flow that nobody follows", "        clientCredentials:\n", "        implicit: {authorizationUrl: https://api.certn.co/a, scopes: {}}\n        clientCredentials:\n", "/components/securitySchemes/certnOAuth/flows/implicit:", "is not read in the flows"},
		{"a refresh endpoint elsewhere", "refreshUrl: https://api.natecosmic.com/auth/v1/oauth/token", "refreshUrl: https://api.natecosmic.com/auth/v1/oauth/renew", "cosmicOAuth, refreshUrl", "renewed at the tokenUrl alone"},
		{"a server with variables", "    description: COSMIC, production. Certn's", "    variables: {}\n    description: COSMIC, production. Certn's", "/servers/0/variables:", "is not read in a server"},

		// Evidence that would be inherited from a page that does not speak of it.
		{"a parameter without evidence", limitEvidence, "", "GET /v1/certifications, query parameter `limit`", "no x-evidence of its own"},
		{"a shared response without evidence", "      x-evidence:\n        grade: assumed\n        source: https://docs.natecosmic.com/api-reference/api\n      content:", "      content:", "response default", "no x-evidence of its own"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := generate(t, changed(t, test.old, test.now))
			if err == nil {
				t.Fatal("it was taken")
			}
			if !strings.Contains(err.Error(), test.place) || !strings.Contains(err.Error(), test.problem) {
				t.Errorf("the error does not name %q and say %q:\n%v", test.place, test.problem, err)
			}
		})
	}
}
