package roster_test

import (
	"context"
	"io"
	"strings"

	"github.com/credkit/credkit-go/facade"
	"github.com/credkit/credkit-go/facade/auth"
	"github.com/credkit/credkit-go/facade/roster"
)

// A page that shows what lapses next on the whole team.
func Example() {
	report := func(ctx context.Context, cosmic *facade.Cosmic, sessions *auth.Sessions, file string) error {
		requirements, err := roster.ReadRequirements(strings.NewReader("*,epa-608-universal,45\nnight-*,first-aid-cpr\n"))
		if err != nil {
			return err
		}
		policy, err := roster.NewPolicy(facade.Date{}, []int{30, 60, 90}, requirements)
		if err != nil {
			return err
		}
		var rows []roster.Row
		for w := range roster.Workers(ctx, cosmic, sessions, roster.WithParallel(16)) {
			rows = append(rows, policy.Assess(w))
		}
		matrix := policy.Matrix(rows)
		return roster.WriteFile(file, func(w io.Writer) error { return matrix.WriteHTML(w) })
	}
	_ = report
	// Output:
}
