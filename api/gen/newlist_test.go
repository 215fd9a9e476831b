//go:build reliability

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// newList is what a maintainer writes to add a list: GET
// /v1/qualification-results, which is documented and not offered. Each text goes
// before the line of its file that begins with before, or is a new file.
var newList = []struct{ file, before, text string }{
	{"openapi.yaml", "  /api/v1/users/:", newListPath},
	{"openapi.yaml", "    CosmicProblem:", newListSchemas},
	{"facade/testdata/conformance/qualification_results.json", "", newListCase},

	{"facade/qualificationresult.go", "", `package facade

import (
	"context"
	"net/http"

	"github.com/credkit/credkit-go/api/cosmic"
)

// ListQualificationResults is the operation of [Cosmic.QualificationResults].
const ListQualificationResults = cosmic.OpListQualificationResults

// QualificationResults is the list of the qualification results of the token's
// own user (listQualificationResults). No request is made before it is ranged
// over. No order is promised.
func (c *Cosmic) QualificationResults(opts ...CallOption) *List[QualificationResult] {
	return newList[QualificationResult](c.client, ListQualificationResults, opts, func(ctx context.Context, size *int32) (*http.Response, error) {
		return c.api.ListQualificationResults(ctx, &cosmic.ListQualificationResultsParams{Limit: size})
	})
}
`},
	{"cmd/credkit/results.go", "", `package main

import (
	"context"

	"github.com/credkit/credkit-go/facade"
)

type resultsCommand struct {
	Limit limitFlag ` + "`placeholder:\"N\" help:\"Stop after so many. Default: all of them.\"`" + `
}

// Run lists the qualification results of who is signed in.
func (c *resultsCommand) Run(ctx context.Context, p *program) error {
	client, err := p.cosmic(ctx)
	if err != nil {
		return err
	}
	columns := listLayout[facade.QualificationResult](facade.ListQualificationResults, "title", "passed_on", "status")
	return printList(ctx, p, client.QualificationResults(), c.Limit, columns, "qualification results")
}
`},
	{"cmd/credkit/main.go", "\tUsers ", "\tResults resultsCommand `cmd:\"\" help:\"List your COSMIC qualification results.\"`\n"},
	{"cmd/credkit/testdata/help-commands.txt", "  users ", "  results           List your COSMIC qualification results.\n"},
	{"cmd/credkit/drift.go", "\t\tfacade.ListCertifications:", "\t\tfacade.ListQualificationResults: readAll((*facade.Cosmic).QualificationResults),\n"},
}

// most is how many lines a list may cost by hand, besides openapi.yaml and its
// conformance case.
const most = 60

const newListPath = `  /v1/qualification-results:
    servers:
      - url: https://api.natecosmic.com
        description: COSMIC, production
    get:
      operationId: listQualificationResults
      tags: [cosmic]
      summary: List qualification results for the token subject
      description: |
        The qualification results of the token's own subject. No order is promised.

        Scopes: ` + "`" + `qualifications:read` + "`" + ` (inferred). Sent again: always. Grade: documented.
      security:
        - cosmicOAuth:
            - qualifications:read
      x-security-evidence:
        grade: inferred
        source: https://docs.natecosmic.com/concepts/scopes
      x-retry: safe
      x-pagination:
        style: cursor
        items: data
        next: page.next_cursor
        more: page.has_more
        cursor-parameter: cursor
        size-parameter: limit
      x-evidence:
        grade: documented
        source: https://docs.natecosmic.com/api-reference/qualification-results
      parameters:
        - name: limit
          in: query
          required: false
          description: Page size.
          x-go-type-skip-optional-pointer: false
          x-evidence:
            grade: documented
            source: https://docs.natecosmic.com/api-reference/qualification-results
          schema:
            type: integer
            format: int32
            minimum: 1
            maximum: 100
            default: 50
          example: 50
        - name: cursor
          in: query
          required: false
          description: Opaque position from a previous list response.
          x-go-type-skip-optional-pointer: false
          x-evidence:
            grade: documented
            source: https://docs.natecosmic.com/api-reference/qualification-results
          schema:
            type: string
            minLength: 1
          example: eyJvIjo1MH0
      responses:
        '200':
          description: One page of the qualification results of the current user.
          content:
            application/json:
              schema:
                $ref: '#/components/schemas/QualificationResultList'
              examples:
                paged:
                  summary: One page
                  value:
                    data:
                      - id: 3c90c3cc-0d44-4b50-8888-8dd25736052a
                        title: Heat pumps, part 1
                        passed_on: '2023-12-25'
                        status: passed
                    page:
                      next_cursor: <string>
                      has_more: true
        default:
          $ref: '#/components/responses/CosmicError'

`

