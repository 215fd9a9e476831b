package drift

import "fmt"

// Severity says what a finding means for credkit.
type Severity string

// The severities, gravest first.
const (
	// Breaks: the response does not keep what credkit relies on.
	Breaks Severity = "breaks us"
	// Informs: the response has more than openapi.yaml knows.
	Informs Severity = "new information"
	// Confirms: a part that was inferred or assumed is as it is described.
	Confirms Severity = "confirms a guess"
)

// Severities returns all of them, gravest first.
func Severities() []Severity { return []Severity{Breaks, Informs, Confirms} }

// Rule names what was held against the specification.
type Rule string

// The rules.
const (
	// UnknownField is a member that the schema does not declare.
	UnknownField Rule = "unknown field"
	// MissingField is a member that the schema requires and that is absent.
	MissingField Rule = "missing field"
	// NothingKnown is an object with none of the members that are declared.
	NothingKnown Rule = "nothing known"
	// DuplicateField is a declared member that stands twice in one object.
	DuplicateField Rule = "duplicate field"
	// WrongType is a value of another JSON type.
	WrongType Rule = "wrong type"
	// WrongFormat is a string or number of the right type that is no uuid,
	// date, date-time or integer of the declared size.
	WrongFormat Rule = "wrong format"
	// NewWord is a word that the x-extensible-enum does not have.
	NewWord Rule = "new word"
	// UnexpectedNull is a null where the schema has none.
	UnexpectedNull Rule = "unexpected null"
	// UndeclaredStatus is a status that the operation does not declare by
	// its number.
	UndeclaredStatus Rule = "undeclared status"
	// WrongContentType is a response that does not call itself JSON.
	WrongContentType Rule = "wrong content type"
	// NotJSON is a body that is no JSON, or has more after its end.
	NotJSON Rule = "not JSON"
	// Truncated is a body that ends before its JSON does, or is empty.
	Truncated Rule = "truncated"
	// TooLong is a single string or number beyond what is held in memory;
	// the rest of the response is not looked at.
	TooLong Rule = "too long"
	// BadText is a string that is not UTF-8.
	BadText Rule = "bad text"
	// AsDescribed is a guess that holds.
	AsDescribed Rule = "as described"
)

// Finding is one difference, or one guess that holds, wherever and however
// often it was seen in a response.
type Finding struct {
	Severity Severity `json:"severity"`
	Rule     Rule     `json:"rule"`
	// Path is the JSON pointer (RFC 6901) with * for each list index and each
	// member name that is data: /data/*/issued_on. It is empty for the
	// response as a whole.
	Path string `json:"path"`
	// First is the pointer of the first place: /data/17/issued_on.
	First string `json:"first"`
	// Count is how many places there are.
	Count int64 `json:"count"`
	// Want and Got are what openapi.yaml says and the shape of what came;
	// Got is that of the first place.
	Want string `json:"want,omitempty"`
	Got  string `json:"got,omitempty"`
	// Part names the part of openapi.yaml that this is about, Line is the
	// line where it begins, Grade and Source are its evidence.
	Part   string `json:"part"`
	Line   int    `json:"line"`
	Grade  string `json:"grade"`
	Source string `json:"source"`
	// Advice is a sentence that says what to change in openapi.yaml.
	Advice string `json:"advice"`

	inside *schema // of the object with an unknown field
	format string  // of the unknown field's value
	kind   string
	word   string // what came, where each is a finding of its own
}

// String is the finding on one line.
func (f Finding) String() string {
	return fmt.Sprintf("%s: %s at %s (openapi.yaml:%d)", f.Severity, f.Rule, place(f.First), f.Line)
}

// key tells findings apart that are not the same one seen again.
func (f *Finding) key() findingKey {
	return findingKey{rule: f.Rule, path: f.Path, part: f.Part, word: f.word}
}

type findingKey struct {
	rule             Rule
	path, part, word string
}

func place(pointer string) string {
	if pointer == "" {
		return "the response as a whole"
	}
	return pointer
}
