package drift

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"mime"
	"net/http"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	credkit "github.com/credkit/credkit-go"
)

// Checker holds responses against one specification. It keeps nothing between
// responses and is safe for concurrent use.
type Checker struct {
	operations map[string]*operation
	showValues bool
	tokenLimit int
}

// Option is a setting of [New].
type Option func(*settings) error

type settings struct {
	spec       string
	showValues bool
}

// WithSpec holds responses against this OpenAPI text in place of the embedded
// openapi.yaml: a fork of it, or a later one. Line numbers are its lines.
func WithSpec(text string) Option {
	return func(s *settings) error {
		if strings.TrimSpace(text) == "" {
			return errors.New("drift: the specification is empty")
		}
		s.spec = text
		return nil
	}
}

// ShowValues shows values and member names as they came, cut to 64
// characters, in place of their shape. A report then has personal data in it.
func ShowValues() Option {
	return func(s *settings) error {
		s.showValues = true
		return nil
	}
}

// New returns a checker for the embedded openapi.yaml. It fails on a
// specification with parts that responses cannot be held against.
func New(options ...Option) (*Checker, error) {
	s := settings{spec: credkit.Spec}
	for _, option := range options {
		if option == nil {
			continue
		}
		if err := option(&s); err != nil {
			return nil, err
		}
	}
	operations, err := compile(s.spec)
	if err != nil {
		return nil, err
	}
	return &Checker{operations: operations, showValues: s.showValues, tokenLimit: 8 << 20}, nil
}

// Operations returns the operationIds that responses can be held against,
// sorted.
func (c *Checker) Operations() []string { return slices.Sorted(maps.Keys(c.operations)) }

// Response is what a service sent in response to one call.
type Response struct {
	// Operation is the operationId: "listCertifications".
	Operation string
	// Status is the HTTP status; 0 stands for the operation's 2xx.
	Status int
	// Header is the response's header. Where it is nil, as for a body from a
	// file, neither the content type nor any header is looked at.
	Header http.Header
	// Body is read to its end and not closed; nil is an empty body.
	Body io.Reader
}

// Check reads the response and reports where it differs from the
// specification, and which guesses it confirms. A broken response is a finding.
// An error is an unknown operation, a body whose reader failed or a context
// that ended; with the last two comes the report so far.
func (c *Checker) Check(ctx context.Context, resp Response) (*Report, error) {
	op := c.operations[resp.Operation]
	if op == nil {
		return nil, fmt.Errorf("drift: no operation %q in the specification; it has %s", resp.Operation, strings.Join(c.Operations(), ", "))
	}
	if resp.Status == 0 {
		resp.Status = op.success
	}
	if resp.Body == nil {
		resp.Body = http.NoBody
	}
	to := newCollector()
	w := &walker{to: to, show: c.showValues, success: resp.Status/100 == 2}
	body := &source{ctx: ctx, in: resp.Body}
	err := c.response(op, resp, w, body)
	report := &Report{
		Operation: op.id, Status: resp.Status, Responses: 1,
		Bytes: body.read, Values: w.values, Dropped: to.dropped, Findings: to.finish(),
	}
	return report, err
}

func (c *Checker) response(op *operation, resp Response, w *walker, body *source) error {
	declared, exact := op.response(resp.Status)
	if !exact {
		at := op.part
		if declared != nil {
			at = declared.part
		}
		status := fmt.Sprint(resp.Status)
		w.note(at, UndeclaredStatus, status, func() Finding {
			advice := fmt.Sprintf("Declare the response '%d' of %s", resp.Status, op.part)
			if declared != nil {
				advice += " by its number"
			}
			return Finding{Severity: w.grave(), Want: "a declared status", Got: status, Advice: advice + "."}
		})
	}
	if declared == nil {
		return body.drain()
	}
	if exact {
		w.confirm(&use{schema: &schema{}}, declared.part)
	}
	c.headers(declared, resp.Header, w)
	if declared.body == nil {
		return body.drain()
	}
	return c.body(declared, resp, w, body)
}

func (c *Checker) headers(declared *response, header http.Header, w *walker) {
	for _, name := range slices.Sorted(maps.Keys(declared.headers)) {
		values := header.Values(name)
		if len(values) == 0 {
			continue
		}
		u := declared.headers[name]
		s := scalar{"string", values[0], true}
		if u.types.permit("integer") && jsontext.Value(values[0]).IsValid() {
			s = readScalar(jsontext.Value(values[0]))
		}
		w.scalar(u, s)
	}
}

// body holds the JSON of a response against its schema.
func (c *Checker) body(declared *response, resp Response, w *walker, body *source) error {
	broken := func(rule Rule, want, got, advice string) {
		w.note(declared.part, rule, "", func() Finding {
			return Finding{Severity: w.grave(), Want: want, Got: got, Advice: advice}
		})
	}
	if resp.Header != nil && !isJSON(resp.Header.Get("Content-Type")) {
		got := resp.Header.Get("Content-Type")
		if got == "" {
			got = "none"
		}
		broken(WrongContentType, "application/json", got, fmt.Sprintf("If the service means it, declare that content at %s.", declared.part))
	}
	body.limit = c.tokenLimit
	w.dec = jsontext.NewDecoder(body, jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	body.used = w.dec.InputOffset
	err := w.value(declared.body)
	if err == nil {
		_, err = w.dec.ReadToken()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err == nil:
			err = errTrailing
		}
	}
	var malformed *jsontext.SyntacticError
	got := fmt.Sprintf("%d bytes", body.read)
	switch {
	case errors.Is(err, errStopped):
		return nil // by the reader of the response, not by the service
	case errors.Is(err, errTooLong):
		broken(TooLong, "shorter strings", fmt.Sprintf("more than %d bytes", c.tokenLimit), adviceResponse)
		return nil
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		if body.read == 0 {
			got = "an empty body"
		}
		broken(Truncated, "JSON with its end", got, adviceResponse)
		return nil
	case errors.Is(err, errTrailing):
		broken(NotJSON, "one JSON value", "more after its end", adviceResponse)
		return body.drain()
	case errors.As(err, &malformed):
		broken(NotJSON, "JSON", firstBytes(body.head), adviceResponse)
		return body.drain()
	default:
		return err
	}
}

// isJSON reports whether a media type is application/json or ends in +json.
func isJSON(contentType string) bool {
	mediaType, _, err := mime.ParseMediaType(contentType)
	return err == nil && (mediaType == "application/json" || strings.HasSuffix(mediaType, "+json"))
}

// firstBytes tells what a body that is no JSON looks like, without its content.
func firstBytes(head []byte) string {
	switch head = bytes.TrimSpace(head); {
	case bytes.HasPrefix(head, []byte("<")):
		return "HTML or XML"
	case bytes.HasPrefix(head, []byte("{")), bytes.HasPrefix(head, []byte("[")):
		return "broken JSON"
	default:
		return "other text"
	}
}