const newListSchemas = `    QualificationResultList:
      type: object
      description: One page of qualification results.
      required: [data, page]
      x-evidence:
        grade: documented
        source: https://docs.natecosmic.com/api-reference/qualification-results
      properties:
        data:
          type: array
          description: The qualification results, in no promised order.
          items:
            $ref: '#/components/schemas/QualificationResult'
        page:
          $ref: '#/components/schemas/Page'
    QualificationResult:
      type: object
      description: How a worker did in a qualification.
      required: [id]
      x-evidence:
        grade: documented
        source: https://docs.natecosmic.com/api-reference/qualification-results
      properties:
        id:
          type: string
          format: uuid
          description: The result.
        title:
          type: [string, 'null']
          description: What was to be shown.
        passed_on:
          type: [string, 'null']
          format: date
          description: The day it was passed; null or absent when it was not.
        status:
          description: How it ended.
          anyOf:
            - $ref: '#/components/schemas/QualificationStatus'
            - type: 'null'
    QualificationStatus:
      type: string
      description: How a qualification ended. Only the first word is known, others will come.
      x-extensible-enum: [passed]
      x-evidence:
        grade: documented
        source: https://docs.natecosmic.com/api-reference/qualification-results
`

const newListCase = `{
  "about": "GET /v1/qualification-results.",
  "cases": [
    {
      "name": "two pages, with a member that is not described",
      "call": { "method": "qualification_results", "page_size": 1 },
      "exchanges": [
        {
          "request": "GET /v1/qualification-results?limit=1",
          "response": {
            "json": {
              "data": [{ "id": "3c90c3cc-0d44-4b50-8888-8dd25736052a", "passed_on": "2023-12-25", "score": 97 }],
              "page": { "next_cursor": "two", "has_more": true }
            }
          }
        },
        {
          "request": "GET /v1/qualification-results?cursor=two&limit=1",
          "response": {
            "json": {
              "data": [{ "id": "123e4567-e89b-12d3-a456-426614174000", "passed_on": null }],
              "page": { "next_cursor": null, "has_more": false }
            }
          }
        }
      ],
      "result": {
        "values": [
          { "id": "3c90c3cc-0d44-4b50-8888-8dd25736052a", "passed_on": "2023-12-25", "score": 97 },
          { "id": "123e4567-e89b-12d3-a456-426614174000", "passed_on": null }
        ]
      }
    }
  ]
}
`

// newListCalls is no part of the list: it calls it against the sandbox.
var newListCalls = map[string]string{
	"facade/newlist_trial_test.go": `package facade_test

import (
	"errors"
	"testing"

	"github.com/credkit/credkit-go/facade"
	"github.com/credkit/credkit-go/facade/auth"
	"github.com/credkit/credkit-go/facade/sandbox"
)

func TestTrialOfANewList(t *testing.T) {
	sb, err := sandbox.New(sandbox.WithPageSize(5))
	if err != nil {
		t.Fatal(err)
	}
	defer sb.Close()
	client := func(scopes ...string) *facade.Cosmic {
		token, err := sb.AccessToken("", scopes...)
		if err != nil {
			t.Fatal(err)
		}
		c, err := facade.NewCosmic(auth.StaticToken(token), facade.WithBaseURL(sb.CosmicURL()), facade.WithHTTPClient(sb.Client()))
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	results, err := client("qualifications:read").QualificationResults().Collect(t.Context(), 100)
	if err != nil || len(results) != 12 || sb.Count(facade.ListQualificationResults) != 3 {
		t.Fatalf("%d results in %d pages: %v", len(results), sb.Count(facade.ListQualificationResults), err)
	}
	seen := map[facade.UUID]bool{}
	for _, r := range results {
		seen[r.ID] = true
		if r.Title != "Heat pumps, part 1" || r.PassedOn.String() != "2023-12-25" || r.Status != facade.QualificationStatusPassed || r.Extra != nil {
			t.Errorf("%+v", r)
		}
	}
	if len(seen) != len(results) {
		t.Errorf("%d different ids of %d", len(seen), len(results))
	}

	_, err = client("certification_records:read").QualificationResults().First(t.Context())
	var lacks *facade.ScopeError
	if !errors.As(err, &lacks) || lacks.Missing[0] != "qualifications:read" || sb.Count(facade.ListQualificationResults) != 3 {
		t.Errorf("without the scope: %v", err)
	}
	if _, err := client("qualifications:read").QualificationResults().PageSize(101).First(t.Context()); !errors.Is(err, facade.ErrInvalid) {
		t.Errorf("a page of 101: %v", err)
	}
	if v := sb.Counters().Violations; v != 0 {
		t.Errorf("%d violations", v)
	}
}
`,
	"cmd/credkit/newlist_trial_test.go": `package main

import (
	"strings"
	"testing"

	"github.com/credkit/credkit-go/facade/sandbox"
)

func TestTrialOfANewListCommand(t *testing.T) {
	w := newWorld(t, sandbox.WithElements("listQualificationResults",
		` + "`" + `{"id":"11111111-1111-4111-8111-111111111111","title":"Ducts","status":"a-new-word","score":97}` + "`" + `)).withToken(t)
	for f, want := range map[format]string{
		formatTable: "TITLE  PASSED ON  STATUS\nDucts  -          a-new-word\n",
		formatCSV:   "id,title,passed_on,status\n11111111-1111-4111-8111-111111111111,Ducts,,a-new-word\n",
		formatJSONL: ` + "`" + `{"id":"11111111-1111-4111-8111-111111111111","status":"a-new-word","title":"Ducts","score":97}` + "`" + ` + "\n",
	} {
		if got := w.run(t, "results", "-o", string(f)).expect(t, exitOK).stdout; got != want {
			t.Errorf("%s: %q, want %q", f, got, want)
		}
	}
	out := w.run(t, "drift", "-o", "csv").expect(t, exitDrift).stdout
	if !strings.Contains(out, "listQualificationResults,200,new information,unknown field,/data/*/score") {
		t.Errorf("drift: %s", out)
	}
}
`,
}

