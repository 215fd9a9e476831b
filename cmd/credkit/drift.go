package main

import (
	"cmp"
	"context"
	"errors"
	"io"
	"net/netip"
	"net/url"
	"os"
	"strconv"

	"github.com/credkit/credkit-go/api/certn"
	"github.com/credkit/credkit-go/api/cosmic"
	"github.com/credkit/credkit-go/api/spec"
	"github.com/credkit/credkit-go/facade"
	"github.com/credkit/credkit-go/facade/drift"
)

type driftCommand struct {
	Operation  string    `placeholder:"ID" complete:"operations" help:"The operation of --file, such as listUsers."`
	File       string    `placeholder:"FILE" help:"A response's JSON body; - is stdin. Default: check the services that are set up."`
	Status     int       `placeholder:"CODE" help:"The HTTP status of --file. Default: the operation's success."`
	Limit      limitFlag `placeholder:"N" help:"Read at most so many elements of each live list."`
	ShowValues bool      `help:"Show values as they came and not only their shape. The report then has personal data in it."`
}

// Run checks responses against openapi.yaml.
func (c *driftCommand) Run(ctx context.Context, p *program) error {
	if (c.File == "") != (c.Operation == "") {
		return usagef("--operation and --file go together: credkit drift --operation listUsers --file users.json")
	}
	switch {
	case c.File != "" && c.Limit > 0:
		return usagef("--limit is for live lists: it has no effect with --file")
	case c.File == "" && c.Status != 0:
		return usagef("--status is that of --file: it has no effect without it")
	}
	var opts []drift.Option
	if c.ShowValues {
		opts = append(opts, drift.ShowValues())
	}
	checker, err := drift.New(opts...)
	if err != nil {
		return err
	}
	var reports []*drift.Report
	if c.File != "" {
		reports, err = c.file(ctx, p, checker)
	} else {
		reports, err = c.live(ctx, p, checker)
	}
	return errors.Join(err, c.print(p, reports))
}

// file checks a recorded response.
func (c *driftCommand) file(ctx context.Context, p *program, checker *drift.Checker) ([]*drift.Report, error) {
	body := p.stdin
	if c.File != "-" {
		f, err := os.Open(c.File)
		if err != nil {
			return nil, usagef("--file: %w", err)
		}
		defer func() { _ = f.Close() }() // only read
		body = f
	}
	report, err := checker.Check(ctx, drift.Response{Operation: c.Operation, Status: c.Status, Body: body})
	switch {
	case report != nil:
		return []*drift.Report{report}, err
	case err != nil:
		return nil, usageError{err}
	}
	return nil, nil
}

// live makes every call that changes nothing, of each service that is set up.
func (c *driftCommand) live(ctx context.Context, p *program, checker *drift.Checker) ([]*drift.Report, error) {
	if p.env(envCosmicID) == "" && p.env(envCosmicToken) == "" && p.env(envCertnID) == "" {
		return nil, usagef("neither %s nor %s is set, so there is no service to check\n  to check a recorded response: credkit drift --operation listUsers --file users.json", envCosmicID, envCertnID)
	}
	recorder := checker.NewRecorder()
	record := facade.WithMiddleware(recorder.Middleware)
	var errs []error
	if p.env(envCosmicID) != "" || p.env(envCosmicToken) != "" {
		client, err := p.cosmic(ctx, record, facade.WithScopeCheck(facade.CheckNever))
		if err == nil {
			err = callAll(ctx, &cosmic.Service, cosmicCalls, client, c.Limit)
		}
		errs = append(errs, err)
	}
	if p.env(envCertnID) != "" && ctx.Err() == nil {
		client, err := p.certn(record)
		if err == nil {
			err = callAll(ctx, &certn.Service, certnCalls, client, c.Limit)
		}
		errs = append(errs, err)
	}
	if isLoopback(p.env(envCosmicBase)) || isLoopback(p.env(envCertnBase)) {
		p.printErrf("note: a server on this machine has responded: that is no evidence of the real service and changes no grade")
	}
	return recorder.Reports(), errors.Join(errs...)
}

// isLoopback reports whether a base URL is on this machine, as the sandbox's is.
func isLoopback(base string) bool {
	u, err := url.Parse(base)
	if err != nil {
		return false
	}
	address, err := netip.ParseAddr(u.Hostname())
	return u.Hostname() == "localhost" || err == nil && address.IsLoopback()
}

