package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"iter"
	"slices"
	"strings"
	"testing"

	"github.com/credkit/credkit-go/facade/sandbox"
)

func TestAnEmptyListIsAWholeDocument(t *testing.T) {
	w := newWorld(t, sandbox.WithCertifications(), sandbox.WithCertnUserCount(0)).withToken(t)
	for f, want := range map[format]string{formatTable: "", formatJSON: "[]\n", formatJSONL: "", formatCSV: "id,email,first_name,last_name\n"} {
		got := w.run(t, "users", "-o", string(f)).expect(t, exitOK)
		if got.stdout != want {
			t.Errorf("%s: %q, want %q", f, got.stdout, want)
		}
	}
	contain(t, w.run(t, "certs", "-o", "table").stderr, "no certifications\n")
	contain(t, w.run(t, "certs", "-o", "table", "--expired").stderr, "no certifications that match")
	contain(t, w.run(t, "users", "-o", "table").stderr, "no users")
}

func TestUsersInEachFormat(t *testing.T) {
	w := newWorld(t, sandbox.WithCertnUsers(
		`{"id":"44444444-4444-4444-8444-444444444444","email":"ada@example.com","first_name":"Ada","last_name":"Lovelace","is_active":true}`,
		`{"id":"55555555-5555-4555-8555-555555555555"}`))
	for _, f := range []format{formatTable, formatJSON, formatJSONL, formatCSV} {
		golden(t, "users."+string(f), w.run(t, "users", "--output", string(f)).expect(t, exitOK).stdout)
	}
	if out := w.run(t, "users", "--limit", "1").expect(t, exitOK).stdout; strings.Count(out, "\n") != 1 {
		t.Errorf("--limit 1 gave %q", out)
	}
}

func TestAnElementThatDoesNotFitIsToldOfAndTheListGoesOn(t *testing.T) {
	w := certsWorld(t, fullCert, `{"id":"22222222-2222-4222-8222-222222222222","expires_on":"soon"}`, bareCert)
	for _, f := range []format{formatTable, formatJSON, formatJSONL, formatCSV} {
		got := w.run(t, "certs", "-o", string(f)).expect(t, exitFailed)
		contain(t, got.stderr, "element 1 of the list", "/data/1/expires_on", "not every element")
		contain(t, got.stdout, "EPA 608", "a-new-word")
		if f == formatJSON && !json.Valid([]byte(got.stdout)) {
			t.Errorf("no whole document: %s", got.stdout)
		}
	}
}

func TestACutListIsNeverAWholeDocument(t *testing.T) {
	w := certsWorld(t)
	if err := w.Fail(sandbox.On("listCertifications"), sandbox.CutAfter(int64(len(fullCert)+20))); err != nil {
		t.Fatal(err)
	}
	for _, f := range []format{formatTable, formatJSON, formatJSONL, formatCSV} {
		got := w.run(t, "certs", "-o", string(f)).expect(t, exitFailed)
		contain(t, got.stdout, "EPA 608") // what came whole is shown
		contain(t, got.stderr, "cosmic: listCertifications")
		if f == formatJSON && json.Valid([]byte(got.stdout)) {
			t.Errorf("half a list looks whole: %s", got.stdout)
		}
	}
}

func TestSortedByIsBounded(t *testing.T) {
	failed := errors.New("failed")
	list := func(values []int, last error) iter.Seq2[int, error] {
		return func(yield func(int, error) bool) {
			for _, v := range values {
				if !yield(v, nil) {
					return
				}
			}
			if last != nil {
				yield(0, last)
			}
		}
	}
	for name, c := range map[string]struct {
		values  []int
		last    error
		tooLong error
		want    []int
		err     error
	}{
		"it fits":                     {values: []int{3, 1, 2}, want: []int{1, 2, 3}},
		"it fails":                    {values: []int{3, 1}, last: failed, want: []int{1, 3}, err: failed},
		"it is too long":              {values: []int{4, 3, 2, 1, 0}, want: []int{4, 3, 2, 1, 0}},
		"it is too long and must not": {values: []int{4, 3, 2, 1}, tooLong: failed, err: failed},
	} {
		var got []int
		var failure error
		for v, err := range sortedBy(cmp.Compare[int], list(c.values, c.last), 3, func() error { return c.tooLong }) {
			if err != nil {
				failure = err
				continue
			}
			got = append(got, v)
		}
		if !slices.Equal(got, c.want) || !errors.Is(failure, c.err) {
			t.Errorf("%s: %v, %v", name, got, failure)
		}
	}
	for range sortedBy(cmp.Compare[int], list([]int{2, 1}, nil), 3, nil) {
		break // it must not go on
	}
}
