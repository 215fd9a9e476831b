package roster_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/credkit/credkit-go/facade"
	"github.com/credkit/credkit-go/facade/auth"
	"github.com/credkit/credkit-go/facade/roster"
	"github.com/credkit/credkit-go/facade/sandbox"
)

// day is the day of the examples.
var day = time.Date(2026, time.September, 1, 12, 0, 0, 0, time.UTC)

// signedIn is a sandbox with two workers, of whom each has two certifications; their
// sessions; and a third one that nobody has signed in to.
func signedIn() (cosmic *facade.Cosmic, sessions *auth.Sessions, end func()) {
	ctx := context.Background()
	held := func(slug, title string, days int) string {
		return fmt.Sprintf(`{"id":"8c1f0c9e-5a1d-4c3e-9d52-%012d","expires_on":%q,"certification_type":{"slug":%q,"title":%q},"lifecycle_status":"active","validity_status":"valid"}`,
			500+days, day.AddDate(0, 0, days).Format(time.DateOnly), slug, title)
	}
	users := []sandbox.User{
		{Email: "ada@example.com", DisplayName: "Ada Lovelace", Certifications: [][]byte{[]byte(held("epa-608", "EPA 608", 20)), []byte(held("cpr", "First aid", 400))}},
		{Email: "grace@example.com", DisplayName: "Grace Hopper", Certifications: [][]byte{[]byte(held("epa-608", "EPA 608", -2))}},
	}
	sb, err := sandbox.New(sandbox.WithUsers(users...))
	if err != nil {
		log.Fatal(err)
	}
	if sessions, err = auth.NewSessions(auth.NewMemoryStore(), sb.AuthApp()); err != nil {
		log.Fatal(err)
	}
	for _, user := range users {
		grant, err := sb.Grant(sandbox.SignIn{User: user.Email})
		if err != nil {
			log.Fatal(err)
		}
		key, _, _ := strings.Cut(user.Email, "@")
		if err := sessions.SignIn(ctx, key, grant); err != nil {
			log.Fatal(err)
		}
	}
	if cosmic, err = facade.NewCosmic(sessions.Key("any"), sb.CosmicOptions()...); err != nil {
		log.Fatal(err)
	}
	return cosmic, sessions, func() { _ = sessions.Close(ctx); sb.Close() }
}

// assessed is the team as rows.
func assessed(ctx context.Context, cosmic *facade.Cosmic, sessions *auth.Sessions, policy *roster.Policy) (rows []roster.Row) {
	for w := range roster.Workers(ctx, cosmic, sessions) {
		rows = append(rows, policy.Assess(w))
	}
	return rows
}

// A page that shows what lapses next on the whole team.
func Example() {
	ctx := context.Background()
	cosmic, sessions, end := signedIn()
	defer end()
	dir, err := os.MkdirTemp("", "credkit-example-")
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()

	requirements, err := roster.ReadRequirements(strings.NewReader("*,epa-608,45\ngr*,cpr\n")) // who, what, days before its end
	if err != nil {
		log.Fatal(err)
	}
	policy, err := roster.NewPolicy(facade.DateFromTime(day), []int{30, 60, 90}, requirements) // facade.Date{} is today
	if err != nil {
		log.Fatal(err)
	}
	var rows []roster.Row
	for w := range roster.Workers(ctx, cosmic, sessions, roster.WithParallel(16)) {
		if w.Err != nil {
			log.Print(w.Err) // names the worker and what to do; w.NeedsSignIn() says whether it is a sign-in
		}
		rows = append(rows, policy.Assess(w))
	}
	matrix := policy.Matrix(rows)
	for _, row := range matrix.Rows {
		if next, ok := matrix.First(row); ok {
			fmt.Println(row.Name, next.Title, next.State, next.DaysLeft)
		}
	}
	err = roster.WriteFile(filepath.Join(dir, "team.html"), func(w io.Writer) error { return matrix.WriteHTML(w) }) // mode 0600
	if err != nil {
		log.Fatal(err)
	}
	// Output:
	// Grace Hopper cpr never_held 0
	// Ada Lovelace EPA 608 due 20
}

// What is new since the last run, of which no more than hashes were kept.
func ExampleMatrix_Changes() {
	ctx := context.Background()
	cosmic, sessions, end := signedIn()
	defer end()
	rows := func(at time.Time) *roster.Matrix {
		policy, err := roster.NewPolicy(facade.DateFromTime(at), nil, nil)
		if err != nil {
			log.Fatal(err)
		}
		return policy.Matrix(assessed(ctx, cosmic, sessions, policy))
	}

	_, snapshot := rows(day.AddDate(0, 0, -20)).Changes(nil) // the first run
	saved, err := json.Marshal(snapshot)
	if err != nil {
		log.Fatal(err)
	}
	before, err := roster.ReadSnapshot(bytes.NewReader(saved)) // the next one
	if err != nil {
		log.Fatal(err)
	}
	changes, _ := rows(day).Changes(before)
	for _, c := range changes {
		fmt.Println(c.Name, c.Title, c.Kind, c.ExpiresOn)
	}
	// Output:
	// Grace Hopper EPA 608 lapsed 2026-08-30
	// Ada Lovelace EPA 608 due 2026-09-21
}

// Any other work over all sessions, several at a time and one error each.
func ExampleEach() {
	ctx := context.Background()
	cosmic, sessions, end := signedIn()
	defer end()

	scopes := func(ctx context.Context, worker *facade.Cosmic, _ string) (int, error) {
		scopes, err := worker.Scopes(ctx)
		return len(scopes), err
	}
	for result := range roster.Each(ctx, cosmic, sessions, scopes,
		roster.WithKeys("ada", "linus"), // not all of them
		roster.WithTimeout(time.Minute), // of one
		roster.WithProgress(func(roster.Progress) {})) {
		fmt.Println(result.Key, result.Value > 0, result.Err != nil)
	}
	// Unordered output:
	// ada true false
	// linus false true
}

// A part of the team, and a part of what they hold.
func ExampleWorkers() {
	ctx := context.Background()
	cosmic, sessions, end := signedIn()
	defer end()

	var names []string
	for shard := range 2 { // on two machines
		for w := range roster.Workers(ctx, cosmic, sessions, roster.WithShard(shard, 2), roster.WithMatch(facade.TypeSlug("cpr"))) {
			names = append(names, fmt.Sprint(w.Name(), " ", len(w.Certifications)))
		}
	}
	slices.Sort(names)
	fmt.Println(strings.Join(names, ", "))
	// Output: Ada Lovelace 1, Grace Hopper 0
}

// Who is on the team and no user of the Certn account, and the other way round.
func ExampleJoin() {
	ctx := context.Background()
	cosmic, sessions, end := signedIn()
	defer end()
	requirements, err := roster.NewRequirements(roster.Requirement{Worker: "*", Type: "epa-608"})
	if err != nil {
		log.Fatal(err)
	}
	policy, err := roster.NewPolicy(facade.DateFromTime(day), nil, requirements)
	if err != nil {
		log.Fatal(err)
	}
	var user facade.User
	user.Email = "ada@example.com"

	rows, err := roster.Join(assessed(ctx, cosmic, sessions, policy), facade.ListOf(user).All(ctx)) // certn.Users().All(ctx)
	if err != nil {
		log.Fatal(err)
	}
	slices.SortFunc(rows, func(a, b roster.Row) int { return strings.Compare(a.Email, b.Email) })
	for _, row := range rows {
		fmt.Println(row.Email, row.Certn.Presence)
	}
	// Output:
	// ada@example.com both
	// grace@example.com only_cosmic
}
