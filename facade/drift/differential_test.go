package drift_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/google/uuid"

	credkit "github.com/credkit/credkit-go"
	"github.com/credkit/credkit-go/api/date"
	"github.com/credkit/credkit-go/facade/drift"
)

// TestDriftAndAnotherValidatorAgree changes recordings at random. What breaks
// us by drift is what kin-openapi's validator refuses, and the other way
// round, but for two differences on purpose: an empty object where fields are
// declared, and an empty day.
func TestDriftAndAnotherValidatorAgree(t *testing.T) {
	doc, err := openapi3.NewLoader().LoadFromData([]byte(credkit.Spec))
	if err != nil {
		t.Fatal(err)
	}
	checker := newChecker(t)
	random := rand.New(rand.NewPCG(1, 2))
	const rounds = 250
	refused := 0
	for file, operation := range map[string]string{"certifications": certifications, "me": me, "users": users} {
		var schema *openapi3.Schema
		for _, item := range doc.Paths.Map() {
			for _, op := range item.Operations() {
				if op.OperationID == operation {
					schema = op.Responses.Value("200").Value.Content["application/json"].Schema.Value
				}
			}
		}
		for range rounds {
			response := recording(t, file)
			for range 1 + random.IntN(2) {
				response = change(random, response)
			}
			body, err := json.Marshal(response)
			if err != nil {
				t.Fatal(err)
			}
			report := check(t, checker, drift.Response{Operation: operation, Body: bytes.NewReader(body)})
			breaks := slices.ContainsFunc(report.Findings, func(f drift.Finding) bool {
				return f.Severity == drift.Breaks && f.Rule != drift.NothingKnown
			})
			var value any
			if err := json.Unmarshal(body, &value); err != nil {
				t.Fatal(err)
			}
			err = schema.VisitJSON(value, openapi3.EnableJSONSchema2020(), openapi3.EnableFormatValidation(),
				openapi3.WithStringFormatValidator("uuid", openapi3.NewCallbackValidator(textualUUID)),
				openapi3.WithStringFormatValidator("date", openapi3.NewCallbackValidator(day)),
				openapi3.WithStringFormatValidator("date-time", openapi3.NewCallbackValidator(instant)))
			if err != nil {
				refused++
			}
			if breaks != (err != nil) {
				t.Fatalf("drift: %v\nkin-openapi: %v\n%s", report.Findings, err, body)
			}
		}
	}
	t.Logf("%d changed responses, %d of them refused by both", 3*rounds, refused)
}

func textualUUID(s string) error {
	if len(s) != 36 {
		return errors.New("no uuid")
	}
	return uuid.Validate(s)
}

func day(s string) error {
	_, err := date.Parse(s) // takes the empty text, as drift does
	return err
}

func instant(s string) error {
	var at time.Time
	return at.UnmarshalText([]byte(s))
}

// change replaces, removes or adds one value somewhere in a document.
func change(random *rand.Rand, doc any) any {
	if random.IntN(4) == 0 {
		return stray(random)
	}
	switch doc := doc.(type) {
	case map[string]any:
		if len(doc) == 0 || random.IntN(6) == 0 {
			doc[pickOne(random, "extra", "id", "data", "next_cursor")] = stray(random)
			return doc
		}
		name := pickOne(random, slices.Sorted(maps.Keys(doc))...)
		if random.IntN(5) == 0 {
			delete(doc, name)
			return doc
		}
		doc[name] = change(random, doc[name])
		return doc
	case []any:
		if len(doc) == 0 {
			return append(doc, stray(random))
		}
		i := random.IntN(len(doc))
		doc[i] = change(random, doc[i])
		return doc
	default:
		return stray(random)
	}
}

func stray(random *rand.Rand) any {
	return pickOne[any](random, nil, true, 7, 2.5, "", "word", "2024-02-30", "2024-02-29", "2024-02-29T10:00:00Z", "2024-02-29T10:00:00",
		"3c90c3cc-0d44-4b50-8888-8dd25736052a", "3c90c3cc0d444b5088888dd25736052a", map[string]any{}, []any{}, []any{"word"}, map[string]any{"id": 1})
}

func pickOne[T any](random *rand.Rand, from ...T) T { return from[random.IntN(len(from))] }

// FuzzCheck reads anything without an error, twice the same way.
func FuzzCheck(f *testing.F) {
	for _, seed := range []string{`{"data":[{"id":1}]}`, `{`, `[]`, `nul`, "\xff", `{"data":[{"id":"\ud800"}]}`, `{"page":{"next_cursor":1e400}}`, `{"data":[[[[[[]]]]]]}`} {
		f.Add([]byte(seed))
	}
	checker, err := drift.New()
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		var reports [2]string
		for i := range reports {
			report := check(t, checker, drift.Response{Operation: certifications, Body: bytes.NewReader(body)})
			text, err := json.Marshal(report)
			if err != nil {
				t.Fatal(err)
			}
			reports[i] = string(text)
		}
		if reports[0] != reports[1] {
			t.Errorf("two reports of one response:\n%s\n%s", reports[0], reports[1])
		}
	})
}