// readCall makes the call of an operation and reads the response, of a list at
// most limit elements.
type readCall[C any] func(ctx context.Context, client C, limit limitFlag) error

// The calls that drift makes: one of every operation that changes nothing. A
// test says which is missing.
var (
	cosmicCalls = map[facade.OperationID]readCall[*facade.Cosmic]{
		facade.GetMe: func(ctx context.Context, client *facade.Cosmic, _ limitFlag) error {
			_, err := client.Me(ctx)
			return err
		},
		facade.ListCertifications: readAll((*facade.Cosmic).Certifications),
	}
	certnCalls = map[facade.OperationID]readCall[*facade.Certn]{
		facade.ListUsers: readAll((*facade.Certn).Users),
	}
)

// readAll reads a list.
func readAll[C, T any](list func(C, ...facade.CallOption) *facade.List[T]) readCall[C] {
	return func(ctx context.Context, client C, limit limitFlag) error {
		n := 0
		for _, err := range list(client).All(ctx) {
			if err != nil && !errors.As(err, new(*facade.ElementError)) {
				return err
			}
			if n++; n == int(limit) {
				break
			}
		}
		return nil
	}
}

// callAll makes the calls of a service in the order of its table. After a call
// that the sign-in does not allow it goes on; any other failure would be that of
// the other calls, too.
func callAll[C any](ctx context.Context, service *spec.Service, calls map[facade.OperationID]readCall[C], client C, limit limitFlag) error {
	var forbidden []error
	for _, op := range service.Operations {
		call, ok := calls[op.ID]
		if !ok {
			continue
		}
		err := ignoreInvalid(call(ctx, client, limit))
		if err != nil && !errors.Is(err, facade.ErrForbidden) {
			return errors.Join(append(forbidden, err)...)
		}
		forbidden = append(forbidden, err)
	}
	return errors.Join(forbidden...)
}

// ignoreInvalid drops an error about the response itself: the report has it. A
// response that was cut off says nothing of its shape.
func ignoreInvalid(err error) error {
	if errors.Is(err, facade.ErrInvalidResponse) && !errors.Is(err, facade.ErrTruncated) {
		return nil
	}
	return err
}

// print prints the reports; errDrift says that one differs.
func (c *driftCommand) print(p *program, reports []*drift.Report) error {
	var differs error
	for _, r := range reports {
		if r.Differs() {
			differs = errDrift
		}
	}
	switch p.format() {
	case formatTable:
		for i, r := range reports {
			if i > 0 {
				if _, err := io.WriteString(p.stdout, "\n"); err != nil {
					return err
				}
			}
			if err := r.WriteText(p.stdout); err != nil {
				return err
			}
		}
		return differs
	case formatCSV:
		return cmp.Or(printFindings(p, reports), differs)
	default:
		to := newRows(p, layout[*drift.Report]{})
		for _, r := range reports {
			if err := to.write(r); err != nil {
				return err
			}
		}
		return cmp.Or(to.close(), differs)
	}
}

// finding is one of a report, with what the report is about.
type finding struct {
	report *drift.Report
	drift.Finding
}

// numberOrEmpty is a number, or empty for 0.
func numberOrEmpty[N int | int64](n N) string {
	if n == 0 {
		return ""
	}
	return strconv.FormatInt(int64(n), 10)
}

// printFindings prints a line a finding.
func printFindings(p *program, reports []*drift.Report) error {
	to := newRows(p, layout[finding]{csv: []column[finding]{
		{name: "operation", cell: func(f finding) string { return f.report.Operation }},
		{name: "status", cell: func(f finding) string { return numberOrEmpty(f.report.Status) }},
		{name: "severity", cell: func(f finding) string { return string(f.Severity) }},
		{name: "rule", cell: func(f finding) string { return string(f.Rule) }},
		{name: "path", cell: func(f finding) string { return f.Path }},
		{name: "count", cell: func(f finding) string { return numberOrEmpty(f.Count) }},
		{name: "want", cell: func(f finding) string { return f.Want }},
		{name: "got", cell: func(f finding) string { return f.Got }},
		{name: "part", cell: func(f finding) string { return f.Part }},
		{name: "line", cell: func(f finding) string { return numberOrEmpty(f.Line) }},
		{name: "grade", cell: func(f finding) string { return f.Grade }},
		{name: "advice", cell: func(f finding) string { return f.Advice }},
	}})
	for _, r := range reports {
		for _, f := range r.Findings {
			if err := to.write(finding{r, f}); err != nil {
				return err
			}
		}
	}
	return to.close()
}
