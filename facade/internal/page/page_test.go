package page_test

import (
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/credkit/credkit-go/api/cosmic"
	"github.com/credkit/credkit-go/api/spec"
	"github.com/credkit/credkit-go/api/wire"
	"github.com/credkit/credkit-go/facade/internal/page"
	"github.com/credkit/credkit-go/facade/internal/safehttp"
)

var paging = spec.Pagination{
	Items: "data", Next: []string{"page", "next_cursor"}, More: []string{"page", "has_more"}, Count: []string{"count"},
	Required: [][]string{{"data"}, {"page"}, {"page", "has_more"}},
}

func element(i int) string {
	return fmt.Sprintf(`{"id":"00000000-0000-4000-8000-%012d","issuer_name":"Ä \"%d\"","x":[{}]}`, i, i)
}

const leads = `"page":{"next_cursor":"c\u0032","has_more":true},"count":3`

// read returns the ids and mismatches of a page, and what it ended in.
func read(p *page.Reader, body io.Reader) (got []string, err error) {
	p.Start(body, -1)
	for {
		var v cosmic.Certification
		_, mismatch, err := p.Read(&v)
		switch {
		case err != nil:
			return got, err
		case mismatch != nil:
			got = append(got, mismatch.Error())
		default:
			got = append(got, v.ID.String()[35:])
		}
	}
}

func TestPages(t *testing.T) {
	three := element(1) + " , " + element(2) + ",\n" + element(3)
	for name, test := range map[string]struct{ body, got, err string }{
		"elements, then what leads on": {`{"data":[` + three + `],` + leads + `}`, "1 2 3", "EOF"},
		"what leads on, then elements": {`{` + leads + ` , "data" : [ ` + three + " ] }\n", "1 2 3", "EOF"},
		"unknown members":              {`{"a":[1,{"data":[]}],"data":[` + element(1) + `],"z":"\"",` + leads + `}`, "1", "EOF"},
		"no elements":                  {`{"data":[],` + leads + `}`, "", "EOF"},
		"an array":                     {`[` + three + `]`, "1 2 3", "EOF"},
		"an element that does not fit": {`{"data":[` + element(1) + `,7,` + element(3) + `],` + leads + `}`, `1 want an object, got a JSON number at "/data/1" 3`, "EOF"},
		"a broken element":             {`{"data":[` + element(1) + `,{"id"}],` + leads + `}`, "1", `not valid JSON at "/data/1`},
		"a comma too many":             {`{"data":[` + element(1) + `,],` + leads + `}`, "1", "not valid JSON"},
		"no comma":                     {`{"data":[` + element(1) + element(2) + `],` + leads + `}`, "1", "not valid JSON"},
		"elements twice":               {`{"data":[],"data":[],` + leads + `}`, "", `the same name twice in one object at "/data"`},
		"a name twice in what is left": {`{"x":{"y":1,"y":2},"data":[],` + leads + `}`, "", `the same name twice in one object at "/x/y"`},
		"no member with elements":      {`{` + leads + `}`, "", `required "data" is missing`},
		"nothing that leads on":        {`{"data":[]}`, "", `required "page" is missing`},
		"not whether there is more":    {`{"data":[],"page":{}}`, "", `required "page.has_more" is missing`},
		"another type of elements":     {`{"data":{}}`, "", `"data" is not an array but a JSON object`},
		"another type of what leads":   {`{"data":[],"page":{"has_more":"yes"}}`, "", `"page.has_more" is a JSON string`},
		"a number":                     {`7`, "", "want a list, got a JSON number"},
		"something after it":           {`{"data":[],` + leads + `} {}`, "", "unexpected data after the JSON value"},
		"nothing":                      {``, "", "unexpected EOF"},
	} {
		t.Run(name, func(t *testing.T) {
			p := page.NewReader(paging, 1<<16)
			for _, body := range []io.Reader{strings.NewReader(test.body), iotest.OneByteReader(strings.NewReader(test.body)), iotest.DataErrReader(strings.NewReader(test.body))} {
				got, err := read(p, body)
				if strings.Join(got, " ") != test.got || !strings.Contains(err.Error(), test.err) {
					t.Errorf("%q, %v\nwant %q, %s", got, err, test.got, test.err)
				}
				if test.err == "EOF" && !p.Bare && (err != io.EOF || p.Next != "c2" || p.More == nil || !*p.More || p.Count == nil || *p.Count != 3) { //nolint:errorlint // the reader's own
					t.Errorf("%v: next %q, more %v, count %v", err, p.Next, p.More, p.Count)
				}
			}
		})
	}
}

// A page that is cut at any byte is no whole page, and its elements are those
// that had come.
func TestAPageThatIsCutIsNotWhole(t *testing.T) {
	body := `{"data":[` + element(1) + "," + element(2) + `],` + leads + `}`
	p := page.NewReader(paging, 1<<16)
	for n := range len(body) {
		got, err := read(p, strings.NewReader(body[:n]))
		if !errors.Is(err, io.ErrUnexpectedEOF) || len(got) != strings.Count(body[:n], `[{}]}`) {
			t.Fatalf("%q: %q, %v", body[:n], got, err)
		}
	}
	broken := errors.New("connection reset")
	if got, err := read(p, io.MultiReader(strings.NewReader(body[:100]), iotest.ErrReader(broken))); !errors.Is(err, broken) {
		t.Errorf("%q, %v", got, err)
	}
}

// What is not needed is skipped however long it is, and what has to be held is
// held within the limit.
func TestMemoryIsBounded(t *testing.T) {
	const limit, much = 1 << 16, 1 << 21
	many := func(begin, text, end string) io.Reader {
		return strings.NewReader(begin + strings.Repeat(text, much/len(text)) + end)
	}
	for name, test := range map[string]struct {
		body     io.Reader
		tooLarge bool
	}{
		"an unknown member":    {many(`{"x":[0`, ",[1, 2]", `],"data":[],`+leads+`}`), false},
		"white space":          {many(`{"data":[`, " ", `],`+leads+`}`), true},
		"one element":          {many(`{"data":[{"x":"`, "long", `"}],`+leads+`}`), true},
		"one string within":    {many(`{"x":"`, "long", `","data":[],`+leads+`}`), true},
		"what leads on":        {many(`{"page":{"next_cursor":"`, "long", `"}}`), true},
		"the name of a member": {many(`{"`, "long", `":1}`), true},
	} {
		t.Run(name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, err := read(page.NewReader(paging, limit), test.body)
			runtime.ReadMemStats(&after)
			var large *safehttp.TooLargeError
			if errors.As(err, &large) != test.tooLarge || !test.tooLarge && err != io.EOF { //nolint:errorlint // the reader's own
				t.Errorf("%v", err)
			}
			if used := after.TotalAlloc - before.TotalAlloc; used > 16*limit {
				t.Errorf("%d bytes for a limit of %d", used, limit)
			}
		})
	}
}

func TestAnEnvelopeHasSoManyMembersAndNotMore(t *testing.T) {
	body := &strings.Builder{}
	for i := range 1100 {
		fmt.Fprintf(body, `,"m%d":0`, i)
	}
	_, err := read(page.NewReader(paging, 1<<16), strings.NewReader("{"+body.String()[1:]+"}"))
	var e *wire.Error
	if !errors.As(err, &e) || !strings.Contains(e.Problem, "too many members") {
		t.Error(err)
	}
}
