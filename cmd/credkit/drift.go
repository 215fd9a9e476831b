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
	Operation  string `placeholder:"ID" help:"The operation of --file, such as listUsers."`
	File       string `placeholder:"FILE" help:"A response's JSON body; - is stdin. Default: ask the services that are set up."`
	Status     int    `placeholder:"CODE" help:"The HTTP status of --file. Default: the operation's success."`
	Limit      count  `placeholder:"N" help:"Read at most so many elements of each live list."`
	ShowValues bool   `help:"Show values as they came and not only their shape. The report then has personal data in it."`
}

// Run holds responses against openapi.yaml.
func (c *driftCommand) Run(ctx context.Context, p *program) error {
	if (c.File == "") != (c.Operation == "") {
		return usagef("--operation and --file go together: credkit drift --operation listUsers --file users.json")
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

// live asks what can be asked without changing anything, of each service that
// is set up.
func (c *driftCommand) live(ctx context.Context, p *program, checker *drift.Checker) ([]*drift.Report, error) {
	if p.env(envCosmicID) == "" && p.env(envCosmicToken) == "" && p.env(envCertnID) == "" {
		return nil, usagef("neither %s nor %s is set, so there is no service to ask\n  to check a recorded response: credkit drift --operation listUsers --file users.json", envCosmicID, envCertnID)
	}
	recorder := checker.NewRecorder()
	watch := facade.WithMiddleware(recorder.Middleware)
	var errs []error
	if p.env(envCosmicID) != "" || p.env(envCosmicToken) != "" {
		client, err := p.cosmic(ctx, watch, facade.WithScopeCheck(facade.CheckNever))
		if err == nil {
			err = askAll(ctx, &cosmic.Service, cosmicAsks, client, c.Limit)
		}
		errs = append(errs, err)
	}
	if p.env(envCertnID) != "" && ctx.Err() == nil {
		client, err := p.certn(watch)
		if err == nil {
			err = askAll(ctx, &certn.Service, certnAsks, client, c.Limit)
		}
		errs = append(errs, err)
	}
	if onThisMachine(p.env(envCosmicBase)) || onThisMachine(p.env(envCertnBase)) {
		p.say("note: a server on this machine has responded: that is no evidence of the real service, and changes no grade")
	}
	return recorder.Reports(), errors.Join(errs...)
}

// onThisMachine reports whether a base URL leads to a loopback address, as the
// sandbox's does.
func onThisMachine(base string) bool {
	u, err := url.Parse(base)
	if err != nil {
		return false
	}
	address, err := netip.ParseAddr(u.Hostname())
	return u.Hostname() == "localhost" || err == nil && address.IsLoopback()
}

// ask makes the call of an operation and reads the response, of a list at most
// limit elements.
type ask[C any] func(ctx context.Context, client C, limit count) error

// The calls that drift makes: one of every operation that changes nothing. A
// test says which is missing.
var (
	cosmicAsks = map[facade.OperationID]ask[*facade.Cosmic]{
		facade.GetMe: func(ctx context.Context, client *facade.Cosmic, _ count) error {
			_, err := client.Me(ctx)
			return err
		},
		facade.ListCertifications: whole((*facade.Cosmic).Certifications),
	}
	certnAsks = map[facade.OperationID]ask[*facade.Certn]{
		facade.ListUsers: whole((*facade.Certn).Users),
	}
)

// whole reads a list for the sake of reading it.
func whole[C, T any](list func(C, ...facade.CallOption) *facade.List[T]) ask[C] {
	return func(ctx context.Context, client C, limit count) error {
		n := 0
		for _, err := range list(client).All(ctx) {
			var bad *facade.ElementError
			if err != nil && !errors.As(err, &bad) {
				return err
			}
			if n++; n == int(limit) {
				break
			}
		}
		return nil
	}
}

// askAll asks for the operations of a service in the order of its table. What a
// sign-in may not read does not keep the others from being asked for; any other
// failure would be theirs, too.
func askAll[C any](ctx context.Context, service *spec.Service, asks map[facade.OperationID]ask[C], client C, limit count) error {
	var refused []error
	for _, op := range service.Operations {
		call, ok := asks[op.ID]
		if !ok {
			continue
		}
		err := reported(call(ctx, client, limit))
		if err != nil && !errors.Is(err, facade.ErrForbidden) {
			return errors.Join(append(refused, err)...)
		}
		refused = append(refused, err)
	}
	return errors.Join(refused...)
}

// reported drops an error about the response itself: the report has it. A
// response that was cut off says nothing of its shape.
func reported(err error) error {
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
	case asTable:
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
	case asCSV:
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

// knownNumber is a number that is unknown where it is 0, and empty then.
func knownNumber[N int | int64](n N) string {
	if n == 0 {
		return ""
	}
	return strconv.FormatInt(int64(n), 10)
}

// printFindings prints a line a finding.
func printFindings(p *program, reports []*drift.Report) error {
	to := newRows(p, layout[finding]{csv: []column[finding]{
		{name: "operation", cell: func(f finding) string { return f.report.Operation }},
		{name: "status", cell: func(f finding) string { return knownNumber(f.report.Status) }},
		{name: "severity", cell: func(f finding) string { return string(f.Severity) }},
		{name: "rule", cell: func(f finding) string { return string(f.Rule) }},
		{name: "path", cell: func(f finding) string { return f.Path }},
		{name: "count", cell: func(f finding) string { return knownNumber(f.Count) }},
		{name: "want", cell: func(f finding) string { return f.Want }},
		{name: "got", cell: func(f finding) string { return f.Got }},
		{name: "part", cell: func(f finding) string { return f.Part }},
		{name: "line", cell: func(f finding) string { return knownNumber(f.Line) }},
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
