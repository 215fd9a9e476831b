// The program bench runs the benchmarks of this directory and holds them
// against each other: "make bench".
//
// The short ones run several times, each time in a new process, so that what
// else the machine does meets all clients; their median counts. All times are
// of this machine and say little; the ratios say more.
package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"time"

	"golang.org/x/perf/benchfmt"
)

func main() {
	log.SetFlags(0)
	readme := flag.String("readme", "", "the project's README, a `file`: some lines are written into it, and all of them into README.md here, between their marks")
	only := flag.String("only", ".", "run only benchmarks whose name matches the `regexp`: List, Write, Call, Token, Memory, Expiry, Paging, FleetLimit, FleetExpired, Statuses")
	turns := flag.Int("turns", 15, "how often the short benchmarks run")
	flag.Parse()
	if err := run(*readme, *only, *turns); err != nil {
		log.Fatal("bench: ", err)
	}
}

// short are the benchmarks that run several times. The others take seconds
// each, most of them by sleeping.
var short = regexp.MustCompile(`^(List|Write|Call|Token)\b`)

func run(readme, only string, turns int) error {
	want, err := regexp.Compile(only)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	binary := filepath.Join(dir, "bench.test")
	if err := command("go", "test", "-c", "-o", binary, ".").Run(); err != nil {
		return err
	}
	var often, once []string
	for _, name := range benchmarks() {
		switch {
		case !want.MatchString(name):
		case short.MatchString(name):
			often = append(often, name)
		default:
			once = append(once, name)
		}
	}
	all := measurements{}
	for range turns {
		if err := all.measure(binary, often); err != nil {
			return err
		}
	}
	if err := all.measure(binary, once); err != nil {
		return err
	}
	text := all.table(table)
	fmt.Print(text)
	if readme == "" {
		return nil
	}
	var inShort []row
	for _, r := range table {
		if r.short { // beside its first peer
			r.peers = r.peers[:min(1, len(r.peers))]
			inShort = append(inShort, r)
		}
	}
	return errors.Join(between("README.md", text), between(readme, all.table(inShort)))
}

func command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(name, args...)
	cmd.Stderr = os.Stderr
	return cmd
}

// benchmarks are the names in the table, without what follows the first slash.
func benchmarks() (names []string) {
	for _, r := range table {
		name, _, _ := strings.Cut(r.name, "/")
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// measurements are the values of each benchmark, by its name and the unit.
type measurements map[string]map[string][]float64

// measure runs benchmarks once.
func (m measurements) measure(binary string, names []string) error {
	if len(names) == 0 {
		return nil
	}
	cmd := command(binary, "-test.run", "^$", "-test.bench", "^Benchmark("+strings.Join(names, "|")+")$", "-test.benchtime", "60ms", "-test.timeout", "1h")
	var out bytes.Buffer
	cmd.Stdout = io.MultiWriter(&out, os.Stderr)
	if err := cmd.Run(); err != nil {
		return err
	}
	r := benchfmt.NewReader(&out, "")
	for r.Scan() {
		result, ok := r.Result().(*benchfmt.Result)
		if !ok {
			continue
		}
		name := regexp.MustCompile(`-\d+$`).ReplaceAllString(result.Name.String(), "")
		if m[name] == nil {
			m[name] = map[string][]float64{}
		}
		for _, v := range result.Values {
			m[name][v.Unit] = append(m[name][v.Unit], v.Value)
		}
	}
	return r.Err()
}

// median returns a benchmark's value, and whether it has one.
func (m measurements) median(name, unit string) (float64, bool) {
	values := slices.Sorted(slices.Values(m[name][unit]))
	if len(values) == 0 {
		return 0, false
	}
	return values[len(values)/2], true
}

// between puts text between the two marks in a file.
func between(file, text string) error {
	old, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	begin, end := []byte("<!-- bench: begin -->\n"), []byte("<!-- bench: end -->")
	head, rest, found := bytes.Cut(old, begin)
	_, tail, closed := bytes.Cut(rest, end)
	if !found || !closed {
		return fmt.Errorf("%s has not both marks, %q and %q", file, begin, end)
	}
	return os.WriteFile(file, bytes.Join([][]byte{head, begin, []byte(text), end, tail}, nil), 0o644)
}

// table writes rows as Markdown, those of them that were measured, and below
// them where and when.
func (m measurements) table(rows []row) string {
	var b strings.Builder
	b.WriteString("| what | credkit | beside | its figures | ratio | to reach |\n|---|---|---|---|---|---|\n")
	for _, r := range rows {
		ours := m.figures(r.name + "/client=" + r.ours())
		if ours == "" {
			continue
		}
		what := r.what
		for _, p := range r.beside() {
			ratio, reach := m.compare(r, p)
			fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s |\n", what, ours, titles[p.client], m.figures(r.name+"/client="+p.client), ratio, reach)
			what, ours = "", ""
		}
	}
	fmt.Fprintf(&b, "\nMedians of one run, the clients by turns: of speeds more is better, of everything else less.\n"+
		"%s, %s/%s, %d CPUs, %s; `make bench` prints it anew.\n",
		runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), time.Now().UTC().Format("2006-01-02"))
	return b.String()
}