// newListTests are the tests that go through the operations tables, and the
// calls above.
const newListTests = "^(TestEveryOperation|TestConformance$|TestTheSandboxAndTheFacade|TestDriftOfTheServices|TestSandboxOptions|TestHelp$|TestCheck|TestTrial)"

// TestANewListCostsLittle adds an operation to a copy of the tree, as a
// maintainer does, and calls it against the sandbox. First with nothing but its
// stanza in openapi.yaml: then tests say what else it needs.
func TestANewListCostsLittle(t *testing.T) {
	if testing.Short() {
		t.Skip("it builds a copy of the tree")
	}
	byHand := 0
	root := copyOfTheTree(t)
	add := func(described bool) {
		for _, piece := range newList {
			if (piece.file == "openapi.yaml") != described {
				continue
			}
			insert(t, filepath.Join(root, filepath.FromSlash(piece.file)), piece.before, piece.text)
			if !described && !strings.HasSuffix(piece.file, ".json") {
				byHand += strings.Count(piece.text, "\n")
			}
		}
	}
	add(true)
	if out, err := in(t, root, "generate", "."); err != nil {
		t.Fatalf("go generate: %v\n%s", err, out)
	}
	out, err := in(t, root, "test", "-vet=off", "-run", newListTests, "./facade", "./cmd/credkit")
	if err == nil {
		t.Error("nothing is missed")
	}
	for _, missing := range []string{
		"the operation listQualificationResults of COSMIC has no method on Cosmic",
		"listQualificationResults (GET /v1/qualification-results) has no conformance case: add one to facade/testdata/conformance",
		"credkit drift does not ask for listQualificationResults: add it to cosmicCalls",
	} {
		if !strings.Contains(out, missing) {
			t.Errorf("no test says: %s", missing)
		}
	}
	if t.Failed() {
		t.Fatal(out)
	}

	add(false)
	for file, text := range newListCalls {
		insert(t, filepath.Join(root, filepath.FromSlash(file)), "", text)
	}
	t.Logf("%d lines by hand besides openapi.yaml and the conformance case", byHand)
	if byHand > most {
		t.Errorf("%d lines by hand, want at most %d", byHand, most)
	}
	if out, err := in(t, root, "test", "-run", newListTests, "./facade", "./facade/sandbox", "./facade/drift", "./cmd/credkit"); err != nil {
		t.Errorf("with all pieces: %v\n%s", err, out)
	}
}

// copyOfTheTree copies the module, without what is no part of it.
func copyOfTheTree(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	const from = "../.."
	for _, name := range []string{"go.mod", "go.sum", "openapi.yaml", "generate.go", "README.md", "CHANGELOG.md"} {
		content, err := os.ReadFile(filepath.Join(from, name))
		if err == nil {
			err = os.WriteFile(filepath.Join(root, name), content, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, dir := range []string{"api", "facade", "cmd"} {
		if err := os.CopyFS(filepath.Join(root, dir), os.DirFS(filepath.Join(from, dir))); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

// insert adds a text before the line of a file that begins with before; with
// no such line it is the file.
func insert(t *testing.T, file, before, text string) {
	t.Helper()
	if before != "" {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		head, tail, ok := strings.Cut(string(content), "\n"+before)
		if !ok {
			t.Fatalf("%s has no line %q any more", file, before)
		}
		text = head + "\n" + text + before + tail
	}
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// in runs the go command in a copy of the tree. Nobody debugs what it builds.
func in(t *testing.T, root string, args ...string) (string, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", args...)
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=-ldflags=-w")
	out, err := cmd.CombinedOutput()
	return string(out), err
}
