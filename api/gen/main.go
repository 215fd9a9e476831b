// Command gen turns openapi.yaml into the operations tables of the packages
// below api, the readers and writers of the models that oapi-codegen has
// written there, the table of grades (api/EVIDENCE.md) and the operations table
// of api/README.md. It fails on what it does not read (members.go): a behaviour
// that is described and not executed would be worse than none. It also holds
// the specification to our rules; -check does that and writes nothing.
//
// It is run by go generate from the repository's root.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
)

func main() {
	specFile := flag.String("spec", "openapi.yaml", "the specification to `read`")
	out := flag.String("out", "api", "the `directory` that has one for each service")
	facade := flag.String("facade", "", "the `file` of package facade's types")
	readme := flag.String("readme", "", "a README `file` whose operations table is written anew")
	onlyCheck := flag.Bool("check", false, "read the specification, list the facts that nobody has checked for a year, and write nothing")
	failOld := flag.Bool("fail-old", false, "with -check: fail if there are such facts")
	flag.Parse()
	var err error
	if *onlyCheck {
		err = check(os.Stdout, *specFile, *failOld, time.Now())
	} else {
		err = run(*specFile, *out, *facade, *readme)
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "gen: %s: %v\n", *specFile, err)
		os.Exit(1)
	}
}

// check reads the specification. Facts that are old at the given time are printed,
// and no error unless that is asked for: a build must not begin to fail by the
// calendar alone.
func check(out io.Writer, specFile string, failOld bool, now time.Time) error {
	_, evidence, err := read(specFile)
	if err != nil {
		return err
	}
	old := unchecked(evidence, now.AddDate(-1, 0, 0))
	if old == "" {
		return nil
	}
	old = "NOT CHECKED FOR A YEAR: read each page again, and give its facts a new date in x-evidence:\n" + old
	if failOld {
		return errors.New(old)
	}
	fmt.Fprint(out, old)
	return nil
}

// read reads the specification, and fails on what is not as we want it.
func read(specFile string) ([]*service, *book, error) {
	source, err := os.ReadFile(specFile)
	if err != nil {
		return nil, nil, err
	}
	loader := openapi3.NewLoader()
	loader.IncludeOrigin = true // the order of properties
	doc, err := loader.LoadFromData(source)
	if err != nil {
		return nil, nil, err
	}
	if err := errors.Join(members(source), doc.Validate(context.Background())); err != nil {
		return nil, nil, err
	}
	services, err := tables(doc)
	if err != nil {
		return nil, nil, err
	}
	evidence, err := grades(doc, time.Now().Add(14*time.Hour)) // the day that has begun somewhere
	if err != nil {
		return nil, nil, err
	}
	return services, evidence, describe(services, evidence)
}

func run(specFile, out, facade, readme string) error {
	services, evidence, err := read(specFile)
	if err != nil {
		return err
	}
	var types []facadeType
	for _, s := range services {
		dir := filepath.Join(out, s.Name)
		table, err := renderTable(s)
		if err != nil {
			return err
		}
		if err := write(filepath.Join(dir, "operations.gen.go"), table); err != nil {
			return err
		}
		source, err := os.ReadFile(filepath.Join(dir, s.Name+".gen.go"))
		if err != nil {
			return fmt.Errorf("the models of %s, which oapi-codegen writes first: %w", s.Title, err)
		}
		readers, err := renderModels(s.Name, source)
		if err != nil {
			return err
		}
		if err := write(filepath.Join(dir, "decode.gen.go"), readers); err != nil {
			return err
		}
		own, err := facadeTypes(s.Name, source, s.models)
		if err != nil {
			return err
		}
		types = append(types, own...)
	}
	if facade != "" {
		content, err := renderFacade(types)
		if err != nil {
			return err
		}
		if err := write(facade, content); err != nil {
			return err
		}
	}
	lists, err := renderLists(services)
	if err != nil {
		return err
	}
	if err := write(filepath.Join(out, "server", "lists.gen.go"), lists); err != nil {
		return err
	}
	if err := write(filepath.Join(out, "EVIDENCE.md"), renderEvidence(evidence)); err != nil {
		return err
	}
	if readme == "" {
		return nil
	}
	return replaceInReadme(readme, renderOperations(services, evidence))
}

func write(name string, content []byte) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	return os.WriteFile(name, content, 0o644)
}

// problems collects what is wrong, so that one run names all of it.
type problems []error

func (p *problems) addf(format string, args ...any) { *p = append(*p, fmt.Errorf(format, args...)) }

func (p problems) err() error { return errors.Join(p...) }
