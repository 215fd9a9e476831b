// The program bench measures the library beside its peers, on the same bytes
// and in the same run: "make bench".
//
// Contestants take turns and the median of each one's turns counts. All times
// are of this machine and say little; the ratios say more.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"os"
	"strings"
)

func main() {
	log.SetFlags(0)
	readme := flag.String("readme", "", "the project's README, a `file`: five lines are written into it, and all of them into README.md here, between their marks")
	only := flag.String("only", "", "measure only the groups in this comma-separated `list`")
	turns := flag.Int("turns", 15, "how often each contestant has its turn")
	child := flag.String("child", "", "used by the program itself")
	flag.Parse()
	ctx := context.Background()
	if *child != "" {
		if err := asChild(ctx, *child, flag.Args()); err != nil {
			log.Fatal("bench: ", *child, ": ", err)
		}
		return
	}
	if err := run(ctx, *readme, *only, *turns); err != nil {
		log.Fatal("bench: ", err)
	}
}

// groups are the measurements, in the order of the table.
var groups = []struct {
	name    string
	measure func(ctx context.Context, turns int) ([]line, error)
}{
	{"lists", lists},
	{"writing", writing},
	{"memory", peaks},
	{"call", calls},
	{"tokens", tokens},
	{"expiry", expiry},
	{"paging", paging},
}

func run(ctx context.Context, readme, only string, turns int) error {
	if readme != "" && only != "" {
		return errors.New("a table of a part is not for the README")
	}
	var all []line
	for _, g := range groups {
		if only != "" && !strings.Contains(","+only+",", ","+g.name+",") {
			continue
		}
		fmt.Fprintln(os.Stderr, "measuring:", g.name)
		lines, err := g.measure(ctx, turns)
		if err != nil {
			return fmt.Errorf("%s: %w", g.name, err)
		}
		all = append(all, lines...)
	}
	text := table(all)
	fmt.Print(text)
	if readme == "" {
		return nil
	}
	short, err := summary(all)
	if err != nil {
		return err
	}
	return errors.Join(between("README.md", "bench", text), between(readme, "bench", table(short)))
}
